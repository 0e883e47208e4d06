"""Who sees each window open, close and settle, and what it read: so that the readings can be held against the truth."""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from memguard.instruments.heap import FrozenWindow, GenerationWindow
from memguard.model import Operation
from memguard.readings import WindowReading
from memguard.residue.ledger import Ledger
from memguard.wiring.span import Span
from memguard.wiring.unit import Unit
from tests.unit.wiring.schedules import NEVER, Host, Moment, Thing, Visit

INSIDE, EDGES, LATER = "inside", "edges", "later"


@dataclass
class Seen:
    """One settled window.

    Attributes:
        opened, closed, settled: When: before and after.
        is_exact: It ends with its close; else what is born until it settles is in it, too.
        taken: As what its units were counted.
        reading: What it read.
    """

    opened: Moment
    closed: Moment
    settled: Moment
    is_exact: bool
    taken: dict[str, list[Visit]]
    reading: WindowReading

    @property
    def end(self) -> Moment:
        """When what is born is not in it any more."""
        return self.closed if self.is_exact else self.settled


@dataclass
class Witness:
    """Sees all windows of a host.

    Attributes:
        seen: Settled windows that were taken as evidence.
    """

    host: Host
    seen: list[Seen] = field(default_factory=list)
    _opened: Moment = NEVER
    _closed: Moment = NEVER
    _settled: int = 0
    _is_exact: bool = True
    _taken: dict[str, list[Visit]] = field(default_factory=dict)

    def has_seen(self, units: int) -> bool:
        """Tell whether so many units have begun, and any window was settled."""
        return bool(self.seen) and len(self.host.visits) >= units

    def opens(self, call: Callable[[Any], Any], window: FrozenWindow | GenerationWindow) -> None:
        """A window opens."""
        before = self.host.now()
        self._taken = {INSIDE: [], EDGES: [], LATER: []}
        self._is_exact = window.two_phase
        call(window)
        self._opened = before, self.host.now()

    def closes(self, call: Callable[[Any], Any], window: FrozenWindow | GenerationWindow) -> None:
        """It closes."""
        before = self.host.now()
        call(window)
        self._closed = before, self.host.now()

    def settles(self, call: Callable[[Any], Any], window: FrozenWindow | GenerationWindow) -> Any:
        """It is settled."""
        self._settled = self.host.now()
        return call(window)

    def takes(self, span: Span, unit: Unit, call: Callable[[], None]) -> None:
        """A unit is counted."""
        before = len(span.inside), span.edges.total(), span.later.total()
        call()
        after = len(span.inside), span.edges.total(), span.later.total()
        for category, was, now in zip((INSIDE, EDGES, LATER), before, after, strict=True):
            if now > was:
                self._taken[category].append(self.host.visit_of[id(unit)])

    def gives_up(self, units: Iterable[Unit]) -> None:
        """Units in flight are not waited for."""
        self._taken[EDGES] += [self.host.visit_of[id(unit)] for unit in units]

    def reads(self, reading: WindowReading) -> None:
        """What it saw is taken as evidence."""
        settled = self._settled, self.host.now()
        self.seen.append(Seen(self._opened, self._closed, settled, self._is_exact, self._taken, reading))


@contextmanager
def witnessing(host: Host) -> Iterator[Witness]:
    """Yield who sees the windows of the host until the block ends."""
    witness = Witness(host)
    with pytest.MonkeyPatch.context() as patch:
        for kind in (FrozenWindow, GenerationWindow):
            for name, notice in (("open", witness.opens), ("close", witness.closes), ("settle", witness.settles)):
                patch.setattr(kind, name, _noticed(getattr(kind, name), notice))
        take, give_up, add = Span.take, Span.give_up_waiting, Ledger.add

        def taken(span: Span, unit: Unit, *, is_open: bool, is_exact: bool) -> None:
            witness.takes(span, unit, lambda: take(span, unit, is_open=is_open, is_exact=is_exact))

        def given_up(span: Span) -> None:
            witness.gives_up(span._waiting)
            give_up(span)

        def added(ledger: Ledger, reading: WindowReading) -> None:
            witness.reads(reading)
            add(ledger, reading)

        patch.setattr(Span, "take", taken)
        patch.setattr(Span, "give_up_waiting", given_up)
        patch.setattr(Ledger, "add", added)
        yield witness


