import sys
import tracemalloc
from collections import namedtuple
from collections.abc import Iterator
from io import BytesIO
from types import ModuleType
from typing import Any

import pytest

from memguard.explain import holders
from memguard.explain.sites import code_of
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.wiring import zoom as zooming
from memguard.wiring.containers import Containers
from memguard.wiring.unit import Unit
from memguard.wiring.wishes import (
    EXHIBITS_ENOUGH,
    FRAMES,
    FRAMES_FIRST,
    FRUITLESS_MOST,
    GAP_LEAST,
    MIXED_WINDOWS_LEAST,
    REST,
    SECONDS_AT_ONCE,
    SECONDS_AT_ONCE_MOST,
    SECONDS_MOST,
    SECONDS_MOST_RARE,
    SHARE_OF_OTHERS,
    UNITS,
    UNITS_MOST,
    WINDOWS_LEAST,
    WINDOWS_LEAST_RARE,
    WINDOWS_MOST,
)
from memguard.wiring.zoom import Zoom
from tests.unit.instruments.planting import Planted

SHOW, SAVE = Operation("request", "GET /show"), Operation("request", "POST /save")
PLANTED = f"{Planted.__module__}.Planted"
ALONE, MIXED = {SHOW: 1.0}, {SHOW: 1.0, SAVE: 1.0}


class Other:
    """Something else."""


class Clock:
    """Stands still until it is told otherwise."""

    now = 0.0

    def __call__(self) -> float:
        """Return the moment."""
        return self.now


@pytest.fixture(autouse=True)
def _no_tracing_is_left() -> Iterator[None]:
    yield
    tracemalloc.stop()


@pytest.fixture
def shop() -> Iterator[Any]:
    """Return a module of an application, whose names are roots."""
    module = ModuleType("shop_of_zooms")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


@pytest.fixture
def containers() -> Containers:
    """Return what watches nothing yet."""
    return Containers()


@pytest.fixture
def zoom(containers: Containers) -> Zoom:
    """Return a zoom that nobody has asked anything."""
    return Zoom(Tracing(), containers)


def watched(containers: Containers, container: object) -> None:
    """Watch a container that was found to grow."""
    (found,) = holders.find([container], seconds=10.0, growing=True)
    assert found is not None
    assert containers.watch(found)


def show() -> Planted:
    """Be the code of an operation."""
    return Planted()


def save() -> Planted:
    """Be another's."""
    return Planted()


def lines(zoom: Zoom, operation: Operation = SHOW) -> list[int]:
    """Return the lines of this file where something was seen to be allocated, those with most objects first."""
    return [next(line for file, line in trace.frames if file == __file__) for trace in zoom.traces(operation)]


def line_of(function: Any) -> int:
    """Return the line of a function's last statement."""
    return int(max(line for _, _, line in function.__code__.co_lines() if line is not None))


def test_nobody_wishes_to_know(zoom: Zoom) -> None:
    """Nothing is traced, and windows are as long as they are."""
    assert not zoom.is_wished
    assert zoom.begin() == 0
    assert (zoom.is_on, tracemalloc.is_tracing()) == (False, False)
    zoom.end(ALONE, [])
    assert zoom.traces(SHOW) == ()
    assert not zoom.is_over(SHOW)


def test_a_window_is_traced(zoom: Zoom) -> None:
    """From its open to its settling, deep enough; what survived of the type is told with the lines that made it."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    assert zoom.is_wished
    assert zoom.begin() == UNITS
    assert (zoom.is_on, tracemalloc.get_traceback_limit()) == (True, FRAMES)
    born: list[Any] = [show(), show(), {"of another": "type"}]
    zoom.end(ALONE, born)
    (trace,) = zoom.traces(SHOW)

    assert (zoom.is_on, tracemalloc.is_tracing()) == (False, False)
    assert lines(zoom) == [line_of(show)]
    assert (trace.objects, trace.bytes) == (2, sum(sys.getsizeof(each) for each in born[:2]))


def test_tracing_of_the_host_goes_on(zoom: Zoom) -> None:
    """It is used as it is."""
    tracemalloc.start(3)
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    zoom.begin()
    born = [show()]
    zoom.end(ALONE, born)

    assert (tracemalloc.is_tracing(), tracemalloc.get_traceback_limit()) == (True, 3)
    assert lines(zoom) == [line_of(show)]


@pytest.mark.parametrize("ends", ["settled", "given up"])
def test_tracing_of_every_unit_goes_on(containers: Containers, ends: str) -> None:
    """In trace mode memguard traces all the time; a zoom does not end that."""
    tracing = Tracing()
    tracing.start(8)
    zoom = Zoom(tracing, containers)
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    zoom.begin()
    zoom.end(ALONE, []) if ends == "settled" else zoom.stop()

    assert (tracing.on, tracing.ours, zoom.is_on) == (True, True, False)


def test_a_window_that_is_given_up(zoom: Zoom) -> None:
    """Tracing ends with it, and it is no window that was looked at; giving up twice does nothing."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    for _ in range(WINDOWS_MOST + 1):
        zoom.begin()
        zoom.stop()
        zoom.stop()

    assert not tracemalloc.is_tracing()
    assert zoom.is_wished


