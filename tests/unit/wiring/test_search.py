import ctypes
import gc
import sys
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from memguard.evidence import Holder, RootKind
from memguard.explain import holders
from memguard.instruments.collector import collections
from memguard.instruments.heap import FROZEN_BY_THE_INTERPRETER
from memguard.instruments.late import SECONDS_UNTIL_LOOK
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.readings import Growth, Interval, LateLook
from memguard.residue.criteria import LASTING_UNITS, SURE
from memguard.settings import Settings
from memguard.wiring import search as searching
from memguard.wiring.search import (
    BUDGET_SHARE,
    BUDGET_SHARE_CALM,
    CALM_WINDOWS,
    FIRST_SCANS,
    FIRST_SCANS_NEAR,
    LOOKS_BEYOND_DOUBT,
    SECONDS_BETWEEN,
    SECONDS_BETWEEN_MOST,
    SECONDS_BETWEEN_NEAR,
    SECONDS_BETWEEN_NEAR_MOST,
    SECONDS_UNTIL_FIRST,
    Search,
)
from memguard.wiring.unit import Unit
from memguard.wiring.watch import Watch
from tests.unit.instruments.planting import Planted, plant, plant_cycles

SHOW, SAVE = Operation("request", "GET /show"), Operation("request", "POST /save")
PLANTED = f"{Planted.__module__}.Planted"


class Clock:
    """Goes on when it is told to, or by so much whenever it is read."""

    def __init__(self, step: float = 0.0) -> None:
        self.now = 0.0
        self.step = step

    def __call__(self) -> float:
        """Return the moment."""
        self.now += self.step
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """Return the clock that scans are paced by."""
    made = Clock()
    monkeypatch.setattr(searching, "monotonic", made)
    return made


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Return the watch of a process that opens no windows by itself."""
    made = Watch(Settings.load({"store": str(tmp_path / "store.sqlite")}, environ={}), Tracing())
    made.observer.wake = float("inf")
    yield made
    made.stop()


@pytest.fixture
def search(clock: Clock, watch: Watch) -> Search:
    """Return a search of that process, which has run for a while."""
    made = Search(watch, show_keys=False)
    clock.now += SECONDS_UNTIL_FIRST - SECONDS_BETWEEN / 2
    return made


@pytest.fixture
def shop() -> Iterator[Any]:
    """Return a module of an application, whose names are roots."""
    module = ModuleType("shop_of_searches")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


@pytest.fixture
def _collected_when_asked() -> Iterator[None]:
    """The collector is on, and its turn never comes by itself."""
    thresholds = gc.get_threshold()
    gc.collect()
    gc.set_threshold(0)
    yield
    gc.set_threshold(*thresholds)


def leave(watch: Watch, born: list[Any], operation: Operation = SHOW) -> None:
    """Have objects left by an operation, and looked at again: they were alive. The list is empty then."""
    watch.observer.late.follow(born, 0.0, ((operation, 1.0),), {operation: 0}, patience=0, line=lambda _: None)
    born.clear()
    for look in watch.observer.late.look(SECONDS_UNTIL_LOOK, lambda _: 1):
        watch.ledger.add_look(look)


def be_sure(watch: Watch) -> None:
    """Have so many looks at what windows over two operations left that there is no doubt whose it is."""
    for number in range(LOOKS_BEYOND_DOUBT):
        shown = 1 + number % 3
        units = ((SHOW, float(shown)), (SAVE, 1.0 + number % 4))
        numbers = ((SHOW, 200 * number), (SAVE, 200 * number))
        watch.ledger.add_look(LateLook(units, numbers, shown, shown, ((PLANTED, float(shown)),), ()))


def grow(watch: Watch, operation: Operation, path: str = "shop_of_searches.kept") -> None:
    """Have a container grow with one of two operations that come in changing mixes."""
    for number in range(40):
        units = {SHOW: 1 + number % 3, SAVE: 1 + number % 4}
        growth = Growth(path, units[operation], 100)
        watch.ledger.add_interval(Interval(tuple(units.items()), containers=(growth,)))


def is_confirmed(watch: Watch, operation: Operation = SHOW) -> bool:
    """Tell whether what an operation left is known to be held."""
    return operation in {each for each, _ in watch.ledger.books._confirmed}


def scan(
    search: Search,
    watch: Watch,
    clock: Clock,
    *,
    after: float,
    allowed: float = 100.0,
    eager: bool = False,
    suspected: bool = False,
) -> bool:
    """Say after some seconds and a unit that a scan may be made; return whether it was."""
    before = search._scans
    clock.now += after
    watch.begun += 1
    search.scan_if_due(allowed, is_eager=eager, is_awaited=suspected)
    return search._scans > before


@pytest.mark.usefixtures("_collected_when_asked")
def test_what_is_held_is_confirmed(search: Search, watch: Watch, shop: Any) -> None:
    """By a container that is found and, watched from then on, grows with it; without a full collection."""
    shop.kept = plant(5)
    leave(watch, list(shop.kept))
    watch.ledger.unconfirmed = [(SHOW, PLANTED)]
    before = collections()[1]

    assert not search.confirm(), "whether it grows with this operation is not known yet"
    grow(watch, SHOW)
    watch.ledger.unconfirmed = [(SHOW, PLANTED)]
    assert search.confirm()
    assert collections()[1] == before
    assert is_confirmed(watch)
    assert watch.ledger.unconfirmed == []
    assert watch.observer.containers.paths == ("shop_of_searches.kept",)
    assert not watch.observer.late.awaits_collections
    assert watch.observer.late.exhibits(SHOW, PLANTED) == shop.kept[-1:], "one of each window is shown"


def test_what_anothers_container_holds_is_not_confirmed(search: Search, watch: Watch, shop: Any) -> None:
    """In windows over several operations the objects were another's; it is no garbage either, so nothing is forgotten."""
    shop.kept = plant(5)
    for operation in (SHOW, SAVE):
        leave(watch, list(shop.kept), operation)
    watch.ledger.unconfirmed = [(SHOW, PLANTED)]
    search.confirm()
    grow(watch, SAVE)
    watch.ledger.unconfirmed = [(SHOW, PLANTED), (SAVE, PLANTED)]

    assert search.confirm()
    assert not is_confirmed(watch, SHOW)
    assert is_confirmed(watch, SAVE)
    assert not watch.observer.late.awaits_collections
    assert watch.observer.late.exhibits(SHOW, PLANTED)


