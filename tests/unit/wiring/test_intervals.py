import json
import os
import random
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Any

import pytest

from memguard.explain import holders
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.readings import DESCRIPTORS, NATIVE, RSS, TASKS, THREADS, Interval
from memguard.residue.evidence import Trend
from memguard.residue.ledger import WARM_UP_UNITS
from memguard.settings import Settings
from memguard.wiring import intervals as interval
from memguard.wiring import span
from memguard.wiring.intervals import PUT_OFF_MOST, UNITS_LEAST, Intervals
from memguard.wiring.unit import Unit
from memguard.wiring.watch import Watch
from tests.unit.wiring import growing

SHOW, SAVE = Operation("request", "GET /show"), Operation("request", "POST /save")
ROWS = "shop_of_intervals.rows"
DEADLINE = 60


@pytest.fixture
def watch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watch]:
    """Return the watch of a process that opens no windows by itself; those that it is made to open are short."""
    monkeypatch.setattr(span, "OPEN_SECONDS_MOST", 0.0)
    monkeypatch.setattr(interval, "SECONDS_BETWEEN", 0.0)
    monkeypatch.setattr(interval, "SECONDS_BETWEEN_NATIVE", 0.0)
    monkeypatch.setattr(interval, "NATIVE_SHARE", 1000.0)
    made = Watch(Settings.load({"store": str(tmp_path / "store.sqlite")}, environ={}), Tracing())
    made.observer.wake = float("inf")
    yield made
    made.stop()


@pytest.fixture
def rows(watch: Watch) -> Iterator[list[Any]]:
    """Return a list of an application that was seen to grow."""
    module: Any = ModuleType("shop_of_intervals")
    sys.modules[module.__name__] = module
    module.rows = [[number] for number in range(10)]
    (found,) = holders.find([module.rows], seconds=10.0, growing=True)
    assert found is not None
    assert watch.observer.containers.watch(found)
    yield module.rows
    del sys.modules[module.__name__]


def run(watch: Watch, operation: Operation, work: Callable[[], object] = lambda: None) -> None:
    """Run a unit of an operation."""
    unit = Unit(operation.kind, operation.name)
    watch.begin(unit)
    work()
    watch.end(unit, error=False)


def growth(watch: Watch, operation: Operation) -> Trend | None:
    """Return how the rows grow with an operation."""
    held = watch.ledger.books.watched.container(operation, ROWS)
    return held.trend if held is not None else None


def mixed(watch: Watch, intervals: Intervals, show: Callable[[], object], looks: int = 40) -> None:
    """Look again and again while units of two operations come in changing numbers."""
    for number in range(looks):
        for _ in range(UNITS_LEAST + number % 3):
            run(watch, SAVE)
        for _ in range(number % 5):
            run(watch, SHOW, show)
        intervals.look()


def test_growth_counts_for_all_units(watch: Watch, rows: list[Any]) -> None:
    """No window was ever open; every unit counts, and whose growth it is comes from how often each ran."""
    intervals = Intervals(watch)
    intervals.look()
    mixed(watch, intervals, lambda: rows.append([]))
    show, save, held = growth(watch, SHOW), growth(watch, SAVE), watch.ledger.books.watched.held(SHOW)

    assert show is not None
    assert save is not None
    assert show.whole.value == pytest.approx(1.0, abs=0.01)
    assert save.whole.value == pytest.approx(0.0, abs=0.01)
    assert held is not None
    assert (held.path, held.size) == (ROWS, len(rows))
    assert watch.ledger.windows == 0


def test_growth_before_the_first_look_is_nobodys(watch: Watch, rows: list[Any]) -> None:
    """There is nothing to compare it with."""
    intervals = Intervals(watch)
    for _ in range(50):
        run(watch, SHOW, lambda: rows.append([]))
    intervals.look()
    assert growth(watch, SHOW) is None
    for _ in range(UNITS_LEAST):
        run(watch, SHOW)
    intervals.look()
    found = growth(watch, SHOW)

    assert found is not None
    assert (found.windows, found.whole.value) == (1, 0.0)