def test_a_few_exhibits_are_enough(zoom: Zoom) -> None:
    """Then it is over, and windows are traced no more; what was seen stays."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    windows, born = 0, []
    while zoom.is_wished:
        zoom.begin()
        born = [show()]
        zoom.end(ALONE, born)
        windows += 1

    assert windows == EXHIBITS_ENOUGH
    assert zoom.is_over(SHOW)
    assert zoom.begin() == 0
    assert not tracemalloc.is_tracing()
    assert sum(trace.objects for trace in zoom.traces(SHOW)) == EXHIBITS_ENOUGH


def test_so_many_windows_without_exhibits(zoom: Zoom) -> None:
    """Only those that covered the operation count; a wish that comes again changes nothing about that."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    for units in (ALONE, {SAVE: 1.0}) * (WINDOWS_MOST - 1):
        zoom.begin()
        zoom.end(units, [])
    wished = [zoom.is_wished]
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    zoom.begin()
    zoom.end(ALONE, [])
    wished.append(zoom.is_wished)
    zoom.wish(SHOW, [PLANTED], "shop.cache", 1.0)

    assert [*wished, zoom.is_wished] == [True, False, False]


def test_so_many_seconds(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is the host that pays while it is on: in full for windows with the operation, in part for those without."""
    clock = Clock()
    monkeypatch.setattr(zooming, "perf_counter", clock)
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    for _ in range(WINDOWS_LEAST):
        for units, share in ((ALONE, 0.5), ({SAVE: 1.0}, 0.5 / SHARE_OF_OTHERS)):
            assert zoom.is_wished
            zoom.begin()
            clock.now += SECONDS_MOST * share / WINDOWS_LEAST
            zoom.end(units, [])
    clock.now += 1000.0

    assert zoom.is_over(SHOW)


def test_a_slow_process_gets_more_seconds(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Until it has had some windows; within a bound, for it is the host that pays."""
    clock = Clock()
    monkeypatch.setattr(zooming, "perf_counter", clock)
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    windows = 0
    while zoom.is_wished:
        zoom.begin()
        clock.now += SECONDS_MOST * 0.9
        zoom.end(ALONE, [])
        windows += 1

    assert windows == 4, "three times as long, and what was open then"


@pytest.mark.parametrize("is_seen", [False, True])
def test_what_is_rare_gets_more_seconds_until_it_is_seen(zoom: Zoom, monkeypatch: Any, is_seen: bool) -> None:
    """Fifteen windows of a second do for what was seen in one of them; what was not may be in one of the next."""
    clock = Clock()
    monkeypatch.setattr(zooming, "perf_counter", clock)
    zoom.wish(SHOW, [PLANTED], "", 0.01)
    windows, born = 0, list[Any]()
    while zoom.is_wished:
        zoom.begin()
        if is_seen and windows == 1:
            born = [show()]
        clock.now += 1.0
        zoom.end(ALONE, born)
        born = []
        windows += 1

    assert windows == (SECONDS_MOST_RARE if is_seen else WINDOWS_LEAST_RARE)


def test_a_traced_unit_costs_nobody_else(zoom: Zoom, containers: Containers, shop: Any, monkeypatch: Any) -> None:
    """Others lose no time by it, nor does it if nobody could look when it ended: it is looked at a moment later."""
    clock = Clock()
    monkeypatch.setattr(zooming, "perf_counter", clock)
    shop.rows = [[number] for number in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [], "shop_of_zooms.rows", 1.0)
    zoom.wish(SAVE, [PLANTED], "", 1.0)
    unit = Unit(SHOW.kind, SHOW.name)
    zoom.meet(unit, SHOW)
    shop.rows.append(show())
    clock.now += 1.0
    zoom.has_left = True
    zoom.expire()

    assert (zoom.is_on, zoom.unit, zoom.has_left) == (False, None, False)
    assert lines(zoom) == [line_of(show)]
    assert (zoom._wishes[SHOW].seconds, zoom._wishes[SAVE].seconds) == (1.0, 0.0)


def test_seconds_between_windows_do_not_count(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is traced then."""
    clock = Clock()
    monkeypatch.setattr(zooming, "perf_counter", clock)
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    for _ in range(3):
        zoom.begin()
        clock.now += 1.0
        zoom.end(ALONE, [])
        clock.now += SECONDS_MOST

    assert zoom.is_wished


@pytest.mark.parametrize(("rate", "units"), [(0.0, UNITS), (1.0, UNITS), (0.1, 20), (0.001, UNITS_MOST)])
def test_rare_residue_takes_long_windows(zoom: Zoom, rate: float, units: int) -> None:
    """So long that some is likely to be in it, within a bound."""
    zoom.wish(SHOW, [PLANTED], "", rate)

    assert zoom.begin() == units


def test_a_window_serves_all_that_are_asked_about(zoom: Zoom) -> None:
    """The longer it is; the rarest of several wishes decides."""
    for number in range(3):
        zoom.wish(Operation("request", f"GET /{number}"), [PLANTED], "", 5.0)
    lengths = [zoom.begin()]
    zoom.stop()
    zoom.wish(SHOW, [PLANTED], "", 0.05)

    assert [*lengths, zoom.begin()] == [3 * UNITS, 40]


def test_windows_grow_longer_while_they_see_nothing(zoom: Zoom) -> None:
    """Within a bound; an operation may allocate at its begin what it stores at its end."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    seconds = []
    for _ in range(5 * FRUITLESS_MOST):
        zoom.begin()
        seconds.append(zoom.seconds_at_once)
        zoom.end(ALONE, [])
    zoom.wish(SAVE, [PLANTED], "", 1.0)

    assert seconds[::FRUITLESS_MOST] == [SECONDS_AT_ONCE * each for each in (1, 2, 4, 8, 8)]
    assert seconds[-1] == SECONDS_AT_ONCE_MOST
    assert zoom.seconds_at_once == SECONDS_AT_ONCE


def test_what_a_container_has_gained(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """It tells exactly; survivors of the same types that are somewhere else say nothing then."""
    shop.rows = [save() for _ in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [PLANTED], "shop_of_zooms.rows", 1.0)
    zoom.begin()
    elsewhere = [save() for _ in range(3)]
    shop.rows.append(show())
    zoom.end(MIXED, [shop.rows[-1], *elsewhere])

    assert lines(zoom) == [line_of(show)]
    assert sum(trace.objects for trace in zoom.traces(SHOW)) == 1


def test_a_container_that_has_gained_nothing(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """Then nothing was left in this window, whatever else survived; that it has lost some is no gain either."""
    shop.rows = [show() for _ in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [PLANTED], "shop_of_zooms.rows", 1.0)
    for _ in range(2):
        zoom.begin()
        born = [show()]
        zoom.end(ALONE, born)
        shop.rows.pop()
    zoom.begin()
    born = [show()]
    shop.rows[0] = born[0]
    shop.rows.pop()
    zoom.end(ALONE, born)

    assert zoom.traces(SHOW) == ()


def test_a_container_that_is_watched_no_more(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """Survivors of the types stand in."""
    shop.rows = [show() for _ in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [PLANTED], "shop_of_zooms.rows", 1.0)
    zoom.begin()
    containers.forget("shop_of_zooms.rows")
    born = [show()]
    zoom.end(ALONE, born)

    assert lines(zoom) == [line_of(show)]


def test_keys_where_nothing_is_known_of_values(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """A dict of plain numbers is given away by its keys; one of objects by those alone."""
    shop.seen, shop.rows = ({f"key{number}": True for number in range(10)} for _ in range(2))
    watched(containers, shop.seen)
    watched(containers, shop.rows)
    zoom.wish(SHOW, [], "shop_of_zooms.seen", 1.0)
    zoom.wish(SAVE, [], "shop_of_zooms.rows", 1.0)
    zoom.begin()
    number = 10
    shop.seen[f"key{number}"] = True
    shop.rows[f"key{number}"] = save()
    zoom.end(MIXED, [])

    assert lines(zoom, SHOW) == [line_of(test_keys_where_nothing_is_known_of_values) - 6]
    assert lines(zoom, SAVE) == [line_of(save)]
    assert zoom.traces(SAVE)[0].objects == 1


def test_the_operations_own_code_is_preferred(zoom: Zoom) -> None:
    """Another operation leaves more of the same type in the same windows."""
    zoom.code = {SHOW: code_of(show), SAVE: code_of(save)}
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    zoom.begin()
    born = [show(), save(), save(), save()]
    zoom.end(MIXED, born)

    assert lines(zoom) == [line_of(show)]
    assert zoom.is_through_own_code(SHOW)
    assert not zoom.is_through_own_code(SAVE)


def test_what_a_mixed_window_left_is_nobodys_at_first(zoom: Zoom) -> None:
    """Where nothing goes through the operation's own code, what windows left that were mostly its own is preferred."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    for _ in range(MIXED_WINDOWS_LEAST):
        zoom.begin()
        born = [save()]
        zoom.end(MIXED, born)
    assert zoom.traces(SHOW) == ()

    zoom.begin()
    born = [save()]
    zoom.end(MIXED, born)
    assert lines(zoom) == [line_of(save)]
    assert not zoom.is_through_own_code(SHOW)


def test_a_window_that_was_mostly_its_own(zoom: Zoom) -> None:
    """More than half of its units were the operation's."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    zoom.begin()
    born = [show()]
    zoom.end({SHOW: 3.0, SAVE: 2.0}, born)

    assert lines(zoom) == [line_of(show)]


def test_each_wish_sees_its_own_types(zoom: Zoom) -> None:
    """Two operations may be asked about in one window; one that was not covered sees nothing."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    zoom.wish(SAVE, [f"{__name__}.Other"], "", 1.0)
    zoom.wish(Operation("task", "other"), [PLANTED], "", 1.0)
    zoom.code = {SHOW: code_of(show)}
    zoom.begin()
    born: list[Any] = [show(), Other()]
    line = sys._getframe().f_lineno - 1
    zoom.end({SAVE: 2.0, SHOW: 1.0}, born)

    assert lines(zoom, SHOW) == [line_of(show)]
    assert lines(zoom, SAVE) == [line]
    assert zoom.traces(Operation("task", "other")) == ()


def large() -> bytearray:
    """Be the code of an operation that leaves a buffer."""
    return bytearray(500_000)


def test_a_buffer_or_native_memory(zoom: Zoom) -> None:
    """Where neither types nor a container are known, the largest of what is alive by the operation's own code."""
    zoom.code = {SHOW: code_of(large)}
    zoom.wish(SHOW, [], "", 1.0)
    zoom.begin()
    kept = [large(), bytearray(900_000)]
    zoom.end(MIXED, [])
    (trace,) = zoom.traces(SHOW)

    assert kept
    assert lines(zoom) == [line_of(large)]
    assert trace.bytes >= 500_000
    assert zoom.is_through_own_code(SHOW)


def fill(buffer: BytesIO, size: int, others: list[bytearray]) -> None:
    """Be the code of an operation that writes to a buffer, and has something larger alive besides."""
    others.append(bytearray(20_000))
    buffer.write(b"x" * size)


@pytest.mark.parametrize(("size", "is_seen"), [(1, False), (200_000, True)])
def test_a_buffer_that_has_room_allocates_nothing(
    zoom: Zoom, containers: Containers, shop: Any, *, size: int, is_seen: bool
) -> None:
    """Then the largest of what is alive is something else; where it had to grow, it is the whole buffer."""
    shop.buffer = BytesIO()
    shop.buffer.write(bytes(100_000))
    for _ in range(2):  # the second time it takes more than it needs, so that it has room
        shop.buffer.write(b"x")
    watched(containers, shop.buffer)
    zoom.code = {SHOW: code_of(fill)}
    zoom.wish(SHOW, [], "shop_of_zooms.buffer", 1.0)
    others: list[bytearray] = []
    zoom.begin()
    fill(shop.buffer, size, others)
    zoom.end(ALONE, [])

    assert others
    assert lines(zoom) == ([line_of(fill)] if is_seen else [])


def test_what_is_older_than_the_window(zoom: Zoom) -> None:
    """Where the host traces all the time, or memguard does, the largest of what is alive may have nothing to do with it."""
    tracemalloc.start(3)
    kept = large()
    zoom.code = {SHOW: code_of(large)}
    zoom.wish(SHOW, [], "", 1.0)
    zoom.begin()
    zoom.end(ALONE, [])

    assert kept
    assert zoom.traces(SHOW) == ()


def test_windows_rest_for_as_long_as_they_cost(zoom: Zoom, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a long one the next waits the longer."""
    clock = Clock()
    monkeypatch.setattr(zooming, "perf_counter", clock)
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    gaps = []
    for seconds in (0.0, 0.3):
        zoom.begin()
        clock.now += seconds
        zoom.end(ALONE, [])
        gaps.append(zoom.rests_until - clock.now)

    assert gaps == pytest.approx([GAP_LEAST, max(GAP_LEAST, REST * 0.3)])


def test_what_was_born_is_not_held(zoom: Zoom) -> None:
    """Lines are kept, objects are not."""
    zoom.wish(SHOW, [PLANTED], "", 1.0)
    zoom.begin()
    born = [show()]
    before = sys.getrefcount(born[0])
    zoom.end(ALONE, born)
    after = sys.getrefcount(born[0])

    assert lines(zoom) == [line_of(show)]
    assert after == before


def test_one_frame_first(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """It costs least, and does where a line of the application itself has allocated; else deeper ones follow."""
    shop.rows, shop.types = [[number] for number in range(10)], [[number] for number in range(10)]
    watched(containers, shop.rows)
    watched(containers, shop.types)
    zoom.wish(SHOW, [], "shop_of_zooms.rows", 1.0)
    zoom.wish(SAVE, [], "shop_of_zooms.types", 1.0)
    depths, line = [], 0
    while zoom.is_wished:
        zoom.begin()
        depths.append(tracemalloc.get_traceback_limit())
        shop.rows.append(show())
        shop.types.append(namedtuple("made", "a b"))  # noqa: PYI024 - the class is the point
        line = sys._getframe().f_lineno - 1
        zoom.end(MIXED, [])

    assert depths == [FRAMES_FIRST] * EXHIBITS_ENOUGH + [FRAMES] * EXHIBITS_ENOUGH
    assert lines(zoom, SHOW) == [line_of(show)]
    assert lines(zoom, SAVE) == [line]


def test_what_a_unit_in_flight_has_left(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """The container has gained it, so where it comes from can be asked."""
    shop.rows = [[number] for number in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [], "shop_of_zooms.rows", 1.0)
    zoom.begin()
    shop.rows.append(show())
    zoom.end({SAVE: 1.0}, [])

    assert lines(zoom) == [line_of(show)]


def met(zoom: Zoom, operation: Operation, work: Any) -> bool:
    """Run a unit of which it is known what it runs before its work begins; return whether it was traced."""
    unit = Unit(operation.kind, operation.name)
    zoom.meet(unit, operation)
    is_traced = zoom.unit is unit
    work()
    unit.operation = operation
    if is_traced:
        zoom.leave()
    zoom.rests_until = 0.0
    return is_traced


def test_a_unit_that_says_what_it_runs_is_traced_alone(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """Then windows over others have not to be; nothing is traced before and after it."""
    shop.rows = [[number] for number in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [], "shop_of_zooms.rows", 1.0)
    assert (zoom.is_wished, zoom.awaits_units) == (True, True)
    traced = [met(zoom, each, lambda: shop.rows.append(show())) for each in (SAVE, SHOW, SHOW, SHOW)]

    assert traced == [False, True, True, False]
    assert lines(zoom) == [line_of(show)]
    assert (zoom.is_wished, zoom.awaits_units, zoom.is_over(SHOW)) == (False, False, True)
    assert not tracemalloc.is_tracing()


def test_units_that_show_nothing(zoom: Zoom, containers: Containers, shop: Any) -> None:
    """It may be known too late what they run; after a few windows are traced again."""
    shop.rows = [[number] for number in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [], "shop_of_zooms.rows", 1.0)
    wished = []
    for _ in range(FRUITLESS_MOST):
        assert met(zoom, SHOW, lambda: None)
        wished.append(zoom.is_wished)

    assert wished == [False] * (FRUITLESS_MOST - 1) + [True]
    assert not met(zoom, SHOW, lambda: None)
    assert zoom.begin() > 0


def test_a_unit_that_goes_on(zoom: Zoom, containers: Containers, shop: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream is not traced to its end; and no window is traced meanwhile."""
    clock = Clock()
    monkeypatch.setattr(zooming, "perf_counter", clock)
    shop.rows = [[number] for number in range(10)]
    watched(containers, shop.rows)
    zoom.wish(SHOW, [], "shop_of_zooms.rows", 1.0)
    zoom.wish(SAVE, [PLANTED], "", 1.0)
    zoom.meet(Unit(SHOW.kind, SHOW.name), SHOW)
    zoom.expire()
    assert (zoom.is_on, zoom.begin()) == (True, 0)
    clock.now += SECONDS_AT_ONCE_MOST + 0.1
    zoom.expire()

    assert (zoom.is_on, zoom.unit, tracemalloc.is_tracing()) == (False, None, False)
