"""A host that writes down what it plants, when, and for which of its units.

Moments are numbers of one counter, so an order of any two of them is known in every thread. What is planted and what
dies has two of them, one before and one after: what happens in another thread in between may come before or after it.
"""

import itertools
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field

from memguard.wiring.guard import Guard, Unit

Moment = tuple[int, int]
NEVER: Moment = (1 << 60, 1 << 60)


class Planted:
    """What is planted; `itself` makes cycles."""

    itself: "Planted"


class PlantedByFirst(Planted):
    """Of the first operation."""


class PlantedBySecond(Planted):
    """Of the second operation."""


class PlantedByThird(Planted):
    """Of the third operation."""


class PlantedByFourth(Planted):
    """Of the fourth operation."""


KINDS: tuple[type[Planted], ...] = (PlantedByFirst, PlantedBySecond, PlantedByThird, PlantedByFourth)


def kind_name(kind: type) -> str:
    """Return what memguard calls a class."""
    return f"{kind.__module__}.{kind.__qualname__}"


@dataclass(frozen=True)
class Plan:
    """What an operation plants.

    Attributes:
        stays: Objects that stay for ever, of every `every`-th unit.
        temporary: Objects that live as long as the unit.
        cycles: Objects that are garbage at once, and that only a collection frees.
        cached: One object of each unit goes into a cache of so many entries; 0 where there is none.
    """

    stays: int = 0
    every: int = 1
    temporary: int = 0
    cycles: int = 0
    cached: int = 0

    @property
    def rate(self) -> float:
        """Objects that stay, per unit."""
        return self.stays / self.every


@dataclass(slots=True, eq=False)
class Thing:
    """One planted object: its class, when it was born and when it died."""

    kind: str
    born: Moment
    died: Moment = NEVER
    is_cycle: bool = False


@dataclass(slots=True, eq=False)
class Visit:
    """One unit: the host's code runs after the second moment of `begun` and before the first of `ended`."""

    operation: int
    begun: Moment = NEVER
    ended: Moment = NEVER
    stage: int = 0
    stays: int = 0
    things: list[Thing] = field(default_factory=list)
    held: list[Planted] = field(default_factory=list)
    unit: Unit | None = None


class Host:
    """Runs units of its operations, in three stages that schedules interleave.

    Attributes:
        visits: All units, in the order of their begin.
        visit_of: The visit that a unit in flight is, by the unit's identity.
    """

    def __init__(self, guard: Guard, plans: Sequence[Plan], *, kinds: Sequence[type[Planted]] = KINDS) -> None:
        self.guard = guard
        self.plans = plans
        self.visits: list[Visit] = []
        self.visit_of: dict[int, Visit] = {}
        self._kinds = kinds
        self._ticks = itertools.count()
        self._numbers = [itertools.count(1) for _ in plans]
        self._kept: list[Planted] = []
        self._caches: list[deque[tuple[Planted, Thing]]] = [deque() for _ in plans]

    def now(self) -> int:
        """Return the next moment."""
        return next(self._ticks)

    def name(self, operation: int) -> str:
        """Return what an operation is called."""
        return f"GET /{operation}"

    def begin(self, operation: int) -> Visit:
        """Begin a unit; half of what stays is planted at once, and what lives as long as it does."""
        plan, visit = self.plans[operation], Visit(operation)
        visit.stays = plan.stays if next(self._numbers[operation]) % plan.every == 0 else 0
        self.visits.append(visit)
        before = self.now()
        unit = self.guard.begin("request")
        visit.begun = before, self.now()
        self.visit_of[id(unit)], visit.unit = visit, unit
        visit.held = [self._plant(visit)[0] for _ in range(plan.temporary)]
        self._keep(visit, visit.stays // 2)
        return visit

    def work(self, visit: Visit) -> None:
        """Plant the rest: what stays, what is cached, what is garbage at once."""
        plan = self.plans[visit.operation]
        visit.stage = 1
        self._keep(visit, visit.stays - visit.stays // 2)
        for _ in range(plan.cycles):
            planted, thing = self._plant(visit)
            thing.is_cycle = True
            planted.itself = planted
            before = self.now()
            del planted
            thing.died = before, self.now()
        if plan.cached:
            cache = self._caches[visit.operation]
            cache.append(self._plant(visit))
            if len(cache) > plan.cached:
                oldest, thing = cache.popleft()
                before = self.now()
                del oldest
                thing.died = before, self.now()

    def end(self, visit: Visit) -> None:
        """End a unit; what lived as long as it did dies before."""
        before = self.now()
        visit.held.clear()
        for thing in visit.things[: self.plans[visit.operation].temporary]:
            thing.died = before, self.now()
        unit, visit.unit = visit.unit, None
        assert unit is not None
        unit.name = self.name(visit.operation)
        before = self.now()
        self.guard.end(unit)
        visit.ended = before, self.now()

    def step(self, visit: Visit) -> bool:
        """Do the next stage of a unit; return whether it was its end."""
        if visit.stage == 0:
            self.work(visit)
            return False
        self.end(visit)
        return True

    def _keep(self, visit: Visit, count: int) -> None:
        for _ in range(count):
            self._kept.append(self._plant(visit)[0])

    def _plant(self, visit: Visit) -> tuple[Planted, Thing]:
        kind = self._kinds[visit.operation]
        before = self.now()
        planted = kind()
        thing = Thing(kind_name(kind), (before, self.now()))
        visit.things.append(thing)
        return planted, thing
