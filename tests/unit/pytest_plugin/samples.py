"""Tests that are run by the plugin's own tests, in a process of their own: leaking and innocent ones.

The name of each says what must come of it: `test_leaks_…` fails by memguard, `test_settles_…` passes.
"""
# ruff: noqa: D103 - their names say it

import asyncio
import collections
import functools
import itertools
import logging
import unittest
import warnings
from collections.abc import Callable
from typing import Any

import pytest

numbers = itertools.count()
turns = itertools.count()


class Order:
    """An order."""

    def __init__(self) -> None:
        self.lines = ["line"] * 5


orders: dict[int, Order] = {}
names: set[str] = set()
nothing: list[None] = []
few_texts: list[str] = []
text = {"all": ""}
full = collections.deque((Order() for _ in range(3000)), maxlen=3000)
full_of_bytes = collections.deque((b"x" * 700 + b"%d" % number for number in range(3000)), maxlen=3000)


@functools.lru_cache(maxsize=100_000)
def cached(number: int) -> Order:
    """Return an order of a cache that says its bound."""
    return Order()


def keep_an_order() -> None:
    """Leave an order and its lines."""
    orders[next(numbers)] = Order()


@pytest.mark.memguard
def test_leaks_objects() -> None:
    keep_an_order()


@pytest.mark.memguard
def test_leaks_entries() -> None:
    nothing.append(None)


@pytest.mark.memguard
def test_leaks_text() -> None:
    text["all"] += "x" * 100


def test_leaks_from_a_callable(memguard: Any) -> None:
    memguard.check(lambda: names.add(f"visitor {next(numbers)} " * 5))


async def test_leaks_from_a_coroutine(memguard: Any) -> None:
    async def call(order: Callable[[], None]) -> None:
        await asyncio.sleep(0)
        order()

    await memguard.check_async(call, keep_an_order)


@pytest.fixture
def shop() -> Any:
    """Return an object that pytest alone holds."""
    return type("Shop", (), {"seen": []})()


@pytest.mark.memguard
def test_leaks_into_a_fixture(shop: Any) -> None:
    shop.seen.append(Order())


class TestCase(unittest.TestCase):
    @pytest.mark.memguard
    def test_leaks_in_a_test_case(self) -> None:
        keep_an_order()


@pytest.mark.memguard(max_objects=1)
def test_leaks_more_objects_than_allowed() -> None:
    keep_an_order()


@pytest.mark.memguard(max_growth="50B")
def test_leaks_more_bytes_than_allowed() -> None:
    keep_an_order()


@pytest.mark.memguard(max_objects=0.02, repeat=100)
def test_leaks_rarely() -> None:
    if next(turns) % 20 == 0:
        keep_an_order()


@pytest.mark.memguard(max_growth="2B")
def test_leaks_few_bytes() -> None:
    if next(turns) % 4 == 0:
        few_texts.append(str(next(numbers)) * 10)


@pytest.mark.memguard(max_peak="1MB")
def test_leaks_nothing_but_needs_much() -> None:
    bytearray(2_000_000)


@pytest.mark.memguard(max_objects=3, max_growth="1KB", max_peak="1MB")
def test_settles_within_limits() -> None:
    keep_an_order()


@pytest.mark.memguard(enabled=False)
def test_settles_as_it_is_not_asked() -> None:
    keep_an_order()


@pytest.mark.memguard
def test_settles_with_garbage() -> None:
    order: Any = Order()
    order.itself = order


@pytest.mark.memguard
def test_settles_with_a_cache_that_says_its_bound() -> None:
    cached(next(numbers))


@pytest.mark.memguard
def test_settles_with_a_full_cache() -> None:
    full.append(Order())


@pytest.mark.memguard(max_growth="100B")
def test_settles_with_a_full_cache_of_bytes() -> None:
    full_of_bytes.append(b"y" * 700 + b"%d" % next(numbers))


@pytest.mark.memguard
def test_settles_though_it_is_recorded(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> None:
    print("order " * 20)
    logging.getLogger("shop").warning("%s", Order())
    warnings.warn("orders are late", UserWarning, stacklevel=1)
    assert len(caplog.records) == 1


@pytest.mark.memguard
async def test_settles_with_tasks() -> None:
    await asyncio.gather(*(asyncio.sleep(0) for _ in range(5)))
