import gc
import sys
import threading
import time
from collections import OrderedDict, deque
from typing import Any

import pytest

from memguard.instruments import alive
from memguard.instruments.census import shallow_size
from memguard.snapshots import TypeSize


class Planted:
    """An instance with a dict."""

    def __init__(self, name: str) -> None:
        self.name = [name]


class Slotted:
    """An instance without."""

    __slots__ = ("name", "other")

    def __init__(self) -> None:
        self.name = [1]


class Mapping(dict[str, object]):
    """A dict of the host's."""


class Meta(type):
    """A metaclass whose code must not run."""

    def __hash__(cls) -> int:
        raise AssertionError("code of the host's ran")

    def __eq__(cls, other: object) -> bool:
        raise AssertionError("code of the host's ran")


class Touchy(metaclass=Meta):
    """An object that does not want to be looked at."""

    def __init__(self) -> None:
        self.inner = [self]

    def __sizeof__(self) -> int:
        raise AssertionError("code of the host's ran")

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("code of the host's ran")

    @property  # type: ignore[misc]  # a proxy has such a property
    def __class__(self) -> Any:
        raise AssertionError("code of the host's ran")


def counted(piece: int = 100_000) -> dict[str, TypeSize]:
    """Return all types by name."""
    return {each.type: each for each in alive.count(piece=piece)}


def plant(number: int) -> list[Any]:
    """Return one object of each class here, and of built-in ones of all sizes."""
    return [
        Planted(str(number)), Slotted(), Mapping({str(each): [] for each in range(number % 40)}), [[]] * (number % 50),
        tuple([[]] * (number % 50 + 1)), {each: [] for each in range(number % 40 + 1)}, deque([[]] * (number % 200)),
        OrderedDict({number: [number]}),
    ]  # fmt: skip


@pytest.mark.parametrize("piece", [20_011, 1_000_000])
def test_what_was_planted_is_counted(piece: int) -> None:
    """As many more objects as were made, and as many bytes, whatever the pieces are."""
    gc.collect()
    before = counted(piece)
    planted = [plant(number) for number in range(500)]
    gc.collect()
    after = counted(piece)
    nothing = TypeSize("", 0, 0)

    for kind in (Planted, Slotted, Mapping):
        first, then = (each.get(f"{__name__}.{kind.__qualname__}", nothing) for each in (before, after))
        assert then.count - first.count == 500
        size = sum(shallow_size(each) for one in planted for each in one if type(each) is kind)
        assert (then.bytes or 0) - (first.bytes or 0) == size
    for name in ("list", "tuple", "dict", "collections.deque", "collections.OrderedDict"):
        # The interpreter and the tests have some of these for themselves, and those come and go.
        assert after[name].count - before.get(name, nothing).count >= 480
        size = sum(shallow_size(each) for one in planted for each in one if type(each).__name__ == name.split(".")[-1])
        assert (after[name].bytes or 0) - (before.get(name, nothing).bytes or 0) >= size * 0.9


def test_sizes_are_the_interpreters_own() -> None:
    """What `sys.getsizeof` says of objects whose class has no word in it."""
    planted: list[Any] = [Planted("a"), Slotted(), Mapping(a=1), [1, 2, []], ([], [], []), {"a": []}, deque([[]])]

    for each in planted:
        assert shallow_size(each) == sys.getsizeof(each)


def test_no_code_of_the_hosts_runs_and_nothing_is_kept() -> None:
    """An object whose class forbids every look is counted like others, and goes when the host lets it go."""
    import weakref

    planted = [Touchy() for _ in range(10)]
    gone = weakref.ref(planted[0])
    name = f"{__name__}.Touchy"
    found = {each.type: each.count for each in alive.count(piece=50_000)}
    assert found[name] == 10

    planted.clear()
    gc.collect()

    assert gone() is None


def test_memguards_own_objects_are_not_shown() -> None:
    """A person looks for what the application holds."""
    keep = [TypeSize("x", 1, 1), threading.Lock(), alive]

    assert not [name for name in counted() if name.startswith("memguard.")]
    assert keep


def test_a_part_of_the_objects_tells_about_how_many_there_are() -> None:
    """Each seventh is looked at, and counts for seven; the most bytes come first."""
    planted = [Planted(str(number)) for number in range(7_000)]
    gc.collect()
    found = alive.count(step=7, piece=20_000)
    counts = {each.type: each.count for each in found}

    assert 6_300 <= counts[f"{__name__}.Planted"] <= 7_700
    assert [each.bytes for each in found] == sorted((each.bytes for each in found), key=lambda size: -(size or 0))
    assert planted


def test_other_threads_go_on_meanwhile() -> None:
    """While a heap is counted, a thread that ticks each millisecond keeps ticking."""
    planted = [[number] for number in range(60_000)]
    ticks, over = [time.perf_counter()], threading.Event()

    def tick() -> None:
        while not over.wait(0.001):
            ticks.append(time.perf_counter())

    thread = threading.Thread(target=tick)
    thread.start()
    alive.count(piece=10_000)
    over.set()
    thread.join()

    assert len(ticks) >= 10, "there were more than ten pieces, and a tick could fall between any two"
    assert planted


def test_an_unfinished_tuple_of_another_thread_is_left_alone() -> None:
    """CPython raises SystemError in a thread whose tuple somebody else refers to while it is being built."""
    failures: list[BaseException] = []
    over = threading.Event()

    def build() -> None:
        try:
            while not over.is_set():
                gc.collect(1)  # what it is building becomes old
                tuple([each] for each in range(2000))
        except BaseException as error:
            failures.append(error)

    thread = threading.Thread(target=build)
    thread.start()
    for _ in range(4):
        alive.count(piece=20_000)
    over.set()
    thread.join()

    assert failures == []
