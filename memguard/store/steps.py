"""What of a worker's points has to be written into which slot of which tier, and when."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from memguard.model import TimelinePoint
from memguard.store import rows
from memguard.store.bounds import Bounds, Tier, highest

PARTS = 8
"""A step that does not get higher is written again after each such part of it, so that its latest moment stays near."""


@dataclass(slots=True)
class _Step:
    """The step in hand of a tier: its number, its highest figures, and the moment that was written last."""

    number: int
    most: TimelinePoint
    written: float


class Steps:
    """Of one worker; remembers the step in hand of each tier."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._steps: dict[int, _Step] = {}

    def forget(self) -> None:
        """Begin anew: for another worker, or where what was written may be gone."""
        self._steps.clear()

    def due(self, points: Iterable[TimelinePoint]) -> Iterator[tuple[Tier, int, TimelinePoint]]:
        """Yield what is to be written for new points, oldest first: a tier, a slot of it, and the figures."""
        written: dict[tuple[int, int], tuple[Tier, int, TimelinePoint]] = {}
        for point in points:
            at = rows.number(point.at)
            for tier in self._bounds.tiers:
                step, number = self._steps.get(tier.number), int(at // tier.step)
                if step is None or step.number != number:
                    self._steps[tier.number] = step = _Step(number, point, at)
                else:
                    before, step.most = step.most, highest(step.most, point)
                    is_higher = (step.most.rss_bytes, step.most.traced_bytes) != (before.rss_bytes, before.traced_bytes)
                    if not is_higher and 0 <= at - step.written < tier.step / PARTS:
                        continue
                    step.written = at
                slot = tier.slot(at)
                written[tier.number, slot] = tier, slot, step.most
        return iter(written.values())
