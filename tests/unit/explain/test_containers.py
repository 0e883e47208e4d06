from array import array
from collections import Counter, OrderedDict, defaultdict, deque
from collections.abc import Iterator
from functools import cache
from io import BytesIO
from typing import Any

import pytest

from memguard.explain.containers import bound_of, newest, size_of
from tests.unit.explain.shop import planted


@pytest.fixture
def shop() -> Iterator[Any]:
    """An application's module."""
    with planted() as module:
        yield module


@pytest.mark.parametrize(
    "container",
    [
        {1: 2, 3: 4}, [1, 2], {1, 2}, frozenset({1, 2}), deque([1, 2]), (1, 2), bytearray(2), array("b", [1, 2]),
        OrderedDict(a=1, b=2), defaultdict(list, a=[], b=[]), Counter("ab"),
    ],
)  # fmt: skip
def test_size(container: Any) -> None:
    """Built-in containers and those made from them tell how many entries they have."""
    assert size_of(container) == 2


def test_size_of_what_refuses_to_tell(shop: Any) -> None:
    """The layout is read; the host's own idea of a length, or of anything else, is not asked for."""
    mapping = shop.HostileDict()
    dict.__setitem__(mapping, "a", 1)

    assert size_of(mapping) == 1
    assert newest(mapping, 3) == [1, "a"]
    assert bound_of(mapping) is None
    assert size_of(shop.Hostile()) is None
    assert size_of(object.__new__(shop.Meta.__new__(shop.Meta, "Odd", (), {}))) is None


def test_size_of_a_cache(shop: Any) -> None:
    """A function with a cache has as many entries as results."""
    shop.load(1)
    shop.load(2)

    assert size_of(shop.load) == 2


def test_size_of_a_queue(shop: Any) -> None:
    """What thread pools keep their work in is C code's."""
    shop.simple_queue.put(1)

    assert size_of(shop.simple_queue) == 1


def test_newest() -> None:
    """What was added last is at the end, oldest first; a plain value comes with its key, which is new, too."""
    one, two, three = [1], [2], [3]

    assert newest([one, two, three], 2) == [two, three]
    assert newest(deque([one, two, three]), 2) == [two, three]
    assert newest({"a": one, "b": two, "c": three}, 2) == [two, three]
    assert newest(OrderedDict(a=one, b=two), 1) == [two]
    assert newest({"a": 1, "b": 2}, 1) == [2, "b"]
    assert newest([one], 5) == [one]
    assert newest([one], 0) == []


def test_newest_of_what_has_no_order() -> None:
    """A set does not know, and what is no container has nothing."""
    assert newest({1, 2}, 1) == []
    assert newest(object(), 1) == []


def test_newest_of_a_cache() -> None:
    """Results of a cache without a cap come in the order they were made."""

    @cache
    def load(key: int) -> list[int]:
        return [key]

    made = [load(key) for key in range(3)]

    assert [each is expected for each, expected in zip(newest(load, 2), made[1:], strict=True)] == [True, True]


def test_bounds(shop: Any) -> None:
    """The cap of a deque and of a cache is known, and an instance's that keeps it under a usual name."""

    class Cache(dict[int, int]):
        def __init__(self, maxsize: int) -> None:
            super().__init__()
            self.__maxsize = maxsize

    assert bound_of(deque(maxlen=5)) == 5
    assert bound_of(shop.Service.load) == 128
    assert bound_of(Cache(7)) == 7


def test_without_bounds(shop: Any) -> None:
    """None is no cap at all, and so is zero where it means that there is none."""
    assert bound_of(deque()) is None
    assert bound_of({}) is None
    assert bound_of([]) is None
    assert bound_of(shop.load) is None
    assert bound_of(shop.queue) is None


def test_the_size_of_a_buffer() -> None:
    """In bytes; none of a closed one, and the host can write to it at once."""
    buffer = BytesIO(b"12345")

    assert size_of(buffer) == 5
    buffer.write(b"1234567")
    assert size_of(buffer) == 7
    buffer.close()
    assert size_of(buffer) is None
