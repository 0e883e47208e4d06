import gc
import weakref
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from memguard.explain.anchors import Anchor
from memguard.explain.holders import find
from tests.unit.explain.shop import planted

SECONDS = 20.0


@pytest.fixture
def shop() -> Iterator[Any]:
    """An application's module."""
    with planted() as module:
        yield module


def anchor(container: Any) -> Anchor:
    """Return the anchor of a container that was seen to grow."""
    found = find([container], seconds=SECONDS, growing=True)[0]
    assert found is not None
    assert found.anchor is not None
    return found.anchor


CONTAINERS: list[Callable[[Any], Any]] = [
    lambda shop: shop.requests,
    lambda shop: shop.rows,
    lambda shop: shop.unique,
    lambda shop: shop.recent,
    lambda shop: shop.registry.rows,
    lambda shop: shop.registry.by_name,
    lambda shop: shop.Registry.cache,
    lambda shop: shop.connect.__closure__[0].cell_contents,
    lambda shop: shop.collect.__defaults__[0],
    lambda shop: shop.load,
    lambda shop: shop.queue.queue,
    lambda shop: shop.local.__dict__.setdefault("rows", []),
    lambda shop: shop.pairs.setdefault(1, (1, []))[1],
    lambda shop: shop.requests.setdefault("x", {}),
]


@pytest.mark.parametrize("container", CONTAINERS)
def test_the_way_back(shop: Any, container: Callable[[Any], Any]) -> None:
    """An anchor leads to the very container, and holds neither it nor what is above it."""
    each = container(shop)
    back = anchor(each)

    assert back.container() is each
    assert [held for held in gc.get_referents(back) if held is each] == []


def test_a_container_that_is_gone(shop: Any) -> None:
    """When what holds the container goes, the container goes, and the anchor leads nowhere."""
    registry = shop.Registry()
    shop.requests["one"] = registry
    back = anchor(registry.rows)
    gone = weakref.ref(registry)
    assert back.container() is registry.rows

    del registry
    shop.requests.clear()

    assert gone() is None
    assert back.container() is None


def test_a_container_of_another_type_in_its_place(shop: Any) -> None:
    """What stands under the name now counts only where it is of the same type."""
    back = anchor(shop.rows)

    shop.rows = [1, 2]
    assert back.container() is shop.rows
    shop.rows = (1, 2)
    assert back.container() is None
    del shop.rows
    assert back.container() is None


def test_an_instance_that_gets_a_namespace(shop: Any) -> None:
    """CPython makes an instance's `__dict__` when somebody asks; the way back is the same."""
    back = anchor(shop.registry.rows)

    assert vars(shop.registry)

    assert back.container() is shop.registry.rows


def test_a_set_that_shrinks_and_grows(shop: Any) -> None:
    """Contents do not matter."""
    back = anchor(shop.unique)
    shop.unique.update(range(1000))
    shop.unique.clear()

    assert back.container() is shop.unique
