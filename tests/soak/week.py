"""A week of a clean application, as readings: what its windows, late looks and intervals would have read."""

import random
from collections.abc import Iterator
from dataclasses import dataclass
from math import exp
from typing import TypeVar

from memguard.evidence import TypeCount
from memguard.model import Operation, OperationStats
from memguard.readings import DESCRIPTORS, NATIVE, THREADS, Growth, Interval, LateLook, Survivors, WindowReading
from memguard.residue.criteria import LASTING_UNITS
from memguard.residue.ledger import Ledger

OPERATIONS = tuple(Operation("request", f"GET /{number}") for number in range(20))
HOURS = 7 * 24
SECONDS_AN_HOUR = 3600.0
CONNECTIONS_MOST, LAZY_MOST, CACHE_MOST, BOUND = 40, 12, 32, 4096
CACHES = 5


@dataclass
class _Cache:
    """Fills up with the keys that it is asked for, each of which is as likely as the others; then it is full.

    Of units only the share `asking` asks.
    """

    name: str
    most: int
    asking: float = 1.0
    size: int = 0

    def asked(self, units: int, chance: random.Random) -> int:
        """Return how many entries it has gained by so many units."""
        before = self.size
        for _ in range(units):
            self.size += chance.random() < self.asking * (1 - self.size / self.most)
        return self.size - before


class Week:
    """The worker of a clean application; a restart makes a new one with a new ledger."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._rates = [exp(self._chance.uniform(-3.0, 0.0)) for _ in OPERATIONS]
        self.restart()

    def restart(self) -> None:
        """Begin anew, with nothing in the caches."""
        self.ledger = Ledger()
        self.units = dict.fromkeys(OPERATIONS, 0)
        self._held = dict[str, int]()
        self._caches = {
            OPERATIONS[number]: _Cache(f"shop.cache_{number}", CACHE_MOST >> number) for number in range(CACHES)
        }
        self._caches[OPERATIONS[6]] = _Cache("shop.render", BOUND)
        self._shared = (_Cache("pool.Connection", CONNECTIONS_MOST, 0.05), _Cache("lib.Lazy", LAZY_MOST, 0.02))

    def hour(self, at: float) -> None:
        """Let an hour pass: it is busier by day than by night, and not the same operations are."""
        for minute in range(4):
            now = at + minute * SECONDS_AN_HOUR / 4
            ended = self._traffic()
            for operation, units in ended.items():
                self.units[operation] += units
                for _ in range(units):
                    self.ledger.count(operation, now, error=self._chance.random() < 0.01)
            self._interval(ended)
            for _ in range(3):
                self._window(now)

    def judge(self) -> tuple[OperationStats, ...]:
        """Return what is known of all operations; whatever seems to last is held by something here."""
        self.ledger.judge()
        for operation, name in self.ledger.unconfirmed:
            self.ledger.books.confirm(operation, name)
        return self.ledger.judge()

    def _traffic(self) -> dict[Operation, int]:
        busy = self._chance.uniform(10, 120)
        counts = ((each, round(busy * rate * self._chance.uniform(0.2, 1.8))) for each, rate in self._shares())
        return {operation: units for operation, units in counts if units}

    def _shares(self) -> Iterator[tuple[Operation, float]]:
        return zip(OPERATIONS, self._rates, strict=True)

    def _window(self, now: float) -> None:
        """A window over a few units: caches that fill, the odd one-off, what is replaced; and a later look at it."""
        chance = self._chance
        inside = dict[Operation, int]()
        for _ in range(chance.choice((1, 1, 2, 4, 16))):
            operation = chance.choices(OPERATIONS, self._rates)[0]
            inside[operation] = inside.get(operation, 0) + 1
        types = dict[str, int]()
        stays = dict[str, float]()
        for operation, units in inside.items():
            cache = self._caches.get(operation)
            if cache is not None:
                gained = cache.asked(units, chance)
                _count(types, "shop.Entry", units)
                if cache.most < BOUND:  # the entries of the large one, `functools.lru_cache`, are text
                    _count(stays, "shop.Entry", gained)
        for each in self._shared:
            gained = each.asked(sum(inside.values()), chance)
            _count(types, each.name, gained)
            _count(stays, each.name, gained)
        objects = sum(types.values())
        edges = {chance.choice(OPERATIONS): 1} if chance.random() < 0.3 else {}
        blocks = 2 * round(sum(stays.values())) + round(chance.gauss(0, 3))
        self.ledger.add(
            WindowReading(
                at=now,
                units=tuple(inside.items()),
                edges=tuple(edges.items()),
                later=(),
                survivors=Survivors(objects, 64 * objects, 0, types=tuple(TypeCount(*each) for each in types.items())),
                blocks=blocks,
                seconds=0.0001,
            )
        )
        self._look(inside, edges, objects, stays)

    def _look(
        self, inside: dict[Operation, int], edges: dict[Operation, int], objects: int, stays: dict[str, float]
    ) -> None:
        weights = {operation: float(units) for operation, units in inside.items()}
        for operation in edges:
            weights[operation] = weights.get(operation, 0.0) + 0.5
        late = {name: count for name, count in stays.items() if count}
        if all(self.units[each] >= LASTING_UNITS for each in weights):
            numbers = tuple((each, self.units[each]) for each in weights)
            self.ledger.add_look(LateLook(tuple(weights.items()), numbers, objects, objects, tuple(late.items()), ()))

    def _interval(self, ended: dict[Operation, int]) -> None:
        chance = self._chance
        growths = []
        for each in self._shared:
            each.asked(sum(ended.values()), chance)
        for operation, cache in self._caches.items():
            gained = cache.asked(ended.get(operation, 0), chance)
            growths.append(Growth(cache.name, gained, cache.size, BOUND if cache.most == BOUND else None))
        now = {
            NATIVE: round(chance.gauss(50e6, 200_000)),
            THREADS: chance.randint(8, 12),
            DESCRIPTORS: chance.randint(20, 40),
        }
        held = tuple((name, count - self._held.get(name, count)) for name, count in now.items())
        self._held = now
        units = tuple(ended.items())
        self.ledger.add_interval(Interval(units, containers=tuple(growths)))
        self.ledger.add_interval(Interval(units, held=held))


Count = TypeVar("Count", int, float)


def _count(counts: dict[str, Count], name: str, more: Count) -> None:
    if more:
        counts[name] = counts[name] + more if name in counts else more
