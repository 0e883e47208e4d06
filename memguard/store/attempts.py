"""Login attempts in the store's file, so that all workers of a service count them together."""

import sqlite3
from dataclasses import dataclass

from memguard.store import rows

KEPT = 1_000


@dataclass(frozen=True, slots=True)
class Limit:
    """How many attempts there may be within so many seconds: from one address, and from all of them."""

    seconds: float
    of_one: int
    of_all: int


def allow(connection: sqlite3.Connection, service: str, peer: str, now: float, limit: Limit) -> bool:
    """Note an attempt and return True, unless there were too many; inside the caller's transaction."""
    of_peer, of_all = connection.execute(
        "SELECT total(peer = ?), count(*) FROM attempt WHERE service = ? AND at > ? AND at <= ?",
        (rows.text(peer), service, now - limit.seconds, now),
    ).fetchone()
    if of_peer >= limit.of_one or of_all >= limit.of_all:
        return False
    connection.execute(
        "INSERT INTO attempt (service, at, peer) VALUES (?, ?, ?)", (service, rows.number(now), rows.text(peer))
    )
    connection.execute("DELETE FROM attempt WHERE id <= (SELECT max(id) FROM attempt) - ?", (KEPT,))
    return True


def forget(connection: sqlite3.Connection, service: str, peer: str) -> None:
    """Forget the attempts from an address: one of them was right."""
    connection.execute("DELETE FROM attempt WHERE service = ? AND peer = ?", (service, rows.text(peer)))
