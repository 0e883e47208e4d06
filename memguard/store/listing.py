"""Lists out of the store's file, by time: events and units, the newest of each."""
# ruff: noqa: S608 (names of our own tables and columns are all that is put into statements)

import sqlite3
from dataclasses import dataclass
from math import inf

from memguard.store import rows


@dataclass(frozen=True, slots=True)
class Choice:
    """Which rows: of one service, after `since` and not after `until`, of one operation's name where it is given."""

    service: str
    limit: int
    since: float = 0.0
    until: float = inf
    name: str | None = None


def newest(connection: sqlite3.Connection, table: str, columns: str, choice: Choice) -> list[rows.Row]:
    """Return the newest rows, oldest first; each begins with host, pid and start of its worker."""
    wanted = ", ".join(f"{table}.{column}" for column in columns.split(", "))
    named = "" if choice.name is None else f" AND {table}.name = ?"
    found = connection.execute(
        f"SELECT worker.host, worker.pid, worker.started_at, {wanted} FROM {table} "
        f"JOIN worker ON worker.id = {table}.worker "
        f"WHERE worker.service = ? AND {table}.at > ? AND {table}.at <= ?{named} ORDER BY {table}.id DESC LIMIT ?",
        (choice.service, choice.since, choice.until, *_name(choice), choice.limit),
    )
    return found.fetchall()[::-1]


def _name(choice: Choice) -> tuple[str, ...]:
    return () if choice.name is None else (rows.text(choice.name),)
