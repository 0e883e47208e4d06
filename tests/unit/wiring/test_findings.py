import gc
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from memguard.evidence import TypeCount
from memguard.explain import holders
from memguard.explain.sites import code_of
from memguard.instruments.end_of_life import SECONDS_LATE
from memguard.instruments.late import SECONDS_UNTIL_LOOK
from memguard.instruments.traces import Tracing
from memguard.model import Finding, Operation
from memguard.readings import DESCRIPTORS, Growth, Interval, LateLook, Survivors, WindowReading
from memguard.residue.criteria import LASTING_SECONDS, LASTING_UNITS
from memguard.settings import Settings
from memguard.wiring import findings as finding
from memguard.wiring.findings import (
    HOLDER_TRIES,
    LATE_LEAST,
    SECONDS_BETWEEN_TRIES,
    SECONDS_TO_EXPLAIN,
    Findings,
    fingerprint_of,
)
from memguard.wiring.search import Search
from memguard.wiring.watch import Watch
from tests.unit.instruments.planting import Planted, plant

SHOW, SAVE = Operation("request", "GET /show"), Operation("request", "POST /save")
PLANTED = f"{Planted.__module__}.Planted"
ROWS = "shop_of_findings.rows"
NOW = 1_000_000.0


class Clock:
    """Stands still until it is told otherwise."""

    now = 0.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that findings wait by."""
    made = Clock()
    monkeypatch.setattr(finding, "monotonic", made)
    return made


@pytest.fixture
def shop() -> Iterator[Any]:
    """Return a module of an application, whose names are roots."""
    module: Any = ModuleType("shop_of_findings")
    sys.modules[module.__name__] = module
    module.rows = plant(10)
    yield module
    del sys.modules[module.__name__]


class Case:
    """A process with two operations that were watched for long enough."""

    def __init__(self, folder: Path, **settings: object) -> None:
        chosen = Settings.load({"store": str(folder / "store.sqlite"), **settings}, environ={})
        self.watch = Watch(chosen, Tracing())
        self.watch.observer.wake = float("inf")
        self.findings = Findings(self.watch, chosen, Search(self.watch, show_keys=False))
        for operation in (SHOW, SAVE):
            for number in range(LASTING_UNITS + 60):
                self.watch.ledger.count(operation, NOW + number * LASTING_SECONDS / LASTING_UNITS, error=False)
        for number in range(40):
            survivors = Survivors(0, 0, 0)
            units = (((SHOW, SAVE)[number % 2], 1),)
            self.watch.ledger.add(WindowReading(NOW, units, (), (), survivors, blocks=0))

    def grow(self, container: object, operation: Operation = SHOW, path: str = ROWS) -> None:
        """Watch a container, and have it grow by one entry for each unit of an operation."""
        (found,) = holders.find([container], seconds=10.0, growing=True)
        assert found is not None
        assert self.watch.observer.containers.watch(found)
        for number in range(40):
            units = {SHOW: 1 + number % 3, SAVE: 1 + number % 4}
            growth = Growth(path, units[operation], 777)
            self.watch.ledger.add_interval(Interval(tuple(units.items()), containers=(growth,)))

    def leave(self, kept: list[Any]) -> None:
        """Have windows over units of an operation leave objects that are alive when looked at again, and are held."""
        self.watch.observer.late.follow(kept, 0.0, ((SHOW, 1.0),), {SHOW: 0}, patience=0, line=lambda _: None)
        self.watch.observer.late.look(SECONDS_UNTIL_LOOK, lambda _: 1)
        for number in range(60):
            numbers = ((SHOW, LASTING_UNITS + number),)
            self.watch.ledger.add_look(LateLook(((SHOW, 1.0),), numbers, 1, 1, ((PLANTED, 1.0),), ()))
        self.watch.ledger.books.confirm(SHOW, PLANTED)

    def trace(self, work: Callable[[], object]) -> None:
        """Have traced windows settled, for as long as somebody wishes so."""
        zoom = self.watch.observer.zoom
        while zoom.begin():
            work()
            zoom.end({SHOW: 1.0}, [])

    def update(self, now: float = NOW) -> Finding | None:
        """Judge anew; return the only finding."""
        self.findings.update(self.watch.ledger.judge(), now)
        found = self.findings.all()
        assert len(found) <= 1, "the other operation leaks nothing"
        return found[0] if found else None


@pytest.fixture
def case(tmp_path: Path, clock: Clock) -> Iterator[Case]:
    """Return a process that nobody has accused."""
    made = Case(tmp_path)
    yield made
    made.watch.stop()


def show(rows: list[Any]) -> None:
    """Leave something."""
    rows.append(Planted())


def keep(rows: list[Any], given: object) -> None:
    """Keep what somebody else has made."""
    rows.append(given)


_framework: dict[str, Any] = {}
exec(compile("def make(kind): return kind()", "/srv/site-packages/framework/request.py", "exec"), _framework)
made_by_a_framework: Callable[[type], object] = _framework["make"]


def line_of(function: Any) -> int:
    """Return the line of a function's last statement."""
    return int(max(line for _, _, line in function.__code__.co_lines() if line is not None))


