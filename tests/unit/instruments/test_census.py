import asyncio
import gc
import sys
import tracemalloc
import weakref
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.classes import type_name
from memguard.evidence import TypeCount
from memguard.instruments import census
from memguard.instruments.blocks import BlockCounter
from memguard.instruments.census import EXAMINED_MOST, TYPES_KEPT, shallow_size
from memguard.instruments.heap import FrozenWindow
from memguard.readings import Survivors
from tests.unit.instruments.planting import Planted, plant, plant_cycles

PLANTED = f"{Planted.__module__}.Planted"


@pytest.fixture
def window() -> Iterator[FrozenWindow]:
    """Return a window, not open yet."""
    made = FrozenWindow()
    yield made
    made.abandon()


def settled(window: FrozenWindow, *, traces: bool = False) -> Survivors:
    """Settle a window and return its reading."""
    return census.take(window.settle(), window.garbage, traces=traces)


def counts(reading: Survivors) -> dict[str, int]:
    """Return how many of each type there are."""
    return {each.type: each.count for each in reading.types}


def test_survivors_by_type(window: FrozenWindow) -> None:
    """Survivors are counted and told apart by their classes' full names, the most frequent first."""
    window.open()
    kept: list[Any] = [plant(6), {1: []}, {2: set[int]()}, {3: []}]
    window.close()
    reading = settled(window)

    assert [(each.type, each.count) for each in reading.types] == [
        (PLANTED, 6), ("list", 4), ("dict", 3), ("set", 1),
    ]  # fmt: skip
    assert reading.objects == 6 + 4 + 3 + 1
    assert (reading.garbage, reading.traces) == (0, ())
    assert kept


def test_bytes_are_shallow_sizes(window: FrozenWindow) -> None:
    """Bytes are what `sys.getsizeof` says of each object, which has its header in it: not of what it holds."""
    window.open()
    kept: list[object] = [[0] * 500, bytearray(10_000), "x" * 10_000, Planted()]
    window.close()
    reading = settled(window)

    assert reading.objects == 3
    assert reading.bytes == sys.getsizeof(kept) + sys.getsizeof(kept[0]) + sys.getsizeof(kept[3])


def test_memguards_own_objects_are_excluded(window: FrozenWindow) -> None:
    """Instances of memguard's own classes and their methods are neither survivors nor garbage."""
    window.open()
    kept = [BlockCounter(), BlockCounter(), BlockCounter().read_if_affordable], Planted()
    window.close()
    reading = settled(window)

    assert counts(reading) == {PLANTED: 1, "list": 1}
    assert reading.garbage == 0
    assert kept


@pytest.mark.parametrize("collects", [True, False])
def test_garbage_is_residue_only_where_nothing_collects(window: FrozenWindow, *, collects: bool) -> None:
    """Cyclic garbage that a collection frees is none; where the host switched its collector off it would stay."""
    if not collects:
        gc.disable()
    window.open()
    try:
        kept, later = plant(3), plant_cycles(2)
        plant_cycles(4).clear()
        window.close()
        later.clear()
        reading = settled(window)

        assert reading.garbage == 8 + 4
        assert reading.objects == 4 + 1 + (0 if collects else 12)
        assert counts(reading) == {PLANTED: 3, "list": 2}
        assert kept
    finally:
        gc.enable()


def recursive_closure() -> Callable[[], object]:
    """Return a function that refers to itself by its closure, which is a tuple."""

    def itself() -> object:
        return itself

    return itself


def coroutine_waiting_for_itself() -> object:
    """Return a coroutine that is suspended, and in whose frame it stands itself, inside a tuple."""

    async def wait(place: list[object]) -> None:
        both = (place, place[0])
        await asyncio.sleep(0)
        del both

    place: list[object] = []
    waiting = wait(place)
    place.append(waiting)
    waiting.send(None)
    return waiting


def nested_tuples() -> object:
    """Return a cycle through tuples in tuples."""
    end: list[object] = []
    end.append(((end,),))
    return end


def failed_with_its_own_frame() -> object:
    """Return an exception in whose frame it stands."""
    try:
        raise ValueError("planted")
    except ValueError as error:
        kept = error
    return kept