def test_what_no_container_holds_is_confirmed_by_its_root(search: Search, watch: Watch, shop: Any) -> None:
    """There is nothing that could be asked whether it grows."""
    shop.latest = plant(1)[0]
    leave(watch, [shop.latest])
    watch.ledger.unconfirmed = [(SHOW, PLANTED)]

    assert search.confirm()
    assert is_confirmed(watch)


@pytest.mark.usefixtures("_collected_when_asked")
def test_garbage_is_not_confirmed(search: Search, watch: Watch) -> None:
    """What only waits for a full collection gets one; what was seen of it is forgotten, and looks wait from then on."""
    windows: list[list[Any]] = [plant_cycles(2) for _ in range(3)]
    gc.collect()
    for born in windows:
        leave(watch, born)
    assert len(watch.observer.late.exhibits(SHOW, PLANTED)) == 3
    watch.ledger.unconfirmed = [(SHOW, PLANTED), (SAVE, PLANTED)]
    before = collections()[1]

    assert not search.confirm()
    assert collections()[1] == before + 1
    assert not is_confirmed(watch)
    assert watch.observer.late.awaits_collections
    assert watch.observer.late.exhibits(SHOW, PLANTED) == []
    assert watch.ledger.books.lasting(SHOW).windows == 0
    assert watch.ledger.unconfirmed == []


@pytest.mark.usefixtures("_collected_when_asked")
def test_what_was_looked_at_after_collections_is_held(search: Search, watch: Watch) -> None:
    """Once looks wait for them there is nothing left to find out."""
    watch.observer.late.forget()
    watch.ledger.unconfirmed = [(SHOW, PLANTED)]
    before = collections()[1]

    assert not search.confirm(), "nothing but the figures says whose they are, and there are hardly any"
    be_sure(watch)
    watch.ledger.unconfirmed = [(SHOW, PLANTED)]
    assert search.confirm()
    assert collections()[1] == before
    assert is_confirmed(watch)


@pytest.mark.usefixtures("_collected_when_asked")
def test_what_c_code_holds(search: Search, watch: Watch) -> None:
    """No root is found, but a full collection leaves it alive."""
    born = plant(1)
    address = ctypes.py_object(born[0])
    ctypes.pythonapi.Py_IncRef(address)
    reference = id(born[0])
    del address
    leave(watch, born)
    before = collections()[1]
    try:
        for _ in range(2):
            watch.ledger.unconfirmed = [(SHOW, PLANTED)]
            assert not search.confirm(), "nothing but the figures says whose they are, and there are hardly any"
        assert collections()[1] == before + 1, "one full collection is enough to know"
        be_sure(watch)
        watch.ledger.unconfirmed = [(SHOW, PLANTED)]
        assert search.confirm()
        assert collections()[1] == before + 1
        assert is_confirmed(watch)
        assert not watch.observer.late.awaits_collections
    finally:
        ctypes.pythonapi.Py_DecRef(ctypes.cast(reference, ctypes.py_object))