def test_a_look_waits_until_no_unit_is_in_flight(watch: Watch, rows: list[Any]) -> None:
    """A unit in flight may have left by now what it leaves, or not; it looks as it ends, if it was the last."""
    intervals = Intervals(watch)
    for _ in range(UNITS_LEAST):
        run(watch, SHOW, lambda: rows.append([]))
    intervals.look()
    for _ in range(UNITS_LEAST - 2):
        run(watch, SHOW, lambda: rows.append([]))
    first, second = Unit(SHOW.kind, SHOW.name), Unit(SHOW.kind, SHOW.name)
    watch.begin(first)
    watch.begin(second)
    intervals.look()
    counts = [growth(watch, SHOW)]
    for unit in (first, second):
        rows.append([])
        watch.end(unit, error=False)
        counts.append(growth(watch, SHOW))
    run(watch, SHOW)

    assert [found is not None for found in counts] == [False, False, True]
    assert counts[-1] is not None
    assert counts[-1].windows == 1
    assert counts[-1].whole.value == pytest.approx(1.0)
    assert growth(watch, SHOW) == counts[-1]


def test_units_are_always_in_flight(watch: Watch, rows: list[Any]) -> None:
    """Then the keeper looks all the same, and nothing is certain: what grew may be what those in flight have left."""
    intervals = Intervals(watch)
    intervals.look()
    stays = [Unit(SHOW.kind, SHOW.name) for _ in range(3)]
    for unit in stays:
        watch.begin(unit)
    for _ in range(30):
        for _ in range(UNITS_LEAST):
            run(watch, SHOW, lambda: rows.append([]))
        for _ in range(PUT_OFF_MOST + 2):
            intervals.look()
    busy = growth(watch, SHOW)
    assert watch.when_quiet is None or watch.live

    assert busy is not None
    assert busy.windows >= 29
    assert busy.whole.value == pytest.approx(1.0, abs=0.01)
    assert 0.05 < busy.whole.error < 0.2


def test_few_units_make_no_interval(watch: Watch, rows: list[Any]) -> None:
    """They wait for more, and what grew with them counts then."""
    intervals = Intervals(watch)
    for _ in range(UNITS_LEAST):
        run(watch, SHOW)
    intervals.look()
    for _ in range(UNITS_LEAST - 1):
        run(watch, SHOW, lambda: rows.append([]))
        intervals.look()
    assert growth(watch, SHOW) is None
    run(watch, SHOW, lambda: rows.append([]))
    intervals.look()
    found = growth(watch, SHOW)

    assert found is not None
    assert found.windows == 1
    assert found.whole.value > 0.5


def test_a_look_is_put_off_while_a_window_is_active(watch: Watch, rows: list[Any]) -> None:
    """But not for ever; and the window that it falls into then is not counted."""
    intervals = Intervals(watch)
    for _ in range(WARM_UP_UNITS + UNITS_LEAST):
        run(watch, SHOW)
    intervals.look()
    for _ in range(UNITS_LEAST):
        run(watch, SHOW, lambda: rows.append([]))
    watch.observer.wake = 0.0
    unit = Unit(SAVE.kind, SAVE.name)
    watch.begin(unit)
    assert watch.observer.active
    for _ in range(PUT_OFF_MOST):
        intervals.look()
        assert growth(watch, SHOW) is None
    intervals.look()

    assert growth(watch, SHOW) is not None
    watch.end(unit, error=False)
    settle(watch)
    assert watch.ledger.windows == 0
    watch.observer.wake = 0.0
    run(watch, SAVE)
    settle(watch)
    assert watch.ledger.windows == 1, "the next one is"


def settle(watch: Watch) -> None:
    """Let the window that waits be settled, and none follow it."""
    deadline = perf_counter() + 20
    while watch.observer.active:
        assert perf_counter() < deadline
        watch.observer.tick()
    watch.observer.wake = float("inf")


def test_a_window_between_two_looks_is_counted(watch: Watch) -> None:
    """Only a look inside it disturbs it."""
    intervals = Intervals(watch)
    for _ in range(UNITS_LEAST):
        run(watch, SHOW)
    intervals.look()
    watch.observer.wake = 0.0
    run(watch, SHOW)
    settle(watch)
    intervals.look()

    assert watch.ledger.windows == 1


def test_what_the_process_holds(watch: Watch) -> None:
    """Descriptors that stay are told with whose units they came; what does not change is nobody's."""
    intervals, opened = Intervals(watch), list[int]()
    try:
        mixed(watch, intervals, lambda: opened.append(os.open(os.devnull, os.O_RDONLY)))
        show, save = (dict(watch.ledger.books.resources(operation)) for operation in (SHOW, SAVE))
    finally:
        for each in opened:
            os.close(each)

    assert show[DESCRIPTORS].whole.value == pytest.approx(1.0, abs=0.01)
    assert save[DESCRIPTORS].whole.value == pytest.approx(0.0, abs=0.01)
    assert show[THREADS].whole.value == pytest.approx(0.0, abs=0.01)