@pytest.mark.parametrize(
    "make", [recursive_closure, coroutine_waiting_for_itself, nested_tuples, failed_with_its_own_frame]
)
def test_cycles_that_die_after_the_close(window: FrozenWindow, make: Callable[[], object]) -> None:
    """What a unit leaves to the collector after its end is no residue, whatever the cycle goes through."""
    window.open()
    kept = [make() for _ in range(5)]
    window.close()
    kept.clear()
    reading = settled(window)

    assert counts(reading) == {"list": 1}
    assert reading.garbage >= 5


@pytest.mark.parametrize(
    "make", [recursive_closure, coroutine_waiting_for_itself, nested_tuples, failed_with_its_own_frame]
)
def test_cycles_that_live(window: FrozenWindow, make: Callable[[], object]) -> None:
    """The same things are residue while someone holds them."""
    window.open()
    kept = [make() for _ in range(5)]
    kinds = type_name(type(kept[0]))
    window.close()
    reading = settled(window)

    assert counts(reading)[kinds] >= 5
    assert reading.garbage == 0


def test_a_tuple_that_others_hold(window: FrozenWindow) -> None:
    """What a tuple leads to that someone holds is alive by it."""
    window.open()
    inner: list[object] = []
    held = (inner, Planted())
    kept: list[object] = [held]
    inner.append(kept)
    window.close()
    del inner, kept
    reading = settled(window)

    assert counts(reading) == {"list": 2, PLANTED: 1}
    assert held


def test_old_tuples_are_not_walked_through() -> None:
    """A survivor that refers to a tuple as large as the heap does not make its reading as long."""
    table: Any = tuple(([], number) for number in range(100))
    born: list[Any] = [[table], [table]]
    census._references(born)

    assert len(born) == 3


def test_more_than_is_examined(window: FrozenWindow) -> None:
    """A window that leaves very much is counted in full, and looked at in part."""
    window.open()
    kept = plant(EXAMINED_MOST + 500)
    window.close()
    reading = settled(window)

    others = (
        sum(counts(reading).values()) - counts(reading)[PLANTED] - counts(reading)["list"]
    )  # of the runner's own thread
    assert reading.objects == len(kept) + 1 + others
    assert sum(counts(reading).values()) == EXAMINED_MOST


def test_more_types_than_are_kept(window: FrozenWindow) -> None:
    """Only the most frequent types are named; the number of objects is of all."""
    kinds = [type(f"Kind{number}", (), {}) for number in range(TYPES_KEPT + 5)]
    window.open()
    kept = [kind() for number, kind in enumerate(kinds) for _ in range(number + 1)]
    window.close()
    reading = settled(window)

    assert len(reading.types) == TYPES_KEPT
    assert reading.types[0].count == len(kinds)
    assert reading.objects == len(kept) + 1


def test_classes_of_one_name_are_one_type(window: FrozenWindow) -> None:
    """A class made anew by every unit has one name, and its instances are counted together."""
    window.open()
    kept = [type("Row", (), {})() for _ in range(7)]
    window.close()

    assert counts(settled(window))[f"{__name__}.Row"] == 7
    assert kept


ran: list[str] = []
"""What host code has run."""


def host_code(name: str) -> Callable[..., Any]:
    """Return a method that must not be called."""

    def method(*_: Any) -> Any:
        ran.append(name)
        raise RuntimeError(name)

    return method


META = ("__getattribute__", "__hash__", "__eq__", "__instancecheck__", "__subclasscheck__", "__repr__", "__len__")
BODY = (
    "__getattribute__", "__getattr__", "__sizeof__", "__eq__", "__hash__", "__repr__", "__len__", "__bool__", "__iter__",
)  # fmt: skip


def hostile(base: Any) -> object:
    """Return an instance of a class of that base that runs code wherever it or its class is asked something."""
    meta: dict[str, Any] = {name: host_code(f"{name} of the class") for name in META}
    body: dict[str, Any] = {name: host_code(name) for name in BODY}
    kind: Any = type("Meta", (type,), {**meta, "__module__": property(host_code("__module__ of the class"))})
    made = kind("Hostile", (base,), {**body, "__class__": property(host_code("__class__")), "__slots__": ()})
    return base.__new__(made)