@pytest.mark.usefixtures("_collected_when_asked")
def test_one_search_at_a_time(search: Search, watch: Watch, shop: Any) -> None:
    """Each may take more than a second, and whoever asks for the report waits for it; the next verdict asks again."""
    shop.kept, shop.saved = plant(5), plant(5)
    leave(watch, list(shop.kept))
    leave(watch, list(shop.saved), SAVE)
    searched = []
    for _ in range(3):
        watch.ledger.unconfirmed = [(SHOW, PLANTED), (SAVE, PLANTED)]
        search.confirm()
        searched.append(search.searches)

    assert searched == [1, 2, 2]


def test_a_search_without_a_root_is_made_again(
    search: Search, watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not at once: it costs passes over the heap. Once there is a root that stays."""
    kinds: Iterator[RootKind] = iter(("unknown", "unknown", "module", "unknown"))
    told: list[RootKind] = []

    def find(_: object) -> Holder:
        told.append(next(kinds))
        return Holder("shop.kept[…]", "", told[-1], (), None)

    monkeypatch.setattr(search, "_find", find)
    clock.now += 1000.0
    seen = []
    for pause in (0.0, SECONDS_BETWEEN, SECONDS_BETWEEN, SECONDS_BETWEEN, 1000.0):
        clock.now += pause + 0.1
        held = search.holder(SHOW, PLANTED)
        seen.append((held.root_kind if held else "", len(told)))

    assert seen == [("unknown", 1), ("unknown", 2), ("unknown", 2), ("module", 3), ("module", 3)]


def test_a_container_that_certainly_grows_is_enough(search: Search, watch: Watch) -> None:
    """Then nothing is searched for; growth of another operation's proves nothing."""
    for number in range(40):
        units = 1 + number % 3
        watch.ledger.add_interval(Interval(((SHOW, units),), containers=(Growth("shop.rows", units, 100),)))
    held = watch.ledger.books.watched.held(SHOW)
    assert held is not None
    assert held.trend.whole.z >= SURE
    watch.ledger.unconfirmed = [(SHOW, "")]
    assert search.confirm()
    assert is_confirmed(watch)

    watch.ledger.unconfirmed = [(SAVE, "")]
    assert not search.confirm()
    assert not is_confirmed(watch, SAVE)


def test_nothing_to_confirm(search: Search, watch: Watch) -> None:
    """Nothing happens, and no verdict has to be judged anew."""
    assert not search.confirm()
    assert not watch.observer.late.awaits_collections


def test_the_holder(search: Search, watch: Watch, shop: Any) -> None:
    """Of what an operation has left of a type; None where nothing of it is there."""
    shop.kept = plant(4)
    leave(watch, list(shop.kept))
    holder = search.holder(SHOW, PLANTED)

    assert holder is not None
    assert (holder.path, holder.root, holder.size) == ("shop_of_searches.kept[…]", "module shop_of_searches", 4)
    assert search.holder(SHOW, "shop.Other") is None
    assert search.holder(SAVE, PLANTED) is None


def test_a_holder_is_remembered(search: Search, watch: Watch, shop: Any) -> None:
    """It is not searched for again, also when the objects have gone."""
    shop.kept = plant(4)
    leave(watch, list(shop.kept))
    search.holder(SHOW, PLANTED)
    shop.kept.clear()
    holder = search.holder(SHOW, PLANTED)

    assert holder is not None
    assert holder.path == "shop_of_searches.kept[…]"


def test_the_holder_of_a_containers_latest_entries(search: Search, watch: Watch, shop: Any) -> None:
    """The way goes on to what is kept; where entries are plain values there is none."""
    shop.kept, shop.numbers = plant(4), list(range(2000, 2010))
    for each in holders.find([shop.kept, shop.numbers], seconds=10.0, growing=True):
        assert each is not None
        assert watch.observer.containers.watch(each)
    holder = search.holder_of_entries("shop_of_searches.kept")

    assert holder is not None
    assert (holder.path, holder.chain[-1].type) == ("shop_of_searches.kept[…]", PLANTED)
    assert search.holder_of_entries("shop_of_searches.numbers") is None
    assert search.holder_of_entries("shop_of_searches.never") is None


def test_an_open_window_is_given_up(watch: Watch) -> None:
    """Nothing is frozen or traced while the heap is looked at, and no unit opens a window; later ones do."""
    observer = watch.observer
    observer.zoom.wish(SHOW, [PLANTED], "", 1.0)
    observer.wake = 0.0
    first, second, third = (Unit("request", "GET /show") for _ in range(3))
    watch.begin(first)
    before = (observer.active, tracemalloc.is_tracing())
    with observer.quiet():
        observer.wake = 0.0
        watch.begin(second)
        watch.end(first, error=False)
        meanwhile = (observer.active, tracemalloc.is_tracing())
        assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER
    assert (before, meanwhile) == ((True, True), (False, False))
    watch.end(second, error=False)
    assert watch.ledger.windows == 0
    assert observer.wake < float("inf")
    observer.wake = 0.0
    watch.begin(third)

    assert observer.active


def test_a_traced_unit_is_given_up_for_a_look_at_the_heap(watch: Watch, shop: Any) -> None:
    """With tracemalloc on the look would take many times as long, and every unit of the host meanwhile."""
    shop.rows = [[number] for number in range(10)]
    watch.observer.zoom.wish(SHOW, [], "shop_of_searches.rows", 1.0)
    unit = Unit(SHOW.kind, SHOW.name)
    watch.observer.zoom.meet(unit, SHOW)
    assert tracemalloc.is_tracing()
    with watch.observer.quiet():
        assert (tracemalloc.is_tracing(), watch.observer.zoom.unit) == (False, None)
    watch.begin(unit)
    watch.end(unit, error=False)

    assert not watch.observer.zoom.is_on


def test_what_grows_is_watched(search: Search, watch: Watch, clock: Clock, shop: Any) -> None:
    """From the scan on that has seen it grow twice."""
    shop.rows, shop.still = ([[number] for number in range(10)] for _ in range(2))
    for number in range(3):
        assert "shop_of_searches.rows" not in watch.observer.containers.paths, f"too early: after {number} scans"
        assert scan(search, watch, clock, after=SECONDS_BETWEEN)
        shop.rows.extend([[], [], []])
    assert scan(search, watch, clock, after=SECONDS_BETWEEN)

    assert "shop_of_searches.rows" in watch.observer.containers.paths
    assert "shop_of_searches.still" not in watch.observer.containers.paths


def test_what_grows_near_the_applications_modules_is_watched_sooner(
    watch: Watch, clock: Clock, shop: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without a look at the whole heap."""
    monkeypatch.setattr(searching, "SECONDS_BETWEEN", 1000.0)
    search = Search(watch, show_keys=False)
    shop.__file__ = __file__
    shop.rows = [[number] for number in range(10)]
    for _ in range(3):
        assert not scan(search, watch, clock, after=SECONDS_BETWEEN_NEAR)
        shop.rows.extend([[], [], []])

    assert "shop_of_searches.rows" in watch.observer.containers.paths


def test_costly_looks_nearby_rest(watch: Watch, clock: Clock, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first few, in proportion to what they cost; within a bound."""
    monkeypatch.setattr(searching, "SECONDS_UNTIL_FIRST", 1000.0)
    search = Search(watch, show_keys=False)
    made = []
    for _ in range(FIRST_SCANS_NEAR + 1):
        before = search._scans_near
        scan(search, watch, clock, after=SECONDS_BETWEEN_NEAR, allowed=1e-9)
        made.append(search._scans_near > before)
    scan(search, watch, clock, after=SECONDS_BETWEEN_NEAR_MOST, allowed=1e-9)

    assert made == [True] * FIRST_SCANS_NEAR + [False]
    assert search._scans_near == FIRST_SCANS_NEAR + 1


@pytest.mark.parametrize(("name", "is_own"), [("memguard", True), ("memguard.planted", True), ("memguard_shop", False)])
def test_memguards_own_containers_are_not_watched(
    search: Search, watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, name: str, is_own: bool
) -> None:
    """Its books grow with the host's; an application may have a name like its."""
    module: Any = sys.modules.get(name) or ModuleType(name)
    monkeypatch.setitem(sys.modules, name, module)
    monkeypatch.setattr(module, "planted", [[number] for number in range(10)], raising=False)
    for _ in range(4):
        scan(search, watch, clock, after=SECONDS_BETWEEN)
        module.planted.extend([[], [], []])

    assert (f"{name}.planted" in watch.observer.containers.paths) is not is_own


def test_what_is_calm_is_forgotten(search: Search, watch: Watch, clock: Clock, shop: Any) -> None:
    """What was read of a cache that has filled up is dropped with the next scan."""
    shop.rows = [[number] for number in range(10)]
    path, containers = "shop_of_searches.rows", watch.observer.containers
    for _ in range(3):
        shop.rows.extend([[], [], []])
        scan(search, watch, clock, after=SECONDS_BETWEEN_MOST)
    assert path in containers.paths
    for number in range(CALM_WINDOWS):
        units = 1 + number % 3
        watch.ledger.add_interval(Interval(((SHOW, units),), containers=(Growth(path, 0, 20),)))
    watch.ledger.add_interval(Interval(((SHOW, 1),), containers=(Growth("shop.other", 1, 20),)))
    assert watch.ledger.books.watched.container(SHOW, path) is not None
    scan(search, watch, clock, after=SECONDS_BETWEEN_MOST)

    assert watch.ledger.books.watched.container(SHOW, path) is None
    assert watch.ledger.books.watched.container(SHOW, "shop.other") is not None


def test_scans_count_for_operations(search: Search, watch: Watch, clock: Clock) -> None:
    """That none was found is evidence, too."""
    for _ in range(LASTING_UNITS):
        watch.ledger.count(SHOW, 0.0, error=False)
    scan(search, watch, clock, after=SECONDS_BETWEEN)

    assert watch.ledger._counts[SHOW].searched == 1


def test_the_first_scans_come_soon_where_something_is_awaited(watch: Watch, clock: Clock) -> None:
    """Whatever they cost: there must be some to compare."""
    search = Search(watch, show_keys=False)
    assert not scan(search, watch, clock, after=SECONDS_BETWEEN / 2 - 0.1, allowed=1e-9, suspected=True)
    assert scan(search, watch, clock, after=0.1, allowed=1e-9, suspected=True)
    for _ in range(FIRST_SCANS - 1):
        assert not scan(search, watch, clock, after=SECONDS_BETWEEN - 0.1, allowed=1e-9, suspected=True)
        assert scan(search, watch, clock, after=0.2, allowed=1e-9, suspected=True)
    assert not scan(search, watch, clock, after=SECONDS_BETWEEN_MOST - 0.1, allowed=1e-9, suspected=True)
    assert scan(search, watch, clock, after=0.2, allowed=1e-9, suspected=True), "so long a pause is the longest"


def test_without_a_suspect_the_first_scans_are_paced_too(watch: Watch, clock: Clock) -> None:
    """Until something leaks memguard costs what it may cost; what is suspected later does not wait for the pause."""
    search = Search(watch, show_keys=False)
    assert not scan(search, watch, clock, after=SECONDS_UNTIL_FIRST - 0.1, allowed=1e-9)
    assert scan(search, watch, clock, after=0.1, allowed=1e-9)
    assert not scan(search, watch, clock, after=SECONDS_BETWEEN_MOST - 0.1, allowed=1e-9)
    assert scan(search, watch, clock, after=0.0, allowed=1e-9, suspected=True)


@pytest.mark.parametrize(("eager", "share"), [(True, BUDGET_SHARE), (False, BUDGET_SHARE_CALM)])
def test_scans_are_paced_by_the_budget(
    search: Search, watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch, *, eager: bool, share: float
) -> None:
    """After a scan so much time passes that it has used no more than its share."""
    monkeypatch.setattr(searching, "thread_time", Clock(step=0.6))
    for _ in range(FIRST_SCANS):
        scan(search, watch, clock, after=SECONDS_BETWEEN_MOST, allowed=0.1, eager=eager)
    pause = 0.6 / (0.1 * share)

    assert not scan(search, watch, clock, after=pause - 0.1, allowed=0.1, eager=eager)
    assert scan(search, watch, clock, after=0.2, allowed=0.1, eager=eager)


def test_a_large_heap_is_left_alone_while_it_is_traced(
    search: Search, watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The look would stop the process for seconds; what is near the modules is looked at all the same."""
    monkeypatch.setattr(searching, "TRACED_BLOCKS_MOST", 0)
    watch.tracing.start(1)

    assert not scan(search, watch, clock, after=SECONDS_BETWEEN)
    assert search._scans_near == 1
    watch.tracing.stop()
    assert scan(search, watch, clock, after=SECONDS_BETWEEN)


def test_a_small_heap_is_not_left_alone(
    search: Search, watch: Watch, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced or not."""
    monkeypatch.setattr(searching, "TRACED_BLOCKS_MOST", 2 * sys.getallocatedblocks())
    watch.tracing.start(1)

    assert scan(search, watch, clock, after=SECONDS_BETWEEN)


def test_no_scan_without_units(search: Search, watch: Watch, clock: Clock) -> None:
    """An idle process is left alone."""
    assert scan(search, watch, clock, after=SECONDS_BETWEEN)
    clock.now += SECONDS_BETWEEN_MOST
    search.scan_if_due(1.0, is_eager=True)

    assert search._scans == 1
