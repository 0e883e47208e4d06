"""A store's file as memguard made it when its format had version 1: statements and rows are those of then."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

from tests.unit.telling import NOW

TABLES = """
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
INSERT INTO pruned VALUES (0);
"""
HEADER = "PRAGMA application_id = 1835363687; PRAGMA user_version = 1; PRAGMA journal_mode = WAL;"


def write(path: Path) -> Path:
    """Make a file of version 1: two workers of `shop`, both with the same finding, and one of `blog`."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(TABLES + HEADER)
        for pid, service in ((1, "shop"), (2, "shop"), (3, "blog")):
            connection.execute(
                "INSERT INTO worker VALUES (NULL, ?, 'here', ?, ?, 'web', 'uvicorn', 'watch', 'serving', ?, 81000000, "
                "70000000, NULL, 10, 0, 4, 0.004, '[]')",
                (service, pid, NOW - 900, NOW - pid),
            )
            connection.execute(
                "INSERT INTO operation VALUES (?, 'request', 'GET /leak', 'leak', '[\"it stays\"]', 2.0, 2.0, 200.0, 10, "
                "0, 5, ?)",
                (pid, NOW - pid),
            )
            body = _finding(first_seen=NOW - 100 * pid, last_seen=NOW - pid)
            connection.execute(
                "INSERT INTO finding VALUES (?, '00112233aabbccdd', ?, ?)", (pid, NOW - pid, json.dumps(body))
            )
            connection.execute("INSERT INTO event VALUES (NULL, ?, ?, 'started', '{}')", (pid, NOW - 900))
            connection.execute(
                "INSERT INTO unit VALUES (NULL, ?, ?, 'request', 'GET /leak', 0.1, 0, 0, NULL, NULL, NULL, 2, 5, NULL)",
                (pid, NOW - pid),
            )
            connection.execute("INSERT INTO timeline VALUES (NULL, ?, ?, 81000000, NULL, 10)", (pid, NOW - pid))
        connection.commit()
    return path


def _finding(**seen: float) -> dict[str, Any]:
    return {
        "fingerprint": "00112233aabbccdd",
        "judgement": {
            "operation": {"kind": "request", "name": "GET /leak"}, "verdict": "leak", "reasons": ["it stays"],
            "objects_per_unit": 2.0, "blocks_per_unit": 2.0, "bytes_per_unit": 200.0,
        },
        **seen,
        "units_observed": 40,
        "sites": [
            {"file": "views.py", "line": 8, "function": "show", "source": "a.append(b)", "objects": 8, "bytes": 80}
        ],
        "types": [{"type": "dict", "count": 40}],
        "pattern": {"id": "unknown", "title": "Something stays", "advice": "Look at the line."},
        "holder": {"path": "shop.views._cache[…]", "root": "module shop.views", "chain": [{"type": "dict"}]},
    }  # fmt: skip
