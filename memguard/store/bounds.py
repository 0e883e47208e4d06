"""How much a store keeps, and the timeline's tiers: the newest part as it came, older parts ever more coarsely.

Each tier is a ring of slots for each worker. A point is written into all of them, over what was there a whole turn
before; within one step the highest figures stay. So a worker's timeline has a fixed size, nothing has to be thinned,
and a question about a week reads as little as one about ten minutes.
"""

from dataclasses import dataclass, field
from math import ceil, inf

from memguard.model import TimelinePoint

DAY = 86400.0
RETENTION = 7 * DAY
SIZE = 64_000_000


@dataclass(frozen=True, slots=True)
class Tier:
    """A ring of `slots` steps of so many seconds each."""

    number: int
    step: float
    slots: int

    @property
    def seconds(self) -> float:
        """How far back it reaches."""
        return self.step * self.slots

    def slot(self, at: float) -> int:
        """Return where a point of that moment belongs."""
        return int(at // self.step) % self.slots


@dataclass(frozen=True, slots=True)
class Stretch:
    """The part of a worker's timeline that one tier has to tell: seconds before its last sign of life."""

    tier: Tier
    newest: float
    oldest: float


_FINE = ((2.0, 450), (20.0, 450), (180.0, 480))
_LAST_SLOTS = 504


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a store keeps at most.

    Attributes:
        retention: Seconds that what a worker told outlives its last sign of life, and that the timeline reaches back.
        size: Bytes of a file, without its journal.
    """

    retention: float = RETENTION
    size: int = SIZE
    tiers: tuple[Tier, ...] = field(init=False)

    def __post_init__(self) -> None:
        tiers: list[Tier] = []
        last = 60.0 * ceil(self.retention / _LAST_SLOTS / 60.0)
        for step, slots in (*_FINE, (last, _LAST_SLOTS)):
            if not tiers or tiers[-1].seconds < self.retention:
                tiers.append(Tier(len(tiers), max(step, tiers[-1].step if tiers else 0.0), slots))
        object.__setattr__(self, "tiers", tuple(tiers))

    def step_for(self, seconds: float, wanted: float) -> int:
        """Return the shortest step from the one wanted on in which every worker has a point, for so far back."""
        tier = next((tier for tier in self.tiers if tier.seconds >= seconds), self.tiers[-1])
        return int(tier.step * ceil(wanted / tier.step))

    def stretches(self, step: float | None) -> list[Stretch]:
        """Return which tiers tell a timeline in steps of so many seconds (None: as fine as it is kept), newest first."""
        fine = [tier for tier in self.tiers if step is None or tier.step <= step]
        first = (fine[:1] if step is None else fine[-1:]) or [self.tiers[0]]
        found: list[Stretch] = []
        newest = -inf
        for tier in self.tiers[first[0].number :]:
            found.append(Stretch(tier, newest, tier.seconds))
            newest = tier.seconds
        return found


def highest(first: TimelinePoint, second: TimelinePoint) -> TimelinePoint:
    """Return the highest figures of two points of one worker, at the later moment."""
    traced = [each.traced_bytes for each in (first, second) if each.traced_bytes is not None]
    return TimelinePoint(
        at=max(first.at, second.at),
        rss_bytes=max(first.rss_bytes, second.rss_bytes),
        traced_bytes=max(traced, default=None),
        units_total=max(first.units_total, second.units_total),
    )
