import gc
import sys
import weakref
from collections import deque
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import pytest

from memguard.evidence import Holder
from memguard.explain import holders
from memguard.explain.anchors import Anchor
from memguard.explain.holders import Found
from memguard.readings import Growth
from memguard.wiring.containers import ALIKE_MOST, UNKNOWN_RANK, WATCHED_MOST, Containers, place_of


@pytest.fixture
def shop() -> Iterator[Any]:
    """Return a module of an application, whose names are roots."""
    module = ModuleType("shop_of_containers")
    sys.modules[module.__name__] = module
    yield module
    del sys.modules[module.__name__]


def found(*targets: Any) -> list[Found]:
    """Return what a search for containers that have grown finds."""
    chains = holders.find(targets, seconds=10.0, growing=True)
    assert all(chains)
    return [each for each in chains if each is not None]


def growth(containers: Containers, before: dict[str, tuple[int, ...]]) -> Growth:
    """Return how the only container that is watched has changed."""
    (only,) = containers.grown(before)
    return only


def test_a_container_is_watched(shop: Any) -> None:
    """Its growth is net, between two readings of its size."""
    shop.cache = {number: [number] for number in range(10)}
    containers = Containers()
    assert containers.watch(*found(shop.cache))
    before = containers.sizes()
    shop.cache |= {number: [number] for number in range(10, 15)}
    del shop.cache[0]

    assert containers.paths == ("shop_of_containers.cache",)
    assert "shop_of_containers.cache" in containers
    assert growth(containers, before) == Growth("shop_of_containers.cache", 4, 14, None, 0)
    assert growth(containers, containers.sizes()).entries == 0


def test_nothing_is_held(shop: Any) -> None:
    """A container that is watched goes when the host drops it; it counts for nothing from then on."""

    class Rows(list[int]):
        pass

    shop.rows = Rows(range(10))
    reference = weakref.ref(shop.rows)
    containers = Containers()
    assert containers.watch(*found(shop.rows))
    before = containers.sizes()
    del shop.rows
    gc.collect()

    assert reference() is None
    assert list(containers.of("shop_of_containers.rows")) == []
    assert growth(containers, before).entries == 0


@pytest.mark.parametrize(
    ("container", "kept"),
    [
        ([[number] for number in range(30)] + [{}], {"list": 29, "dict": 2}),
        ({number: {number} for number in range(5)}, {"set": 5}),
        ({(number,): True for number in range(5)}, {"tuple": 5}),
        ({f"visitor {number}" for number in range(40)}, {"str": 40}),
        (deque(f"visitor {number}" for number in range(3)), {"str": 3}),
    ],
    ids=["most of the latest", "values", "keys where values are plain", "text where there is nothing else", "a deque"],
)
def test_what_is_kept(shop: Any, container: Any, kept: dict[str, int]) -> None:
    """The types of the latest entries, in the proportion of all."""
    shop.kept = container
    containers = Containers()
    assert containers.watch(*found(shop.kept))

    assert {each.type: each.count for each in containers.kept("shop_of_containers.kept")} == kept


def test_another_container_under_the_name(shop: Any) -> None:
    """`rows = rows + [row]` is growth of what the name holds."""
    shop.rows = [[number] for number in range(10)]
    containers = Containers()
    assert containers.watch(*found(shop.rows))
    before = containers.sizes()
    shop.rows = [*shop.rows, [11]]

    assert growth(containers, before).entries == 1


def test_lists_in_a_dict_count_together(shop: Any) -> None:
    """They have one path, and one growth: that of all of them."""
    shop.by_user = {f"user{number}": [[number]] * 10 for number in range(3)}
    containers = Containers()
    for each in found(*shop.by_user.values()):
        assert containers.watch(each)
    before = containers.sizes()
    shop.by_user["user0"].append([0])
    shop.by_user["user2"].extend([[0], [1]])

    assert containers.paths == ("shop_of_containers.by_user",)
    assert (growth(containers, before).entries, growth(containers, before).size) == (3, 33)


def test_one_container_is_watched_once(shop: Any) -> None:
    """Found again, by another of its entries or by itself, it does not count twice."""
    shop.cache = {number: [number] for number in range(10)}
    containers = Containers()
    assert containers.watch(*found(shop.cache))
    entry = holders.find([shop.cache[3], shop.cache[4]], seconds=10.0)[0]
    assert entry is not None
    assert entry.holder.path.endswith("cache[…]")
    assert containers.watch(entry)

    assert len(list(containers.of("shop_of_containers.cache"))) == 1
    assert containers.sizes() == {"shop_of_containers.cache": (10,)}


