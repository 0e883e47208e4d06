"""What keeps a store bounded: each kind of row has an age or a number beyond which it goes."""
# ruff: noqa: S608 (names of our own tables are all that is put into statements)

import sqlite3

DAY = 86400.0
RETENTION = 7 * DAY
"""Seconds that the rows of a worker outlive its last sign of life."""
OPERATIONS_RETENTION = DAY
"""The same for its counts of operations, which the report adds up."""
WORKERS_KEPT = 500
UNITS_KEPT = 5_000
EVENTS_KEPT = 2_000
FINDINGS_KEPT = 2_000
TIMELINE_KEPT = 200_000
FINE_TIMELINE = 3600.0
"""Seconds of the timeline kept as they came; of older ones the first point of every minute stays."""
PRUNE_EVERY = 600.0
"""Seconds between prunings, by whichever worker comes first."""


def newest_units(connection: sqlite3.Connection) -> None:
    """Forget all but the newest units: after each flush that brought some, because they come by the thousand."""
    _newest(connection, "unit", UNITS_KEPT)


def prune_if_due(connection: sqlite3.Connection, now: float) -> bool:
    """Forget what is too old or too much, inside the caller's transaction; return whether it was due."""
    (last,) = connection.execute("SELECT at FROM pruned").fetchone()
    if 0 <= now - last < PRUNE_EVERY:
        return False
    connection.execute("UPDATE pruned SET at = ?", (now,))
    gone = connection.execute(
        "SELECT id FROM worker WHERE last_seen < ? OR id NOT IN "
        "(SELECT id FROM worker ORDER BY last_seen DESC, id DESC LIMIT ?)",
        (now - RETENTION, WORKERS_KEPT),
    ).fetchall()
    for table in ("operation", "finding", "event", "unit", "timeline"):
        connection.executemany(f"DELETE FROM {table} WHERE worker = ?", gone)
    connection.executemany("DELETE FROM worker WHERE id = ?", gone)
    connection.execute(
        "DELETE FROM operation WHERE worker IN (SELECT id FROM worker WHERE last_seen < ?)",
        (now - OPERATIONS_RETENTION,),
    )
    connection.execute("DELETE FROM event WHERE at < ?", (now - RETENTION,))
    connection.execute("DELETE FROM timeline WHERE at < ?", (now - RETENTION,))
    # What is older than the last pruning's fine part has been thinned by it.
    connection.execute(
        "DELETE FROM timeline WHERE at >= :since AND at < :until AND id NOT IN "
        "(SELECT min(id) FROM timeline WHERE at >= :since AND at < :until GROUP BY worker, CAST(at / 60 AS INTEGER))",
        {"since": min(last, now) - FINE_TIMELINE, "until": now - FINE_TIMELINE},
    )
    connection.execute(
        "DELETE FROM finding WHERE rowid NOT IN (SELECT rowid FROM finding ORDER BY last_seen DESC LIMIT ?)",
        (FINDINGS_KEPT,),
    )
    _newest(connection, "event", EVENTS_KEPT)
    _newest(connection, "timeline", TIMELINE_KEPT)
    return True


def _newest(connection: sqlite3.Connection, table: str, kept: int) -> None:
    connection.execute(f"DELETE FROM {table} WHERE id <= (SELECT max(id) FROM {table}) - ?", (kept,))
