import gc
import logging
import statistics
import threading
import time
import tracemalloc
import weakref
from array import array
from collections.abc import Callable
from math import inf
from pathlib import Path

import pytest

from memguard.instruments.collector import NEVER
from memguard.instruments.heap import FROZEN_BY_THE_INTERPRETER
from memguard.model import OTHER, UNMATCHED
from memguard.readings import WindowReading
from memguard.residue.ledger import OPERATIONS_MOST
from memguard.settings import Settings
from memguard.wiring import guard as guarding
from memguard.wiring import observer
from memguard.wiring.guard import Guard
from tests.unit.store.children import DEADLINE, ended_well, forked, until
from tests.unit.wiring.driving import Context, Shop, hurry, make_guard, told, unit_of


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def rounds_until(guard: Guard, shop: Shop, condition: Callable[[], bool], what: str) -> None:
    """Serve units, and let the keeper make its round now and then, until a condition holds."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}: {told(guard)}"
        shop.serve(guard, 50)
        guard._look()
        guard._keep()


@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_a_leak_is_found(tmp_path: Path, mode: str, caplog: pytest.LogCaptureFixture) -> None:
    """The operation that leaks is named, with what it leaves and, in trace mode, where; no other is, at any time."""
    guard, shop = make_guard(tmp_path, mode=mode, trace_frames=2), Shop()
    accused: set[str] = set()

    def are_judged() -> bool:
        verdicts = {name: stats.judgement.verdict for name, stats in told(guard).items()}
        accused.update(name for name, verdict in verdicts.items() if verdict == "leak")
        return [verdicts.get(name) for name in ("leak", "clean", "cycle")] == ["leak", "clean", "clean"]

    with caplog.at_level(logging.WARNING, "memguard"):
        rounds_until(guard, shop, are_judged, "verdicts")
    stored = guard.store.read()
    ((_, finding),) = stored.findings

    assert accused == {"leak"}
    assert (finding.judgement.operation.name, finding.judgement.verdict) == ("leak", "leak")
    assert finding.types[0].type == f"{Context.__module__}.Context"
    assert [event.detail["name"] for _, event in stored.events if event.type == "finding"] == ["leak"]
    assert sum("leak leaks" in record.message for record in caplog.records) == 1
    if mode == "trace":
        site = finding.sites[0]
        assert site.source == "self.kept.append(Context(self.units))"
        assert (Path(site.file).name, site.function) == ("driving.py", "Shop.leak")


def test_units_are_counted(tmp_path: Path) -> None:
    """Every unit counts for its operation, an error as one; its name may come as late as its end."""
    guard = make_guard(tmp_path)
    for number in range(10):
        unit = guard.begin("request")
        unit.name = "GET /users/<id>"
        guard.end(unit, error=number % 5 == 0)
    with unit_of(guard, "shop.save", kind="task"):
        pass
    guard.end(guard.begin("request"))
    guard.flush()
    stored = guard.store.read()
    ((state),) = stored.workers

    assert {
        (stats.judgement.operation.kind, name): (stats.units, stats.errors) for name, stats in told(guard).items()
    } == {
        ("request", "GET /users/<id>"): (10, 2),
        ("task", "shop.save"): (1, 0),
        ("request", UNMATCHED): (1, 0),
    }
    assert (state.units_total, state.in_flight, state.server, state.mode) == (12, 0, "test", "watch")
    assert [event.type for _, event in stored.events] == ["started"]


def test_the_report_does_not_wait_for_a_long_round(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The keeper may search the heap for seconds; who asks meanwhile gets what was written last."""
    monkeypatch.setattr(guarding, "FLUSH_PATIENCE_SECONDS", 0.01)
    guard = make_guard(tmp_path)
    guard.end(guard.begin("request", "GET /"))
    guard.flush()
    guard.end(guard.begin("request", "GET /"))
    is_held, may_go = threading.Event(), threading.Event()

    def search() -> None:
        with guard._lock:
            is_held.set()
            may_go.wait(DEADLINE)

    keeper = threading.Thread(target=search)
    keeper.start()
    assert is_held.wait(DEADLINE)
    guard.flush()
    meanwhile = told(guard)["GET /"].units
    may_go.set()
    keeper.join(DEADLINE)
    guard.flush()

    assert (meanwhile, told(guard)["GET /"].units) == (1, 2)