def test_one_more_alike_is_no_growth(shop: Any) -> None:
    """Its entries were there before it was watched."""
    shop.by_user = {f"user{number}": [[number]] * 10 for number in range(2)}
    containers = Containers()
    first, second = found(*shop.by_user.values())
    assert containers.watch(first)
    before = containers.sizes()
    assert containers.watch(second)

    assert containers.grown(before) == ()
    assert growth(containers, containers.sizes()).entries == 0


def test_what_is_bounded(shop: Any) -> None:
    """The bounds of containers that count together add up; one without a bound leaves all of them without."""
    shop.latest = {"a": deque([[1]] * 5, maxlen=50), "b": deque([[1]] * 5, maxlen=20)}
    containers = Containers()
    for each in found(*shop.latest.values()):
        assert containers.watch(each)
    assert growth(containers, containers.sizes()).bound == 70
    shop.latest["c"] = deque([[1]] * 5)
    assert containers.watch(*found(shop.latest["c"]))

    assert growth(containers, containers.sizes()).bound is None


def test_ranks(shop: Any) -> None:
    """The application's own comes before a library's, before the standard library's, before what has no root."""
    shop.rows = [[number] for number in range(5)]
    shop.__file__ = "/srv/venv/lib/python3.11/site-packages/shop.py"
    library, standard, nowhere = Containers(), Containers(), Containers()
    assert library.watch(*found(shop.rows))
    shop.__file__ = "/srv/shop.py"
    own = Containers()
    assert own.watch(*found(shop.rows))
    way = found(shop.rows)[0].anchor
    assert standard.watch(Found(Holder("json.rows", "module json", "module", ()), way))
    assert nowhere.watch(Found(Holder("<unknown>.rows", "unknown", "unknown", ()), way))

    ranks = [growth(each, each.sizes()).rank for each in (own, library, standard, nowhere)]
    assert ranks == [0, 1, 2, UNKNOWN_RANK]


def test_what_cannot_be_come_back_to() -> None:
    """It is not watched: with no way to it, or with one that leads nowhere by now, it leaves no trace."""
    containers = Containers()
    holder = Holder("shop.rows", "module shop", "module", ())

    assert not containers.watch(Found(holder, None))
    assert not containers.watch(Found(holder, Anchor("shop_that_is_gone", None, ())))
    assert containers.paths == ()
    assert containers.grown(containers.sizes()) == ()


def test_so_many_are_watched(shop: Any) -> None:
    """Those that are there keep their places, and are still found to be there; one that is forgotten makes room."""
    names = [f"box{number}" for number in range(WATCHED_MOST + 1)]
    for name in names:
        setattr(shop, name, [[number] for number in range(4)])
    containers = Containers()
    chains = found(*(getattr(shop, name) for name in names))
    taken = [containers.watch(each) for each in chains]

    assert taken == [True] * WATCHED_MOST + [False]
    assert containers.watch(chains[0])
    containers.forget("shop_of_containers.box3")
    assert containers.watch(chains[-1])
    assert len(containers.paths) == WATCHED_MOST
    assert "shop_of_containers.box3" not in containers.holders


def test_so_many_of_one_path(shop: Any) -> None:
    """A dict of very many lists is watched by some of them."""
    shop.by_user = {number: [[number]] * 4 for number in range(ALIKE_MOST + 5)}
    containers = Containers()
    for each in found(*shop.by_user.values()):
        assert containers.watch(each)

    assert len(containers.sizes()["shop_of_containers.by_user"]) == ALIKE_MOST


def test_forgotten_between_two_readings(shop: Any) -> None:
    """Nothing is said of it, also if it was watched before."""
    shop.rows = [[number] for number in range(5)]
    containers = Containers()
    assert containers.watch(*found(shop.rows))
    before = containers.sizes()
    containers.forget("shop_of_containers.rows")
    shop.rows.append([5])

    assert containers.grown(before) == ()
    assert list(containers.of("shop_of_containers.rows")) == []
    containers.forget("shop_of_containers.never")


@pytest.mark.parametrize(
    ("path", "place"),
    [("shop.cache", "shop.cache"), ("shop.cache[…]", "shop.cache"), ("shop.cache[str][…]", "shop.cache[str]")],
)
def test_place(path: str, place: str) -> None:
    """The way to an entry without its last step; a container's own stays."""
    assert place_of(path) == place
