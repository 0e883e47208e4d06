import sys
import weakref
from typing import Any

from memguard.instruments.largest import largest, spread
from memguard.instruments.walking import Pace, Walk
from tests.unit.instruments.planting import frozen_heap

SECONDS = 60.0
NAME = f"{__name__}.Basket"


class Basket(list[int]):
    """A list of the host's, whose size is not asked for by its own code."""

    def __sizeof__(self) -> int:
        raise AssertionError("code of the host's ran")

    def __len__(self) -> int:
        raise AssertionError("code of the host's ran")


class Bag:
    """Another class; the names end alike."""

    class Basket:
        """Of its own."""


class Spread:
    """What is all over the heap."""


def walk() -> Walk:
    """Return a walk with time enough."""
    return Walk(Pace(SECONDS), 20_000)


def test_the_largest_come_first() -> None:
    """By their own size, and all are counted, with their bytes."""
    kept = [Basket(range(number % 100)) for number in range(300)]
    chosen = [Basket(range(size)) for size in (50_000, 10_000, 90_000)]
    found = largest(NAME, Basket, 3, walk())

    assert found.count == len(kept) + 3
    assert [list.__len__(each) for each in found.objects] == [90_000, 50_000, 10_000]
    assert {id(each) for each in found.objects} == {id(each) for each in chosen}
    assert (found.bytes or 0) >= 8 * 150_000


def test_what_no_walk_comes_past_is_found_by_what_refers_to_it() -> None:
    """Text, bytes and tuples: each once, however often it is referred to; how many there are is not known."""
    text, pair = "x" * 3_000_000, tuple(range(400_000))
    kept = [dict.fromkeys(range(50), text), [pair, pair]]

    for wanted, kind in ((text, str), (pair, tuple)):
        found = largest(kind.__name__, kind, 5, walk())
        assert found.objects[0] is wanted
        assert sum(each is wanted for each in found.objects) == 1
        assert (found.count, found.bytes) == (None, None)
    assert kept


def test_a_name_that_is_nearly_right_is_told_the_right_ones() -> None:
    """Those that end alike."""
    kept: list[Any] = [Basket(), Bag.Basket()]
    found = largest("shop.Basket", None, 5, walk())

    assert found.objects == []
    assert {NAME, f"{__name__}.Bag.Basket"} <= set(found.alike)
    assert kept


def test_some_from_all_over_the_heap() -> None:
    """Old ones and new ones, as many as are wanted, all of them where there are fewer."""
    kept = [Spread() for _ in range(1_000)]
    name = f"{__name__}.Spread"
    found = spread(name, 16, walk())
    places = sorted(kept.index(each) for each in found.objects)

    assert found.count == 1_000
    assert len(places) == 16
    assert places[0] < 100
    assert places[-1] > 800
    del kept[5:], found.objects[:]
    assert len(spread(name, 16, walk()).objects) == 5


def test_nothing_is_kept() -> None:
    """What was found goes when the answer does, and the host lets it go."""
    gone = weakref.ref(basket := Basket([1]))
    found = largest(NAME, Basket, 3, walk())
    assert sys.getrefcount(basket) >= 3
    del found, basket

    assert gone() is None


def test_what_the_application_has_frozen_is_not_seen() -> None:
    """The collector does not tell of it."""
    kept = Basket([1])
    with frozen_heap():
        assert largest(NAME, Basket, 3, walk()).count == 0
    assert kept == [1]