def test_only_the_first_end_counts(tmp_path: Path) -> None:
    """A server may close a response twice, and a disconnect may come after the end."""
    guard = make_guard(tmp_path)
    unit = guard.begin("request", "GET /")
    guard.end(unit)
    guard.end(unit, error=True)
    guard.flush()

    assert unit.ended
    assert (told(guard)["GET /"].units, told(guard)["GET /"].errors) == (1, 0)


def test_units_in_flight(tmp_path: Path) -> None:
    """What has begun and not ended is told as such, and is not counted for its operation."""
    guard = make_guard(tmp_path)
    units = [guard.begin("request", "GET /") for _ in range(3)]
    guard.end(units[0])
    guard.flush()
    ((state),) = guard.store.read().workers

    assert (state.units_total, state.in_flight) == (3, 2)
    assert told(guard)["GET /"].units == 1
    for unit in units[1:]:
        guard.end(unit)


def test_threads(tmp_path: Path) -> None:
    """Units of many threads at once are all counted, and the keeper comes in between."""
    guard = make_guard(tmp_path)
    failures: list[BaseException] = []

    def serve(number: int) -> None:
        try:
            for _ in range(300):
                with unit_of(guard, f"GET /{number % 3}"):
                    kept = [Context(number) for _ in range(3)]
                kept.clear()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=serve, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for _ in range(20):
        guard._keep()
    for thread in threads:
        thread.join()
    guard.flush()
    ((state),) = guard.store.read().workers

    assert failures == []
    assert {name: stats.units for name, stats in told(guard).items()} == {f"GET /{number}": 600 for number in range(3)}
    assert (state.units_total, state.in_flight) == (1800, 0)


def test_ended_in_another_thread(tmp_path: Path) -> None:
    """A response may be closed by another thread than the one that made it; its windows are settled all the same."""
    guard, units = make_guard(tmp_path), 0

    def three_windows() -> bool:
        nonlocal units
        for _ in range(20):
            unit = guard.begin("request", "GET /")
            thread = threading.Thread(target=guard.end, args=(unit,))
            thread.start()
            thread.join()
        units += 20
        return windows(guard) >= 3

    until(three_windows, "three windows")

    assert told(guard)["GET /"].units == units


def windows(guard: Guard) -> int:
    """Let the keeper make a round, and return how many windows the store knows to be settled."""
    guard._keep()
    return guard.store.read().workers[0].windows_total


class Ends:
    """Host code that ends a unit, and runs another, when it is collected."""

    def __init__(self, guard: Guard) -> None:
        self.guard = guard
        self.unit = guard.begin("request", "GET /ended-late")
        self.itself = self

    def __del__(self) -> None:
        self.guard.end(self.unit)
        with unit_of(self.guard, "GET /in-a-finalizer"):
            pass


@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_a_finalizer_that_runs_inside_a_collection_of_memguards(tmp_path: Path, mode: str) -> None:
    """It may end units and begin others: nothing waits for a lock that its own thread holds."""
    guard = make_guard(tmp_path, mode=mode)
    for _ in range(30):
        Ends(guard)
        with unit_of(guard, "GET /"):
            pass
    assert guard._watch is not None
    guard._watch.observer.stop()
    gc.collect()
    guard.flush()

    assert {name: stats.units for name, stats in told(guard).items()} == {
        "GET /": 30,
        "GET /ended-late": 30,
        "GET /in-a-finalizer": 30,
    }


def test_a_finalizer_that_runs_while_the_first_unit_begins(tmp_path: Path) -> None:
    """The instruments try themselves out then, with collections; a unit that begins inside one passes unwatched."""
    guard = make_guard(tmp_path)
    ended: list[bool] = []

    class Begins:
        def __init__(self) -> None:
            self.itself = self

        def __del__(self) -> None:
            unit = guard.begin("request", "GET /in-a-finalizer")
            guard.end(unit)
            ended.append(unit.ended)

    def first_unit() -> None:
        Begins()
        with unit_of(guard, "GET /"):
            pass
        assert ended == [True]
        guard.flush()
        assert told(guard)["GET /"].units == 1

    assert ended_well(forked(first_unit))