@pytest.mark.parametrize("base", [Planted, dict, list, set, frozenset, tuple, BaseException])
def test_no_host_code_runs(window: FrozenWindow, base: type) -> None:
    """No method or property of the host's objects or of their metaclasses runs while they are counted and sized."""
    ran.clear()
    window.open()
    kept = hostile(base)
    window.close()
    tracemalloc.start(1)
    try:
        reading = settled(window, traces=True)
    finally:
        tracemalloc.stop()

    assert ran == []
    assert f"{__name__}.Hostile" in counts(reading)
    assert kept is not None


class Text(dict[str, int]):
    __slots__ = ("more",)


@pytest.mark.parametrize(
    "each",
    [
        [1, 2, 3], {1: 2}, {1}, frozenset((1,)), Planted(), Text(a=1), Planted, deque([1]), OrderedDict(a=1),
        (number for number in range(3)), sys._getframe(), TypeCount("a", 1), Exception("a"), iter([]), partial(print),
    ],
    ids=lambda each: type(each).__name__,
)  # fmt: skip
def test_shallow_size(each: object) -> None:
    """It is what `sys.getsizeof` says, headers included, where that runs no code of the host's."""
    assert shallow_size(each) == sys.getsizeof(each)


def test_nothing_is_held(window: FrozenWindow) -> None:
    """Once the reading is there the survivors are the host's alone: whoever drops them frees them, without a collection."""
    window.open()
    kept = plant(5)
    references = [weakref.ref(each) for each in kept]
    window.close()
    reading = settled(window)
    alive = [reference() is not None for reference in references]
    kept.clear()

    assert alive == [True] * 5
    assert [reference() for reference in references] == [None] * 5
    assert counts(reading)[PLANTED] == 5


def test_traces() -> None:
    """Survivors are grouped by the calls that allocated them, innermost first, most objects first."""

    def make() -> Planted:
        return Planted()

    window = FrozenWindow()
    tracemalloc.start(3)
    try:
        window.open()
        kept = [make() for _ in range(7)]
        kept += [
            make() for _ in range(3)
        ]  # fmt: skip
        window.close()
        reading = settled(window, traces=True)
    finally:
        window.abandon()
        tracemalloc.stop()
    first, second = reading.traces[:2]
    line = make.__code__.co_firstlineno + 1

    assert (first.objects, second.objects) == (7, 3)
    assert [first.frames[0], second.frames[0]] == [(__file__, line)] * 2
    assert first.frames[1] != second.frames[1]
    assert first.bytes == sum(map(sys.getsizeof, kept[:7]))


def test_objects_from_before_tracing_have_no_trace(window: FrozenWindow) -> None:
    """Tracing that begins within a window knows only what came after it; nothing is made up for the rest."""
    window.open()
    kept = plant(4)
    tracemalloc.start(1)
    try:
        kept += plant(3)
        window.close()
        reading = settled(window, traces=True)
    finally:
        tracemalloc.stop()

    assert sum(each.objects for each in reading.traces if each.frames[0][0] != __file__) == 3
    assert counts(reading)[PLANTED] == 7


@given(
    st.lists(st.tuples(st.integers(0, 11), st.integers(0, 11), st.booleans()), max_size=40),
    st.sets(st.integers(0, 11), max_size=4),
)
@settings(max_examples=60, deadline=None)
def test_any_graph(edges: list[tuple[int, int, bool]], roots: set[int]) -> None:
    """Of any graph, with references direct and by tuples, exactly what roots lead to is alive; the rest is garbage."""
    window = FrozenWindow()
    slots: list[Any] = [None] * 12
    window.open()
    nodes: list[Any] = [[] for _ in range(12)]
    for start, end, by_tuple in edges:
        nodes[start].append((nodes[end],) if by_tuple else nodes[end])
    for root in roots:
        slots[root] = nodes[root]
    window.close()
    nodes.clear()
    reading = settled(window)
    reached, pending = set[int](), set(roots)
    while pending:
        node = pending.pop()
        reached.add(node)
        pending |= {end for start, end, _ in edges if start == node} - reached

    assert counts(reading).get("list", 0) == len(reached) + 1, "the list of nodes itself is one"
    assert gc.get_freeze_count() < len(gc.get_objects())
    assert slots