def test_native_memory(watch: Watch) -> None:
    """Bytes that C code took and kept."""
    intervals, kept = Intervals(watch), list[bytearray]()
    mixed(watch, intervals, lambda: kept.append(bytearray(100_000)))

    assert watch.ledger.books.native(SHOW).whole.value == pytest.approx(100_000, rel=0.05)


def test_a_container_that_is_watched_meanwhile(watch: Watch, rows: list[Any]) -> None:
    """It begins with the next look: what it held before is no growth of the units since the last one."""
    intervals = Intervals(watch)
    watch.observer.containers.forget(ROWS)
    for _ in range(UNITS_LEAST):
        run(watch, SHOW)
    intervals.look()
    (found,) = holders.find([rows], seconds=10.0, growing=True)
    assert found is not None
    assert watch.observer.containers.watch(found)
    for turn in range(2):
        for _ in range(UNITS_LEAST):
            run(watch, SHOW)
        intervals.look()
        assert (growth(watch, SHOW) is not None) == (turn == 1)
    trend = growth(watch, SHOW)

    assert trend is not None
    assert trend.whole.value == 0.0


def test_readings_of_native_memory_rest(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """They may be costly; what came between two of them counts for the later one, with all its units."""
    monkeypatch.setattr(interval, "SECONDS_BETWEEN_NATIVE", 3600.0)
    intervals, kept = Intervals(watch), list[bytearray]()
    mixed(watch, intervals, lambda: kept.append(bytearray(100_000)), looks=20)
    assert watch.ledger.books.native(SHOW) == Trend()
    assert watch.ledger.books.resources(SHOW)[0][1].windows > 0
    intervals._next_native = 0.0
    mixed(watch, intervals, lambda: kept.append(bytearray(100_000)), looks=1)

    assert watch.ledger.books.native(SHOW).windows == 1


LIST_OF_ONE_BYTES = 136
"""A list with its collector's head, its one place, the number in it, and its own place in the list around it."""
MAPS, CLEAN = (Operation("request", f"GET /{name}") for name in ("maps", "clean"))


def test_whose_the_growth_of_rss_is(tmp_path: Path) -> None:
    """Mapped memory, objects and text are each the operation's that leaves them; one that leaves nothing is not named."""
    command = [
        sys.executable,
        "-W",
        "error",
        str(Path(__file__).with_name("growing.py")),
        str(tmp_path / "store.sqlite"),
    ]
    told = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, timeout=DEADLINE).stdout)
    left = told["left"]

    assert left.keys() == {"maps", "keeps", "texts"}
    assert left["maps"] == pytest.approx(growing.MAPPED, rel=0.25)
    assert left["texts"] == pytest.approx(growing.TEXT, rel=0.6)
    assert left["keeps"] == pytest.approx(growing.LISTS * LIST_OF_ONE_BYTES, rel=0.6)
    assert told["sum"] == pytest.approx(told["grew"], rel=0.15)


def test_growth_that_is_nobodys(watch: Watch) -> None:
    """What grows whatever runs is laid at no operation's door."""
    looks, chance, kept = Intervals(watch), random.Random(4), []
    for _ in range(80):
        for operation in chance.choices([MAPS, CLEAN], k=chance.randrange(4, 40)):
            run(watch, operation)
        kept.append(growing.mapped(growing.MAPPED))
        looks.look()

    assert watch.ledger.books.shares() == ()


def test_what_tracemalloc_takes_is_nobodys(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables come from the C allocator, some MB of them, for as long as it is on; after that both are read anew."""
    told: list[set[str]] = []
    add = watch.ledger.add_interval

    def noted(each: Interval) -> None:
        told.append({name for name, _ in each.held})
        add(each)

    monkeypatch.setattr(watch.ledger, "add_interval", noted)
    intervals = Intervals(watch)
    for number in range(8):
        if number == 3:
            watch.tracing.start(1)
        elif number == 5:
            watch.tracing.stop()
        for _ in range(UNITS_LEAST):
            run(watch, SHOW)
        intervals.look()
    resources = {name for name in told[0] | told[1] if name not in {RSS, NATIVE}}

    assert resources == {DESCRIPTORS, THREADS, TASKS}
    assert [RSS in each for each in told if each & resources] == [True, True, False, False, False, True, True]
    assert sum(NATIVE in each for each in told) == 4