def test_ignored_operations(tmp_path: Path) -> None:
    """Units of operations that are not to be watched pass uncounted, and leave nothing to accuse anybody of."""
    guard = make_guard(tmp_path, ignore=["GET /health", "* /static/*"])
    for name in ("GET /health", "HEAD /static/logo.png", "GET /", "GET /healthy"):
        for _ in range(5):
            with unit_of(guard, name):
                pass
    guard.flush()

    assert {name: stats.units for name, stats in told(guard).items()} == {"GET /": 5, "GET /healthy": 5}


def test_a_flood_of_names(tmp_path: Path) -> None:
    """Operations beyond so many are counted together, however many names there are."""
    guard = make_guard(tmp_path)
    for number in range(OPERATIONS_MOST + 1500):
        with unit_of(guard, f"GET /{number}"):
            pass
    guard.flush()
    found = told(guard)

    assert len(found) == OPERATIONS_MOST + 1
    assert found[OTHER].units == 1500
    assert sum(stats.units for stats in found.values()) == OPERATIONS_MOST + 1500


def test_overlap(tmp_path: Path) -> None:
    """A record says whether another unit was in flight, at any time of its own."""
    guard = make_guard(tmp_path, mode="trace")
    with unit_of(guard, "alone"):
        pass
    with unit_of(guard, "around"), unit_of(guard, "inside"):
        pass
    first = guard.begin("request", "first")
    second = guard.begin("request", "second")
    guard.end(first)
    guard.end(second)
    with unit_of(guard, "alone again"):
        pass
    guard.flush()

    assert {record.operation.name: record.overlapped for _, record in guard.store.units()} == {
        "alone": False, "around": True, "inside": True, "first": True, "second": True, "alone again": False,
    }  # fmt: skip


@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_nothing_of_the_host_is_kept(tmp_path: Path, mode: str) -> None:
    """An object that a unit left and that the host drops later goes then, without a collection."""
    guard = make_guard(tmp_path, mode=mode, trace_frames=1)
    kept: list[Context] = []
    references = []
    for number in range(50):
        with unit_of(guard, "GET /"):
            kept.append(Context(number))
        references.append(weakref.ref(kept[-1]))
        if number % 10 == 9:
            guard._keep()
    assert windows(guard) > 5
    gc.disable()
    try:
        kept.clear()
        alive = [reference() for reference in references if reference() is not None]
    finally:
        gc.enable()

    assert alive == []


@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_units_themselves_are_not_kept(tmp_path: Path, mode: str) -> None:
    """Once it has ended, a unit is its adapter's alone: kept on, it would be seen as what the operation leaves."""
    guard = make_guard(tmp_path, mode=mode, trace_frames=1)
    references = []
    for _ in range(50):
        with unit_of(guard, "GET /") as unit:
            references.append(weakref.ref(unit))
        del unit

    # Those that ended while the keeper had the observer are let go by the next that asks for it.
    until(lambda: not any(reference() for reference in references), "all units gone")
    assert windows(guard) > 5


