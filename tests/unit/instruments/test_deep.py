import sys
from typing import Any

import pytest

from memguard.instruments import deep
from memguard.instruments.deep import estimate, measured
from memguard.instruments.walking import SLICE, Pace

SECONDS = 60.0


class Order:
    """What a container holds."""

    __slots__ = ("lines", "shop")

    def __init__(self, shop: object) -> None:
        self.lines = ["x" * 500]
        self.shop = shop


class Touchy:
    """An object that does not want to be measured."""

    def __sizeof__(self) -> int:
        raise AssertionError("code of the host's ran")

    def __getattribute__(self, name: str) -> Any:
        raise AssertionError("code of the host's ran")


def test_all_that_can_be_reached_counts_once() -> None:
    """What entries share, too; the program itself, like modules and functions, does not."""
    shared = [b"y" * 10_000, sys, test_all_that_can_be_reached_counts_once, Order]
    orders = {number: Order(shared) for number in range(100)}
    known = [orders, shared, shared[0], *orders.values(), *(each.lines for each in orders.values())]
    size = sum(map(sys.getsizeof, known)) + sys.getsizeof("x" * 500) + sum(map(sys.getsizeof, orders))
    found = estimate(orders, Pace(SECONDS))

    assert (found.bytes, found.share) == (size, 1.0)
    assert found.objects == len(known) + 1 + len(orders)


def test_a_namespace_of_a_module_is_no_data() -> None:
    """An object that refers to one does not have the whole program in it."""
    namespace = vars(sys)
    holder = [namespace, "x" * 1_000]

    assert estimate(holder, Pace(SECONDS), namespaces=frozenset({id(namespace)})).objects == 2


def test_what_was_looked_at_stands_for_the_rest() -> None:
    """Where there is too much of it: the size is about right, and it is said how much was looked at."""
    orders = [[f"{number:0500}"] for number in range(SLICE * 3)]
    size = sum(sys.getsizeof(each) + sys.getsizeof(each[0]) for each in orders) + sys.getsizeof(orders)
    found = estimate(orders, Pace(SECONDS), most=10_000)

    assert 0.0 < found.share < 0.3
    assert found.objects < 20_000
    assert found.bytes == pytest.approx(size, rel=0.25)


def test_where_there_is_no_time_only_the_container_itself_is_told() -> None:
    """With a share of nothing."""
    orders = [["x"] * 10 for _ in range(10)]
    found = estimate(orders, Pace(0.0))

    assert (found.bytes, found.objects, found.share) == (sys.getsizeof(orders), 1, 0.0)


def test_no_code_of_the_hosts_runs() -> None:
    """In memguard's own sum; pympler asks the objects, and where one refuses there is no answer."""
    touchy = [Touchy()]

    assert estimate(touchy, Pace(SECONDS)).objects >= 2
    assert measured(touchy) is None


def test_pympler_and_the_estimate_agree() -> None:
    """On plain data; pympler rounds each object up to 8 bytes."""
    data = {number: [str(number) * 10, (number, str(number))] for number in range(1_000)}
    size = measured(data)

    assert size is not None
    assert estimate(data, Pace(SECONDS)).bytes == pytest.approx(size, rel=0.1)


def test_where_pympler_is_not_installed_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """And no error: memguard's own sum is told."""
    monkeypatch.setitem(sys.modules, "pympler", None)

    assert deep.measured([1]) is None
