"""The timeline in Redis: of each worker a hash for each tier, whose slots are written over in turn.

Hashes of no more than 512 short values are what Redis packs most tightly: all tiers of a worker take some 100 kB.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from memguard.model import TimelinePoint, WorkerId
from memguard.store import rows
from memguard.store.bounds import Bounds, highest
from memguard.store.redis_keys import Keys, made_of, packed_row, worker_of
from memguard.store.steps import Steps


class Curve:
    """Of one service; it remembers the step in hand of the worker that writes."""

    def __init__(self, client: Any, keys: Keys, bounds: Bounds) -> None:
        self._client = client
        self._keys = keys
        self._bounds = bounds
        self._steps = Steps(bounds)

    def forget(self) -> None:
        """Begin anew, for another worker."""
        self._steps.forget()

    def write(self, pipe: Any, me: str, points: Iterable[TimelinePoint]) -> None:
        """Write a worker's points, oldest first, into each tier."""
        slots: dict[int, dict[int, str]] = {}
        for tier, slot, point in self._steps.due(points):
            figures = (rows.number(point.at), point.rss_bytes, point.traced_bytes, point.units_total)
            slots.setdefault(tier.number, {})[slot] = packed_row(figures)
        for number, mapping in slots.items():
            pipe.hset(self._keys.curve(me, number), mapping=mapping)

    def read(
        self, workers: Iterable[tuple[str, float]], step: float | None, *, since: float, until: float
    ) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the points of workers, each with its last sign of life, oldest first; as `Store.timeline` says."""
        stretches, workers = self._bounds.stretches(step), list(workers)
        with self._client.pipeline(transaction=False) as pipe:
            for me, _ in workers:
                for stretch in stretches:
                    pipe.hvals(self._keys.curve(me, stretch.tier.number))
            told = iter(pipe.execute())
        points: dict[tuple[str, float], TimelinePoint] = {}
        for me, last_seen in workers:
            for stretch in stretches:
                for point in (made_of(_to_point, text) for text in next(told)):
                    age = last_seen - point.at
                    if since < point.at <= until and stretch.newest <= age < stretch.oldest:
                        at = point.at if step is None else point.at // step * step
                        points[me, at] = replace(highest(points.get((me, at), point), point), at=at)
        ordered = sorted(points.items(), key=lambda item: item[0][1])
        return [(worker_of(me), point) for (me, _), point in ordered]


def _to_point(row: rows.Row) -> TimelinePoint:
    return TimelinePoint(*row)