def test_what_leaks_nothing_is_no_finding(case: Case) -> None:
    """Nothing is looked for and nothing is told."""
    assert case.update() is None
    case.findings.explain()

    assert case.findings.tell(NOW) == []
    assert not case.watch.observer.zoom.is_wished


def test_a_finding_is_told_when_it_is_explained(case: Case, shop: Any) -> None:
    """With its site and its holder, once."""
    case.grow(shop.rows)
    found = case.update()
    assert found is not None
    assert found.sites == ()
    assert case.findings.tell(NOW) == []
    case.trace(lambda: show(shop.rows))
    found = case.update(NOW + 1)
    assert found is not None
    (event,) = case.findings.tell(NOW + 2)

    assert (found.sites[0].file, found.sites[0].line, found.sites[0].function) == (__file__, line_of(show), "show")
    assert (event.at, event.type) == (NOW + 2, "finding")
    assert event.detail == {
        "fingerprint": fingerprint_of(SHOW), "kind": SHOW.kind, "name": SHOW.name, "site": f"{__file__}:{line_of(show)}",
        "holder": f"{ROWS}[…]", "pattern": found.pattern.id,
    }  # fmt: skip
    assert case.findings.tell(NOW + 3) == []
    case.update(NOW + 4)
    assert case.findings.tell(NOW + 5) == []


def test_a_finding_that_cannot_be_explained_is_told_all_the_same(case: Case, clock: Clock, shop: Any) -> None:
    """After some seconds."""
    case.grow(shop.rows)
    case.update()
    clock.now += SECONDS_TO_EXPLAIN - 0.1
    assert case.findings.tell(NOW) == []
    clock.now += 0.1
    (event,) = case.findings.tell(NOW)

    assert (event.detail["site"], event.detail["holder"]) == (None, f"{ROWS}[…]")
    assert case.findings.tell(NOW) == []


@pytest.mark.parametrize(("alerts", "lines"), [(["log"], 1), ([], 0)])
def test_where_it_is_told(
    tmp_path: Path, clock: Clock, shop: Any, caplog: pytest.LogCaptureFixture, *, alerts: list[str], lines: int
) -> None:
    """In the log only if that is asked for; as an event in any case."""
    case = Case(tmp_path, alerts=alerts)
    case.grow(shop.rows)
    case.update()
    clock.now += SECONDS_TO_EXPLAIN
    with caplog.at_level(logging.WARNING, "memguard"):
        events = case.findings.tell(NOW)
    case.watch.stop()

    assert len(events) == 1
    assert sum("GET /show leaks" in record.getMessage() for record in caplog.records) == lines


def test_fingerprints_are_stable() -> None:
    """The same in every process and version, of operations that differ in kind or name different ones."""
    assert fingerprint_of(SHOW) == "f99f1db7425eb29e"
    assert len({fingerprint_of(Operation(*each)) for each in (("a", "bc"), ("ab", "c"), ("a", "b"))}) == 3


def test_the_holder_is_the_container_that_grows(case: Case, shop: Any) -> None:
    """With its latest size and what it gains for each unit, as the ledger has them."""
    case.grow(shop.rows)
    found = case.update()

    assert found is not None
    assert found.holder is not None
    assert (found.holder.path, found.holder.root, found.holder.size) == (f"{ROWS}[…]", "module shop_of_findings", 777)
    assert found.holder.growth_per_unit == pytest.approx(1.0, abs=0.02)
    assert found.attribution == (
        "the container that holds them grows with the units of this operation and not with others'"
    )


def test_a_container_that_certainly_grows_comes_before_what_a_search_found(case: Case, shop: Any) -> None:
    """The objects that were searched may be another's."""
    shop.registry = plant(5)
    case.leave(list(shop.registry))
    case.update()
    case.findings.explain()
    searched = case.update()
    assert searched is not None
    assert searched.holder is not None
    assert searched.holder.path == "shop_of_findings.registry[…]"
    case.grow(shop.rows)
    found = case.update()

    assert found is not None
    assert found.holder is not None
    assert found.holder.path == f"{ROWS}[…]"


def test_one_that_grows_with_another_operation_says_nothing(case: Case, shop: Any) -> None:
    """What the search found stays."""
    shop.registry = plant(5)
    case.leave(list(shop.registry))
    case.grow(shop.rows, SAVE)
    case.findings.update(case.watch.ledger.judge(), NOW)
    case.findings.explain()
    case.findings.update(case.watch.ledger.judge(), NOW)
    found = {each.judgement.operation: each.holder for each in case.findings.all()}

    assert {operation: holder and holder.path for operation, holder in found.items()} == {
        SHOW: "shop_of_findings.registry[…]",
        SAVE: f"{ROWS}[…]",
    }


