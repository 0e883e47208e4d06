"""A host for the guard: operations whose residue is known, and a clock that does not keep the tests waiting."""

import random
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from math import inf
from pathlib import Path
from typing import Any

import pytest

from memguard.instruments import late
from memguard.model import OperationStats
from memguard.recycling.servers import Refusing
from memguard.residue import criteria, sampler
from memguard.settings import Settings
from memguard.wiring import findings, keeper, observer, reporter
from memguard.wiring.guard import Guard

CACHED_MOST = 32


class Context:
    """What a leak leaves."""

    def __init__(self, number: int) -> None:
        self.number = [number]


class Shop:
    """Operations of a host: what each leaves behind is what its name says."""

    def __init__(self, seed: int = 1) -> None:
        self.kept: list[object] = []
        self.cache: OrderedDict[int, Context] = OrderedDict()
        self.units = 0
        self._chance = random.Random(seed)
        self._menu: list[Callable[[], object]] = [self.leak, self.clean, self.bounded, self.cycle]

    def leak(self) -> None:
        """Keep one context for each unit, for ever."""
        self.kept.append(Context(self.units))

    def clean(self) -> int:
        """Keep nothing."""
        return len({number: Context(number) for number in range(5)})

    def bounded(self) -> None:
        """Keep the latest contexts."""
        self.cache[self.units] = Context(self.units)
        if len(self.cache) > CACHED_MOST:
            self.cache.popitem(last=False)

    def cycle(self) -> Any:
        """Leave garbage that only a collection frees."""
        first: Any = Context(self.units)
        first.itself = first
        return first

    def serve(self, guard: Guard, units: int) -> None:
        """Run so many units of all operations, in any order."""
        for _ in range(units):
            work = self._menu[self._chance.randrange(len(self._menu))]
            with unit_of(guard, work.__name__):
                work()
            self.units += 1


@contextmanager
def unit_of(guard: Guard, name: str, kind: str = "request") -> Iterator[Any]:
    """Be a unit of an operation, as an adapter makes it."""
    unit = guard.begin(kind, name)
    try:
        yield unit
    finally:
        guard.end(unit)


def hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let windows follow each other, and verdicts and late looks come in every round; rounds are made by the test."""
    monkeypatch.setattr(keeper, "SECONDS_BETWEEN_ROUNDS", 3600.0)
    monkeypatch.setattr(keeper, "SECONDS_BETWEEN_ROUNDS_MOST", 3600.0)
    monkeypatch.setattr(reporter, "SECONDS_BETWEEN_VERDICTS", 0.0)
    monkeypatch.setattr(reporter, "SECONDS_BETWEEN_VERDICTS_MOST", 0.0)
    monkeypatch.setattr(reporter, "SECONDS_BETWEEN_VERDICTS_EAGER", 0.0)
    monkeypatch.setattr(criteria, "LASTING_SECONDS", 0.0)
    monkeypatch.setattr(findings, "SECONDS_TO_EXPLAIN", 0.0)
    monkeypatch.setattr(sampler, "FIRST_LOOK_SECONDS", 0.25)
    monkeypatch.setattr(sampler, "EAGER_GAP", 0.0)
    monkeypatch.setattr(sampler, "CALM_GAP", 0.0)
    monkeypatch.setattr(late, "SECONDS_UNTIL_LOOK", 0.0)
    monkeypatch.setattr(observer, "TRACED_SHARE", inf)


def make_guard(folder: Path, **settings: object) -> Guard:
    """Return the guard of this process, with a store of its own and time for windows."""
    chosen = {"store": str(folder / "store.sqlite"), "overhead_budget": 0.5, "mode": "watch", **settings}
    return Guard.for_process(Settings.load(chosen, environ={}), server=Refusing("test"))


def started(folder: Path, **settings: object) -> Guard:
    """Return this process's guard after its first unit and its first word to the store."""
    made = make_guard(folder, **settings)
    with unit_of(made, "GET /"):
        pass
    made.flush()
    return made


def told(guard: Guard) -> dict[str, OperationStats]:
    """Return what the store knows of each operation, by name."""
    return {stats.judgement.operation.name: stats for _, stats in guard.store.read().operations}
