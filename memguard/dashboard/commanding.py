"""Commands over HTTP: who may give them, what they may hold, who they go to, and what came of them.

Looking needs the token or a debugging developer; acting always needs the token. A page of another site cannot make a
browser act here: it cannot send the header `X-Memguard`, nor JSON, without asking first, and is not answered.
"""

import json
import secrets
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Any
from urllib.parse import urlsplit

from memguard.commands import (
    ACTIONS,
    Action,
    Command,
    Following,
    state_at,
)
from memguard.dashboard import queries
from memguard.dashboard.lists import worker_key
from memguard.dashboard.living import is_alive
from memguard.dashboard.merging import moment
from memguard.dashboard.messages import BODY_LIMIT, Request, Source
from memguard.dashboard.particulars import LINES_SECONDS, TRACE_SECONDS, RefusedError, following, question, seconds
from memguard.inspection import Question
from memguard.model import WorkerId
from memguard.settings import Settings
from memguard.store import Store

HEADER = "x-memguard"
WORKERS_MOST = 1_000
WAITING_MOST = 1_000
COMMANDS_READ = 500
KNOWN = ("action", "workers", "seconds", "operation", "units", "functions", "way", "name", "most")
__all__ = ["LINES_SECONDS", "TRACE_SECONDS", "RefusedError", "ask", "get", "living", "post", "refusal", "row"]

NO_TOKEN = "Commands need a token. Set one for this service (MEMGUARD_TOKEN), and sign in with it."  # noqa: S105 (none)


def refusal(settings: Settings) -> str:
    """Return why nobody may give commands here, empty where the token allows it."""
    return "" if settings.token is not None else NO_TOKEN


def post(request: Request, settings: Settings, source: Source) -> dict[str, Any]:
    """Take commands; the answer names each of them. Raise RefusedError where they are not taken."""
    queries.asked(request.query)
    _check(request, settings)
    told, action = _parsed(request.body)
    lasts, follow, look = seconds(told.get("seconds"), action), following(told, action), question(told, action)
    now = time.time()
    workers = _chosen(told.get("workers"), living(source.store, here=source.worker_id.host, now=now))
    asked = ask(source.store, action, workers, seconds=lasts, now=now, following=follow, question=look)
    return {"commands": [row(each, now) for each in asked]}


def living(store: Store, *, here: str, now: float) -> list[WorkerId]:
    """Return the workers that are alive, as far as this host can tell."""
    return [each.id for each in store.read().workers if is_alive(each, here=here, now=now)]


def ask(
    store: Store,
    action: Action,
    workers: Iterable[WorkerId],
    *,
    seconds: float,
    now: float,
    following: Following | None = None,
    question: Question | None = None,
) -> list[Command]:
    """Ask workers to do something; raise RefusedError where too much is waiting already."""
    commands = [
        Command(secrets.token_hex(8), action, worker, now, now, seconds, following=following, question=question)
        for worker in workers
    ]
    waiting = sum(state_at(each, now) == "waiting" for each in store.commands(limit=COMMANDS_READ))
    if waiting + len(commands) > WAITING_MOST:
        raise RefusedError(429, f"{waiting} commands are waiting already; try again in a minute.")
    store.add_commands(commands)
    return commands


def get(query: str, source: Source) -> dict[str, Any]:
    """Return the newest commands, newest first, with what came of them."""
    found = queries.asked(query, "limit")
    limit, now = queries.whole_number(found, "limit", 100, COMMANDS_READ), time.time()
    return {"commands": [row(each, now) for each in source.store.commands(limit=limit)]}


def _check(request: Request, settings: Settings) -> None:
    if reason := refusal(settings):
        raise RefusedError(403, reason)
    headers = request.headers
    if headers.get(HEADER) != "1":
        raise RefusedError(403, "A command needs the header X-Memguard: 1.")
    if not _is_of_this_site(headers):
        raise RefusedError(403, "A command must come from this site itself.")
    if headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
        raise RefusedError(415, "A command is JSON: send it with Content-Type: application/json.")
    if len(request.body) > BODY_LIMIT:
        raise RefusedError(413, f"At most {BODY_LIMIT} bytes are read.")


def _is_of_this_site(headers: Mapping[str, str]) -> bool:
    """Tell whether a browser says so; what is no browser says nothing, and has no cookies of anybody's."""
    fetched = headers.get("sec-fetch-site")
    if fetched is not None:
        return fetched == "same-origin"
    origin = headers.get("origin")
    if origin is None:
        return True
    try:
        host = urlsplit(origin).netloc
    except ValueError:
        return False
    # Behind a proxy the host's name may be another one; a page of another site cannot set this header.
    return host != "" and host in {headers.get("host"), headers.get("x-forwarded-host")}


def _parsed(body: bytes) -> tuple[dict[str, Any], Action]:
    try:
        told = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise RefusedError(400, "The body is no JSON.") from None
    if not isinstance(told, dict):
        raise RefusedError(400, 'The body must be an object like {"action": "collect", "workers": "all"}.')
    if unknown := sorted(told.keys() - {*KNOWN}):
        raise RefusedError(400, f"unknown field {unknown[0][:64]!r}; known here: {', '.join(KNOWN)}")
    action = next((each for each in ACTIONS if each == told.get("action")), None)
    if action is None:
        raise RefusedError(400, f"action: expected one of {', '.join(ACTIONS)}")
    return told, action


def _chosen(wanted: object, known: Iterable[WorkerId]) -> list[WorkerId]:
    """Return the workers that are meant, of those that are alive."""
    alive = {_key(worker_key(each)): each for each in known}
    if wanted == "all":
        if not alive:
            raise RefusedError(409, "No worker is alive that could do it.")
        return list(alive.values())
    if not isinstance(wanted, list) or not 0 < len(wanted) <= WORKERS_MOST:
        raise RefusedError(
            400, 'workers: expected "all", or a list of workers like {"host": "a", "pid": 7, "started_at": "2027-…"}'
        )
    chosen: dict[WorkerId, None] = {}
    for each in wanted:
        if not isinstance(each, dict) or set(each) != {"host", "pid", "started_at"}:
            raise RefusedError(400, "workers: each of them has host, pid and started_at, as in the report")
        found = alive.get(_key(each))
        if found is None:
            raise RefusedError(409, f"The worker {str(each['pid'])[:20]!r} on {str(each['host'])[:64]!r} is not alive.")
        chosen[found] = None
    return list(chosen)


def _key(told: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple(json.dumps(told[name]) for name in ("host", "pid", "started_at"))


def row(command: Command, now: float) -> dict[str, Any]:
    """Return a command as the API tells it."""
    return {
        "id": command.id,
        "action": command.action,
        "worker": worker_key(command.worker),
        "seconds": command.seconds or None,
        "following": asdict(command.following) if command.following is not None else None,
        "question": asdict(command.question) if command.question is not None else None,
        "asked_at": moment(command.asked_at),
        "changed_at": moment(command.changed_at),
        "state": state_at(command, now),
        "result": asdict(command.outcome) if command.outcome is not None else None,
    }
