"""Commands in the store's file: who waits for what, and what came of it."""
# ruff: noqa: S608 (names of our own columns are all that is put into statements)

import json
import sqlite3
from collections.abc import Iterable
from dataclasses import asdict, replace
from typing import Any

from memguard.commands import WAITING_SECONDS, Command, FollowedFunction, FollowedLine, Following, Outcome
from memguard.forking import undivided
from memguard.model import WorkerId
from memguard.store import rows

KEPT = 500

_COLUMNS = "id, service, host, pid, started_at, asked_at, state, body"
_MINE = "service = ? AND host = ? AND pid = ? AND started_at = ? AND state = 'waiting'"


def add(connection: sqlite3.Connection, service: str, commands: Iterable[Command]) -> None:
    """Write new commands, and forget all but the newest."""
    for each in commands:
        worker = each.worker
        key = (each.id, service, rows.text(worker.host), worker.pid, worker.started_at)
        connection.execute(
            f"INSERT OR REPLACE INTO command ({_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
            (*key, rows.number(each.asked_at), each.state, rows.packed(asdict(each))),
        )
    connection.execute(
        "DELETE FROM command WHERE rowid NOT IN (SELECT rowid FROM command ORDER BY asked_at DESC, rowid DESC LIMIT ?)",
        (KEPT,),
    )


def is_waited_for(connection: sqlite3.Connection, service: str, worker: WorkerId) -> bool:
    """Tell whether something waits for a worker; takes no lock, so it may be asked every second."""
    return connection.execute(f"SELECT 1 FROM command WHERE {_MINE}", _key(service, worker)).fetchone() is not None


def take(connection: sqlite3.Connection, service: str, worker: WorkerId, now: float) -> list[Command]:
    """Return what waits for a worker and is not too old; from then on it is running."""
    found = connection.execute(f"SELECT body FROM command WHERE {_MINE} ORDER BY rowid", _key(service, worker))
    waiting = [to_command(body) for (body,) in found.fetchall()]
    taken = [
        replace(each, state="running", changed_at=now) for each in waiting if now - each.asked_at <= WAITING_SECONDS
    ]
    for each in taken:
        update(connection, each)
    return taken


def update(connection: sqlite3.Connection, command: Command) -> None:
    """Write a command's new state; nothing happens where it is forgotten."""
    connection.execute(
        "UPDATE command SET state = ?, body = ? WHERE id = ?", (command.state, rows.packed(asdict(command)), command.id)
    )


def read(connection: sqlite3.Connection, service: str, limit: int) -> list[Command]:
    """Return the newest commands of a service, newest first."""
    found = connection.execute(
        "SELECT body FROM command WHERE service = ? ORDER BY asked_at DESC, rowid DESC LIMIT ?", (service, limit)
    )
    return [to_command(body) for (body,) in found]


def to_command(body: str) -> Command:
    """Return the command of its JSON, also of one that a memguard with fewer or more fields wrote."""
    found = json.loads(body)
    about = found.get("following")
    following = rows.made(Following, {**about, "functions": tuple(about.get("functions", ()))}) if about else None
    outcome = _outcome(found["outcome"]) if found.get("outcome") else None
    worker = rows.made(WorkerId, found["worker"])
    with undivided():  # 140 kB, for what few ever ask
        from memguard.store.inspected import to_question

    question = to_question(found["question"]) if found.get("question") else None
    return rows.made(
        Command, {**found, "worker": worker, "outcome": outcome, "following": following, "question": question}
    )


def _outcome(found: dict[str, Any]) -> Outcome:
    functions = tuple(
        rows.made(
            FollowedFunction, {**each, "lines": tuple(rows.made(FollowedLine, line) for line in each.get("lines", ()))}
        )
        for each in found.get("functions", ())
    )
    with undivided():
        from memguard.store.inspected import to_inspection

    inspection = to_inspection(found["inspection"]) if found.get("inspection") else None
    return rows.made(Outcome, {**found, "functions": functions, "inspection": inspection})


def _key(service: str, worker: WorkerId) -> tuple[str, str, int, float]:
    return service, rows.text(worker.host), worker.pid, worker.started_at