def _noticed(call: Callable[[Any], Any], notice: Callable[..., Any]) -> Callable[[Any], Any]:
    return lambda window: notice(call, window)


def survived(seen: Seen, kind: str) -> int:
    """Return how many objects of a class a window saw alive."""
    assert seen.reading.survivors is not None
    return sum(each.count for each in seen.reading.survivors.types if each.type == kind)


def least_and_most(seen: Seen, things: Iterable[Thing]) -> tuple[Counter[str], Counter[str]]:
    """Return how many of the things a window must have seen alive, and how many it may have, by class."""
    least, most = Counter[str](), Counter[str]()
    for thing in things:
        born, died = thing.born, thing.died
        if born[1] > seen.opened[0] and born[0] < seen.end[1] and died[1] > seen.settled[0]:
            most[thing.kind] += 1
            if born[0] > seen.opened[1] and born[1] < seen.end[0] and died[0] > seen.settled[1]:
                least[thing.kind] += 1
    return least, most


def things(visits: Iterable[Visit]) -> Iterator[Thing]:
    """Return all that these units have planted."""
    return (thing for visit in visits for thing in tuple(visit.things))


def counted(pairs: Iterable[tuple[Operation, int]]) -> dict[str, int]:
    """Return units by the name of their operation."""
    return {operation.name: units for operation, units in pairs}


def assert_objects(host: Host, witness: Witness) -> None:
    """Fail unless every window has seen the objects that were born in it and are alive, no more and no less."""
    for seen in witness.seen:
        least, most = least_and_most(seen, things(host.visits))
        for kind in kinds(host):
            found = survived(seen, kind)
            assert least[kind] <= found <= most[kind], f"{kind}: {found} of {least[kind]} to {most[kind]} objects"


def assert_attributed(host: Host, witness: Witness) -> None:
    """Fail unless what the windows have seen is their own units'.

    All that units inside have planted is there; and where units were only partly inside, no more than theirs in addition.
    """
    for seen in witness.seen:
        inside = seen.taken[INSIDE]
        others = (
            seen.taken[EDGES] if seen.is_exact else [visit for visit in host.visits if _category(seen, visit) != INSIDE]
        )
        _, possible = least_and_most(seen, things([*inside, *others]))
        for kind in kinds(host):
            found = survived(seen, kind)
            planted = sum(thing.kind == kind and thing.died[0] > seen.settled[1] for thing in things(inside))
            assert planted <= found, f"{kind}: {found} objects, but units inside have planted {planted}"
            assert found <= possible[kind], (
                f"{kind}: {found} objects, of which {possible[kind]} are of the window's units"
            )


def kinds(host: Host) -> set[str]:
    """Return all classes that were planted."""
    return {thing.kind for thing in things(host.visits)}


def assert_units(host: Host, witness: Witness) -> None:
    """Fail unless every window has counted its units for what they were; for hosts of one thread, where it is certain."""
    for seen in witness.seen:
        wanted = {INSIDE: Counter[str](), EDGES: Counter[str](), LATER: Counter[str]()}
        for visit in host.visits:
            category = _category(seen, visit)
            if category:
                named = visit.ended[0] < seen.settled[0] or category != EDGES
                wanted[category][host.name(visit.operation) if named else "<unmatched>"] += 1
        reading = seen.reading
        assert counted(reading.units) == wanted[INSIDE]
        assert counted(reading.edges) == wanted[EDGES]
        assert counted(reading.later) == wanted[LATER]


def _category(seen: Seen, visit: Visit) -> str:
    begun, ended = visit.begun[1], visit.ended[0]
    if begun > seen.settled[0] or ended < seen.opened[1]:
        return ""
    if begun > seen.opened[1] and ended < seen.closed[0]:
        return INSIDE
    if begun < seen.closed[0]:
        return EDGES
    if ended < seen.settled[0]:
        return LATER if seen.is_exact else EDGES
    return ""