def test_the_way_on_from_the_container(case: Case, shop: Any) -> None:
    """A search shows how its entries are reached; of their type the finding speaks from the first, and once."""
    case.grow(shop.rows)
    before = case.update()
    case.findings.explain()
    found = case.update()

    assert before is not None
    assert found is not None
    assert found.holder is not None
    assert [link.type for link in found.holder.chain] == ["list", PLANTED]
    assert (found.holder.size, found.holder.growth_per_unit > 0.9) == (777, True)
    assert [each.type for each in before.types] == [each.type for each in found.types] == [PLANTED]
    assert before.types[0].count == len(shop.rows)


def test_what_windows_merely_saw_is_not_told(case: Case, shop: Any) -> None:
    """What is alive when a window settles may be the server's and go; the types are those of what stays."""
    seen = Survivors(3, 300, 0, types=(TypeCount("asyncio.Task", 2), TypeCount("dict", 1)))
    for _ in range(40):
        case.watch.ledger.add(WindowReading(NOW, ((SHOW, 1),), (), (), seen, blocks=0))
    case.grow(shop.rows)
    found = case.update()

    assert found is not None
    assert found.judgement.verdict == "leak"
    assert [each.type for each in found.types] == [PLANTED]


def test_a_search_is_not_made_for_ever(case: Case, clock: Clock) -> None:
    """It looks at the whole heap: some times, with pauses."""
    case.leave(plant(3))
    case.update()
    looked = []
    for _ in range(HOLDER_TRIES + 2):
        case.findings.explain()
        case.findings.explain()
        looked.append(case.findings._cases[fingerprint_of(SHOW)].tries)
        clock.now += SECONDS_BETWEEN_TRIES

    assert looked == [*range(1, HOLDER_TRIES + 1), HOLDER_TRIES, HOLDER_TRIES]


def test_its_pattern_comes_from_all_clues(case: Case) -> None:
    """Also where no object is known: a descriptor is a number."""
    for number in range(40):
        units = {SHOW: 1 + number % 3, SAVE: 1 + number % 4}
        case.watch.ledger.add_interval(Interval(tuple(units.items()), held=((DESCRIPTORS, units[SHOW]),)))
    found = case.update()

    assert found is not None
    assert (found.types, found.sites, found.holder) == ((), (), None)
    assert found.pattern.id == "file-descriptor"


def test_frames_are_clues(case: Case, shop: Any) -> None:
    """What allocated is known from the zoom; by the operation's own code it is certain whose it is."""
    case.watch.code[SHOW] = code_of(show)
    case.grow(shop.rows)
    case.update()
    case.trace(lambda: show(shop.rows))
    found = case.update()

    assert found is not None
    assert found.pattern.id == "unbounded-container"
    assert found.attribution == "the allocations go through the operation's own code"


def test_what_was_not_made_in_the_operations_own_code(case: Case, shop: Any) -> None:
    """A framework makes the request before the view runs: the line of the view that keeps it comes first."""
    case.watch.code[SHOW] = code_of(keep)
    case.grow(shop.rows)
    case.update()
    case.trace(lambda: keep(shop.rows, made_by_a_framework(Planted)))
    line = sys._getframe().f_lineno - 1
    found = case.update()

    assert found is not None
    assert [(site.file, site.line, site.function) for site in found.sites] == [
        (__file__, line_of(keep), "keep"),
        (__file__, line, "test_what_was_not_made_in_the_operations_own_code"),
    ]
    assert found.attribution == (
        "the container that holds them grows with the units of this operation and not with others'"
    )


def test_what_another_line_of_the_application_made(case: Case, shop: Any) -> None:
    """A helper that raises what a view keeps: the line that made it is the application's own, and comes first."""
    case.watch.code[SHOW] = code_of(keep)
    case.grow(shop.rows)
    case.update()
    case.trace(lambda: keep(shop.rows, Planted()))
    line = sys._getframe().f_lineno - 1
    found = case.update()

    assert found is not None
    assert [(site.file, site.line) for site in found.sites] == [(__file__, line)]


def test_a_leak_that_ends(case: Case, shop: Any) -> None:
    """The finding stays, with the moments when it was first and last a leak."""
    case.grow(shop.rows)
    case.update(NOW)
    case.update(NOW + 10)
    case.watch.ledger.books.watched.forget(ROWS)
    found = case.update(NOW + 20)

    assert found is not None
    assert found.judgement.verdict == "plateau"
    assert (found.first_seen, found.last_seen) == (NOW, NOW + 10)


def test_requests_that_outlive_their_units(case: Case, shop: Any) -> None:
    """They are a reason more for an accusation, if they are many; they make none by themselves."""
    end_of_life, kept = case.watch.end_of_life, plant(LATE_LEAST)
    for number, each in enumerate(kept):
        end_of_life.follow("request", SHOW, each, float(number))
    gc.collect()
    end_of_life.look(LATE_LEAST + SECONDS_LATE)

    assert case.update() is None
    case.grow(shop.rows)
    found = case.update()
    assert found is not None
    assert found.judgement.reasons[-1] == (
        f"of {LATE_LEAST} request objects that were looked at, {LATE_LEAST} were still alive "
        f"{SECONDS_LATE:.0f} s after their unit's end"
    )
