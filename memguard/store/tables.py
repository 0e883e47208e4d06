"""The tables of the store's file, version by version: an empty database has version 0, and each step adds to the last.

A step only adds tables, and columns with a default, so that workers of the version before, which have the file open
while it is upgraded, go on as if nothing had happened. From version 3 on the file also says which version can still
use it (`format.oldest`), so that the same holds for those that open it later.
"""
# ruff: noqa: S608 (names of our own tables are all that is put into statements)

import sqlite3
from collections.abc import Callable

from memguard.model import TimelinePoint
from memguard.store import curve, known, rows
from memguard.store.bounds import Bounds
from memguard.store.steps import Steps

VERSION = 4

_FIRST = """
CREATE TABLE worker (
    id INTEGER PRIMARY KEY AUTOINCREMENT, service TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL,
    started_at REAL NOT NULL, kind TEXT NOT NULL, server TEXT NOT NULL, mode TEXT NOT NULL, state TEXT NOT NULL,
    last_seen REAL NOT NULL, rss_bytes INTEGER NOT NULL, rss_baseline_bytes INTEGER, ceiling_bytes INTEGER,
    units_total INTEGER NOT NULL, in_flight INTEGER NOT NULL, windows_total INTEGER NOT NULL,
    overhead_ratio REAL NOT NULL, notes TEXT NOT NULL, UNIQUE (service, host, pid, started_at));
CREATE INDEX worker_last_seen ON worker (last_seen);
CREATE TABLE operation (
    worker INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, verdict TEXT NOT NULL, reasons TEXT NOT NULL,
    objects_per_unit REAL NOT NULL, blocks_per_unit REAL NOT NULL, bytes_per_unit REAL NOT NULL,
    units INTEGER NOT NULL, errors INTEGER NOT NULL, sampled_units INTEGER NOT NULL, last_seen REAL NOT NULL,
    PRIMARY KEY (worker, kind, name));
CREATE TABLE finding (
    worker INTEGER NOT NULL, fingerprint TEXT NOT NULL, last_seen REAL NOT NULL, body TEXT NOT NULL,
    PRIMARY KEY (worker, fingerprint));
CREATE TABLE event (
    id INTEGER PRIMARY KEY, worker INTEGER NOT NULL, at REAL NOT NULL, type TEXT NOT NULL, detail TEXT NOT NULL);
CREATE INDEX event_worker ON event (worker);
CREATE TABLE unit (
    id INTEGER PRIMARY KEY, worker INTEGER NOT NULL, at REAL NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    seconds REAL NOT NULL, error INTEGER NOT NULL, overlapped INTEGER NOT NULL, body_sent REAL, traced INTEGER,
    traced_peak INTEGER, objects INTEGER, blocks INTEGER, rss INTEGER);
CREATE INDEX unit_worker ON unit (worker);
CREATE TABLE timeline (
    id INTEGER PRIMARY KEY, worker INTEGER NOT NULL, at REAL NOT NULL, rss_bytes INTEGER NOT NULL,
    traced_bytes INTEGER, units_total INTEGER NOT NULL);
CREATE INDEX timeline_at ON timeline (at);
CREATE INDEX timeline_worker ON timeline (worker);
CREATE TABLE pruned (at REAL NOT NULL);
INSERT INTO pruned VALUES (0)
"""
_SECOND = """
CREATE TABLE known (
    service TEXT NOT NULL, fingerprint TEXT NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL,
    first_seen REAL NOT NULL, last_seen REAL NOT NULL, returned REAL, PRIMARY KEY (service, fingerprint))
"""
_THIRD = """
ALTER TABLE worker ADD COLUMN more TEXT NOT NULL DEFAULT '{}';
CREATE TABLE counted (
    worker INTEGER NOT NULL, kind TEXT NOT NULL, name TEXT NOT NULL, verdict TEXT NOT NULL, reasons TEXT NOT NULL,
    objects_per_unit REAL NOT NULL, blocks_per_unit REAL NOT NULL, bytes_per_unit REAL NOT NULL,
    units INTEGER NOT NULL, errors INTEGER NOT NULL, sampled_units INTEGER NOT NULL, last_seen REAL NOT NULL,
    more TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (worker, kind, name)) WITHOUT ROWID;
INSERT INTO counted SELECT *, '{}' FROM operation;
DROP TABLE operation;
ALTER TABLE counted RENAME TO operation;
DROP INDEX worker_last_seen;
CREATE TABLE command (
    id TEXT PRIMARY KEY, service TEXT NOT NULL, host TEXT NOT NULL, pid INTEGER NOT NULL, started_at REAL NOT NULL,
    asked_at REAL NOT NULL, state TEXT NOT NULL, body TEXT NOT NULL);
CREATE INDEX command_waiting ON command (host, pid) WHERE state = 'waiting';
CREATE TABLE curve (
    worker INTEGER NOT NULL, tier INTEGER NOT NULL, slot INTEGER NOT NULL, at REAL NOT NULL, rss_bytes INTEGER NOT NULL,
    traced_bytes INTEGER, units_total INTEGER NOT NULL, PRIMARY KEY (worker, tier, slot)) WITHOUT ROWID;
CREATE TABLE snapshot (worker INTEGER PRIMARY KEY, at REAL NOT NULL, body TEXT NOT NULL);
CREATE TABLE attempt (id INTEGER PRIMARY KEY, service TEXT NOT NULL, at REAL NOT NULL, peer TEXT NOT NULL);
CREATE TABLE format (oldest INTEGER NOT NULL);
INSERT INTO format VALUES (3)
"""
_FOURTH = """
CREATE TABLE allocation (
    id TEXT PRIMARY KEY, worker INTEGER NOT NULL, at REAL NOT NULL, about TEXT NOT NULL, body BLOB NOT NULL)
"""


