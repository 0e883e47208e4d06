"""Snapshots of allocations in the store's file: the newest of each worker, within a share of the file."""

import json
import sqlite3
from dataclasses import asdict

from memguard.model import WorkerId
from memguard.snapshots import Kept
from memguard.store import rows
from memguard.store.bounds import Bounds

KEPT_MOST = 200
SHARE_MOST = 0.25
"""Share of the store's size that all of them may have; the oldest go first."""


def add(
    connection: sqlite3.Connection, worker: int | None, kept: Kept, body: bytes, *, most: int, bounds: Bounds
) -> None:
    """Keep one, and so many of its worker at most; the oldest of any worker go where there is no room."""
    if worker is None:  # it has told nothing yet
        return
    connection.execute(
        "INSERT INTO allocation (id, worker, at, about, body) VALUES (?, ?, ?, ?, ?)",
        (kept.id, worker, rows.number(kept.at), rows.packed(asdict(kept)), body),
    )
    connection.execute(
        "DELETE FROM allocation WHERE worker = ? AND id NOT IN "
        "(SELECT id FROM allocation WHERE worker = ? ORDER BY at DESC LIMIT ?)",
        (worker, worker, most),
    )
    left, number = bounds.size * SHARE_MOST, 0
    found = connection.execute("SELECT id, length(body) FROM allocation ORDER BY at DESC").fetchall()
    for each, size in found:
        left, number = left - size, number + 1
        if left < 0 or number > KEPT_MOST:
            connection.execute("DELETE FROM allocation WHERE id = ?", (each,))


def read(connection: sqlite3.Connection, service: str) -> list[tuple[WorkerId, Kept]]:
    """Return those of a service, newest first."""
    found = connection.execute(
        "SELECT worker.host, worker.pid, worker.started_at, allocation.about FROM allocation "
        "JOIN worker ON worker.id = allocation.worker WHERE worker.service = ? ORDER BY allocation.at DESC",
        (service,),
    )
    return [(WorkerId(*key), to_kept(about)) for *key, about in found]


def body(connection: sqlite3.Connection, service: str, name: str) -> bytes | None:
    """Return the stacks of one, None where it is not there (any more)."""
    found = connection.execute(
        "SELECT body FROM allocation JOIN worker ON worker.id = allocation.worker "
        "WHERE worker.service = ? AND allocation.id = ?",
        (service, name),
    ).fetchone()
    return None if found is None else bytes(found[0])


def prune(connection: sqlite3.Connection, oldest: float) -> None:
    """Forget those from before a moment, and those of workers that an earlier memguard has forgotten."""
    connection.execute("DELETE FROM allocation WHERE at < ? OR worker NOT IN (SELECT id FROM worker)", (oldest,))


def make_room(connection: sqlite3.Connection) -> None:
    """Forget the older half."""
    connection.execute("DELETE FROM allocation WHERE at <= (SELECT (min(at) + max(at)) / 2 FROM allocation)")


def to_kept(about: str) -> Kept:
    """Return what is said of one, also by a memguard with fewer or more fields."""
    return rows.made(Kept, json.loads(about))
