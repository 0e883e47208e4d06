"""What keeps a store bounded: each kind of row has an age or a number beyond which it goes, and the file a size."""
# ruff: noqa: S608 (names of our own tables are all that is put into statements)

import sqlite3

from memguard.store import allocated, known
from memguard.store.bounds import DAY, Bounds

OPERATIONS_RETENTION = DAY
"""Seconds that a worker's counts of operations, which the report adds up, outlive its last sign of life; those of
operations that are known to leak stay with the worker, because they tell which workers no longer did."""
WORKERS_KEPT = 500
UNITS_KEPT = 5_000
EVENTS_KEPT = 2_000
FINDINGS_KEPT = 2_000
PRUNE_EVERY = 600.0
"""Seconds between prunings, by whichever worker comes first."""
JUMP = DAY
PAGES_TO_SPARE = 32
"""A file that has so many pages left, or fewer, is full."""

_OF_A_WORKER = ("operation", "finding", "event", "unit", "curve", "snapshot", "allocation")


def newest_units(connection: sqlite3.Connection) -> None:
    """Forget all but the newest units: after each flush that brought some, because they come by the thousand."""
    _newest(connection, "unit", UNITS_KEPT)


def prune_if_due(connection: sqlite3.Connection, now: float, bounds: Bounds) -> bool:
    """Forget what is too old or too much, inside the caller's transaction; return whether it was due."""
    (last,) = connection.execute("SELECT at FROM pruned").fetchone()
    if 0 <= now - last < PRUNE_EVERY:
        return False
    connection.execute("UPDATE pruned SET at = ?", (now,))
    if now - last > JUMP:
        return (
            False  # all workers have slept, or this one's clock is wrong: if it still says so the next time, it is true
        )
    oldest = now - bounds.retention
    _forget_workers(connection, oldest, WORKERS_KEPT)
    connection.execute(
        "DELETE FROM operation WHERE worker IN (SELECT id FROM worker WHERE last_seen < ?) AND NOT EXISTS "
        "(SELECT 1 FROM known JOIN worker ON worker.service = known.service WHERE worker.id = operation.worker "
        "AND known.kind = operation.kind AND known.name = operation.name AND known.last_seen >= ?)",
        (now - OPERATIONS_RETENTION, oldest),
    )
    connection.execute("DELETE FROM event WHERE at < ?", (oldest,))
    connection.execute("DELETE FROM timeline")  # of the version before: see tables.py
    connection.execute(
        "DELETE FROM finding WHERE rowid NOT IN (SELECT rowid FROM finding ORDER BY last_seen DESC LIMIT ?)",
        (FINDINGS_KEPT,),
    )
    known.prune(connection)
    allocated.prune(connection, oldest)
    _newest(connection, "event", EVENTS_KEPT)
    return True


def limit_size(connection: sqlite3.Connection, bounds: Bounds) -> None:
    """Let the file grow no further than its bound; SQLite then says that it is full."""
    (page,) = connection.execute("PRAGMA page_size").fetchone()
    connection.execute(f"PRAGMA max_page_count = {max(4 * PAGES_TO_SPARE, bounds.size // page)}")


def make_room(connection: sqlite3.Connection, now: float) -> bool:
    """Forget the oldest half of what is most, inside the caller's transaction; do nothing where the file may still grow."""
    (most,), (used,) = (connection.execute(f"PRAGMA {name}").fetchone() for name in ("max_page_count", "page_count"))
    if used < most - PAGES_TO_SPARE:
        return False
    (workers,) = connection.execute("SELECT count(*) FROM worker").fetchone()
    for table in ("unit", "event"):
        connection.execute(f"DELETE FROM {table} WHERE id <= (SELECT (min(id) + max(id)) / 2 FROM {table})")
    allocated.make_room(connection)
    _forget_workers(connection, now - 60.0, max(1, workers // 2), only_the_dead=True)
    return True


def _forget_workers(connection: sqlite3.Connection, oldest: float, kept: int, *, only_the_dead: bool = False) -> None:
    """Forget workers that told nothing since a moment, and all but so many; or those that are both."""
    gone = connection.execute(
        f"SELECT id FROM worker WHERE last_seen < ? {'AND' if only_the_dead else 'OR'} id NOT IN "
        "(SELECT id FROM worker ORDER BY last_seen DESC, id DESC LIMIT ?)",
        (oldest, kept),
    ).fetchall()
    for table in _OF_A_WORKER:
        connection.executemany(f"DELETE FROM {table} WHERE worker = ?", gone)
    connection.executemany("DELETE FROM worker WHERE id = ?", gone)


def _newest(connection: sqlite3.Connection, table: str, kept: int) -> None:
    connection.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (kept,))