def upgrade(connection: sqlite3.Connection, version: int) -> None:
    """Make the tables of a version those of this one, inside the caller's transaction; nothing in them is lost."""
    for step in _STEPS[version:]:
        step(connection)


def stand_in(connection: sqlite3.Connection, version: int) -> None:
    """Show tables of an earlier version as those of this one, to a connection that only reads the file."""
    if version < 4:
        _run(connection, _FOURTH.replace("TABLE", "TEMP TABLE"))
    if version < 2:
        _run(connection, _SECOND.replace("TABLE", "TEMP TABLE"))
    if version < 3:
        for table in ("worker", "operation"):
            connection.execute(f"CREATE TEMP VIEW {table} AS SELECT *, '{{}}' AS more FROM main.{table}")
        for statement in _THIRD.split(";\n"):
            if statement.startswith("CREATE TABLE") and "counted" not in statement:
                connection.execute(statement.replace("TABLE", "TEMP TABLE"))
        # As the finest tier, which is enough to show it.
        connection.execute(
            "INSERT INTO curve SELECT worker, 0, id, at, rss_bytes, traced_bytes, units_total FROM timeline"
        )


def serves(connection: sqlite3.Connection) -> bool:
    """Tell whether tables of a later version say that this one can use them."""
    try:
        (oldest,) = connection.execute("SELECT oldest FROM format").fetchone()
    except (sqlite3.Error, TypeError):
        return False
    return isinstance(oldest, int) and oldest <= VERSION


def _first(connection: sqlite3.Connection) -> None:
    _run(connection, _FIRST)


def _second(connection: sqlite3.Connection) -> None:
    _run(connection, _SECOND)
    found = connection.execute("SELECT service, body FROM finding JOIN worker ON worker.id = finding.worker").fetchall()
    for service, body in found:
        known.remember(connection, service, rows.to_finding(body))


def _third(connection: sqlite3.Connection) -> None:
    _run(connection, _THIRD)
    found = connection.execute("SELECT worker, at, rss_bytes, traced_bytes, units_total FROM timeline ORDER BY id")
    points: dict[int, list[TimelinePoint]] = {}
    for worker, *point in found:
        points.setdefault(worker, []).append(TimelinePoint(*point))
    for worker, told in points.items():
        curve.write(connection, worker, Steps(Bounds()).due(told))
    connection.execute("DELETE FROM timeline")  # workers of the version before may go on writing into it


def _fourth(connection: sqlite3.Connection) -> None:
    _run(connection, _FOURTH)


def _run(connection: sqlite3.Connection, statements: str) -> None:
    # Not `executescript`, which commits the caller's transaction first.
    for statement in statements.split(";\n"):
        connection.execute(statement)


_STEPS: tuple[Callable[[sqlite3.Connection], None], ...] = (_first, _second, _third, _fourth)
