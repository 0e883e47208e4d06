"""The timeline in the store's file: each worker's tiers, written over in turn."""
# ruff: noqa: S608 (names of our own columns are all that is put into statements)

import sqlite3
from collections.abc import Iterable

from memguard.model import TimelinePoint
from memguard.store import rows
from memguard.store.bounds import Bounds, Tier
from memguard.store.listing import Choice

_WRITE = (
    "INSERT INTO curve (worker, tier, slot, at, rss_bytes, traced_bytes, units_total) VALUES (?, ?, ?, ?, ?, ?, ?) "
    "ON CONFLICT (worker, tier, slot) DO UPDATE SET at = excluded.at, rss_bytes = excluded.rss_bytes, "
    "traced_bytes = excluded.traced_bytes, units_total = excluded.units_total"
)


def write(connection: sqlite3.Connection, worker: int, due: Iterable[tuple[Tier, int, TimelinePoint]]) -> None:
    """Write what `Steps.due` says of a worker's points."""
    connection.executemany(
        _WRITE,
        [
            (worker, tier.number, slot, rows.number(point.at), point.rss_bytes, point.traced_bytes, point.units_total)
            for tier, slot, point in due
        ],
    )


def read(connection: sqlite3.Connection, choice: Choice, step: float | None, bounds: Bounds) -> list[rows.Row]:
    """Return the newest points, oldest first; each begins with host, pid and start of its worker.

    In steps of so many seconds there is one for each worker and step: at its begin, with the highest figures in it.
    """
    parts = [
        f"(tier = {stretch.tier.number} AND at > worker.last_seen - {stretch.oldest!r}"
        + (f" AND at <= worker.last_seen - {stretch.newest!r})" if stretch.newest > 0 else ")")
        for stretch in bounds.stretches(step)
    ]
    figures = "at, curve.rss_bytes, traced_bytes, curve.units_total"
    grouped = ""
    if step is not None:
        figures = f"CAST(at / {step!r} AS INTEGER) * {step!r} AS moment, max(curve.rss_bytes), max(traced_bytes), "
        figures += "max(curve.units_total)"
        grouped = " GROUP BY worker.id, moment"
    found = connection.execute(
        f"SELECT worker.host, worker.pid, worker.started_at, {figures} FROM worker CROSS JOIN curve "
        f"ON curve.worker = worker.id WHERE worker.service = ? AND at > ? AND at <= ? AND ({' OR '.join(parts)})"
        f"{grouped} ORDER BY 4 DESC, worker.id DESC LIMIT ?",
        (choice.service, choice.since, choice.until, choice.limit),
    )
    return found.fetchall()[::-1]
