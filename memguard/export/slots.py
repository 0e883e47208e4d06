"""Slots: numbers for workers that stay few, however many workers come and go. A new worker takes the lowest free one."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

Worker = tuple[str, int, str]
"""Host, pid and start, as the report has them."""


def worker_of(row: Mapping[str, Any]) -> Worker:
    """Return which worker a row of the report is about."""
    return row["host"], row["pid"], row["started_at"]


def slots(workers: Iterable[Mapping[str, Any]]) -> dict[Worker, int]:
    """Return a number from 0 for each worker of a report.

    Those of one host and kind that lived at the same time have different ones. Replayed from what the report knows, so that every process that answers says the same. A number moves on only when
    workers that ended more than an hour ago are forgotten while a younger one still has a number above theirs.
    """
    found: dict[Worker, int] = {}
    until: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for row in sorted(workers, key=lambda row: (row["started_at"], row["pid"])):
        ends = until[row["host"], row["kind"]]
        free = next((number for number, end in enumerate(ends) if end <= row["started_at"]), len(ends))
        ends[free : free + 1] = ["9" if row["alive"] else row["last_seen"]]  # later than any moment
        found[worker_of(row)] = free
    return found
