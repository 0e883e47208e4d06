"""Rows of a worker written into the store's file, and the number by which its rows know it."""
# ruff: noqa: S608 (names of our own tables and columns are all that is put into statements)

import sqlite3
from collections.abc import Collection

from memguard.model import WorkerId, WorkerState
from memguard.store import rows

_KEY = "service = ? AND host = ? AND pid = ? AND started_at = ?"
_COLUMNS = rows.WORKER.split(", ")
_RENEWED = ", ".join(f"{column} = ?" for column in _COLUMNS[3:])
_COUNTED = (
    f"UPDATE operation SET {', '.join(f'{column} = ?' for column in rows.COUNTERS.split(', '))} "
    "WHERE worker = ? AND kind = ? AND name = ?"
)
_NEW = (
    f"INSERT INTO worker (service, {rows.WORKER}) VALUES (?{', ?' * len(_COLUMNS)}) "
    f"ON CONFLICT (service, host, pid, started_at) DO UPDATE SET "
    + ", ".join(f"{column} = excluded.{column}" for column in _COLUMNS[3:])
)


def row_of(connection: sqlite3.Connection, service: str, worker: WorkerId) -> int | None:
    """Return the number of a worker, None for one that has told nothing."""
    key = (service, rows.text(worker.host), worker.pid, worker.started_at)
    found = connection.execute(f"SELECT id FROM worker WHERE {_KEY}", key).fetchone()
    return None if found is None else int(found[0])


def written_row(connection: sqlite3.Connection, service: str, state: WorkerState, known: int | None) -> int:
    """Write what a worker says of itself and return its number; `known` is the one it had the time before."""
    row = rows.from_worker(state)
    if known is not None:
        renewed = connection.execute(f"UPDATE worker SET {_RENEWED} WHERE id = ?", (*row[3:], known))
        if renewed.rowcount == 1:
            return known
    connection.execute(_NEW, (service, *row))
    found = row_of(connection, service, state.id)
    assert found is not None
    return found


def renew(connection: sqlite3.Connection, worker: int, found: Collection[rows.Row]) -> bool:
    """Write the counters of operations that are there already; return False where one of them is there no more."""
    if not found:
        return True
    renewed = connection.executemany(_COUNTED, [(*row[:-2], worker, *row[-2:]) for row in found])
    return renewed.rowcount == len(found)


def insert(
    connection: sqlite3.Connection, statement: str, columns: str, worker: int, found: Collection[rows.Row]
) -> None:
    """Write rows of a worker, if there are any."""
    if found:
        marks = ", ?" * len(columns.split(", "))
        statement = f"{statement} (worker, {columns}) VALUES (?{marks})"
        connection.executemany(statement, [(worker, *row) for row in found])