@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_memguard_sees_nothing_of_itself(tmp_path: Path, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Windows over units that do nothing find nothing: no object in any, no block in most, whatever the keeper does.

    But for one block: the collection before a window empties the interpreter's free lists, and a unit may fill one again.
    """
    guard = make_guard(tmp_path, mode=mode, trace_frames=1)
    objects, blocks = array("q"), array("q")  # no objects are kept of the readings: they would change what is read
    deadline, number = time.monotonic() + DEADLINE, -1
    while number < 240 or (len(blocks) <= 10 and time.monotonic() < deadline):
        number += 1
        with unit_of(guard, "GET /"):
            pass
        if number == 0:
            assert guard._watch is not None
            add = guard._watch.ledger.add

            def note(reading: WindowReading, add: Callable[[WindowReading], None] = add) -> None:
                assert reading.survivors is not None
                objects.append(reading.survivors.objects)
                if reading.blocks is not None:
                    blocks.append(reading.blocks)
                add(reading)

            monkeypatch.setattr(guard._watch.ledger, "add", note)
        if number % 50 == 49:
            guard._keep()

    assert len(blocks) > 10
    assert list(objects)[3:] == [0] * (len(objects) - 3)
    assert 0 <= statistics.median(blocks) <= 1, list(blocks)


def test_the_keeper_starts_with_the_first_unit(tmp_path: Path) -> None:
    """A guard that was made only has no thread and has written nothing: its process may be about to fork."""
    guard = make_guard(tmp_path)
    before = [thread.name for thread in threading.enumerate()]
    guard.flush()
    guard._keep()
    assert "memguard-keeper" not in before
    assert not list(tmp_path.iterdir())
    with unit_of(guard, "GET /"):
        pass
    (keeper,) = [thread for thread in threading.enumerate() if thread.name == "memguard-keeper"]

    assert keeper.daemon
    guard.close()
    assert not keeper.is_alive()


@pytest.mark.parametrize("mode", ["watch", "trace"])
@pytest.mark.parametrize("in_flight", [0, 2])
def test_closed(tmp_path: Path, mode: str, in_flight: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """The end is in order: the heap, the thresholds and tracing as they were, and a last word to the store."""
    monkeypatch.setattr(observer, "TRACED_SHARE", inf)
    thresholds = gc.get_threshold()
    guard = make_guard(tmp_path, mode=mode)
    shop = Shop()
    shop.serve(guard, 20)
    units = [guard.begin("request", "GET /stream") for _ in range(in_flight)]
    assert gc.get_threshold()[1] == NEVER, "a window is open"
    guard.close()
    ((state),) = guard.store.read().workers

    assert gc.get_threshold() == thresholds
    assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER
    assert not tracemalloc.is_tracing()
    assert Guard.current() is None
    assert (state.state, state.units_total) == ("stopped", 20 + in_flight)
    assert [event.type for _, event in guard.store.read().events] == ["started", "stopped"]
    for unit in units:
        guard.end(unit)
    guard.close()


def test_units_after_the_close_pass(tmp_path: Path) -> None:
    """A guard that was closed does not begin anew; another one may be made."""
    guard = make_guard(tmp_path)
    guard.close()
    with unit_of(guard, "GET /"):
        pass
    assert "memguard-keeper" not in [thread.name for thread in threading.enumerate()]
    another = make_guard(tmp_path)
    with unit_of(another, "GET /"):
        pass
    another.flush()

    assert another is not guard
    assert told(another)["GET /"].units == 1


def test_tracing_of_the_host_outlives_the_guard(tmp_path: Path) -> None:
    """Where the application traces by itself, trace mode uses it, says so, and leaves it on."""
    tracemalloc.start(1)
    try:
        guard = make_guard(tmp_path, mode="trace")
        with unit_of(guard, "GET /"):
            pass
        guard.close()
        notes = guard.store.read().workers[0].notes

        assert tracemalloc.is_tracing()
        assert any("started by the application" in note for note in notes)
    finally:
        tracemalloc.stop()


def test_the_first_settings_stay(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """There is one guard in a process; a call with other settings gets it, and is told once in the log what differs."""
    guard = make_guard(tmp_path)
    other = Settings.load({"store": str(tmp_path / "other.sqlite"), "mode": "trace"}, environ={})
    with caplog.at_level(logging.WARNING, "memguard"):
        found = [Guard.for_process(other), Guard.for_process(other), make_guard(tmp_path)]

    assert found == [guard] * 3
    (record,) = caplog.records
    assert "already watched with other settings" in record.message
    assert {"store", "mode", "overhead_budget"} == set(record.message.rpartition(": ")[2].split(", "))


def test_one_guard_for_threads_that_come_at_once(tmp_path: Path) -> None:
    """Whoever asks first makes it, and all get the same."""
    settings = Settings.load({"store": str(tmp_path / "store.sqlite")}, environ={})
    found: list[Guard] = []
    barrier = threading.Barrier(8)

    def ask() -> None:
        barrier.wait(DEADLINE)
        guard = Guard.for_process(settings)
        guard.end(guard.begin("request", "GET /"))
        found.append(guard)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found[0].flush()

    assert len(set(map(id, found))) == 1
    assert [thread.name for thread in threading.enumerate()].count("memguard-keeper") == 1
    assert told(found[0])["GET /"].units == 8
