"""Windows are exact in hosts with ways of their own, and rates come true from them."""

import asyncio
import gc
import random
import subprocess
import sys
import threading
import tracemalloc
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.model import Operation
from memguard.residue.history import TYPE
from memguard.residue.regression import Rate
from tests.unit.instruments.planting import frozen_heap
from tests.unit.wiring.hosting import MENU, SEEDS, examples, hosting, quiet
from tests.unit.wiring.interleaving import feed, in_a_loop, interleave, random_steps, tick
from tests.unit.wiring.schedules import KINDS, Host, Plan, Planted, kind_name
from tests.unit.wiring.witness import assert_attributed, assert_objects, assert_units


@contextmanager
def frozen_by_the_host() -> Iterator[None]:
    """A host that froze its heap, as before a fork."""
    with frozen_heap() as frozen:
        yield
        assert gc.get_freeze_count() > 0.9 * frozen


@contextmanager
def never_collected() -> Iterator[None]:
    """A host that switched its collector off."""
    gc.disable()
    try:
        yield
    finally:
        gc.enable()
        gc.collect()


@contextmanager
def traced_by_the_host() -> Iterator[None]:
    """A host that runs tracemalloc itself."""
    tracemalloc.start(1)
    try:
        yield
        assert tracemalloc.is_tracing()
    finally:
        tracemalloc.stop()


@contextmanager
def busy_in_the_background() -> Iterator[None]:
    """A host with a thread that allocates all the time, and keeps the latest."""
    stop, kept = threading.Event(), deque[object](maxlen=500)

    def allocate() -> None:
        while not stop.is_set():
            kept.append({"entries": [[number] for number in range(5)]})

    thread = threading.Thread(target=allocate)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


MODES = (frozen_by_the_host, never_collected, traced_by_the_host, busy_in_the_background)


@pytest.mark.parametrize("mode", MODES, ids=lambda mode: mode.__name__)
def test_hosts_with_ways_of_their_own(mode: Callable[[], AbstractContextManager[None]]) -> None:
    """What is planted is seen exactly, whatever the host does with its heap; and it may go on doing it."""

    @examples(8)
    @given(MENU, SEEDS)
    def holds(plans: list[Plan], seed: int) -> None:
        with hosting(plans) as (host, witness):
            interleave(host, list(random_steps(seed, 150, 5, len(plans))), disturb=quiet)
            tick(host.guard)
        assert_units(host, witness)
        assert_objects(host, witness)
        assert_attributed(host, witness)
        windows.append(len(witness.seen))

    windows: list[int] = []
    with mode():
        holds()
    assert sum(windows) >= len(windows)


@examples(10)
@given(st.integers(0, 5), SEEDS)
def test_garbage_that_nobody_collects(cycles: int, seed: int) -> None:
    """Where the collector is off, what memguard's own collections free would have stayed: it is counted."""
    with never_collected(), hosting([Plan(stays=1, cycles=cycles)]) as (host, witness):
        interleave(host, list(random_steps(seed, 60, 1, 1)), disturb=quiet)
        tick(host.guard)
        for seen in witness.seen:
            assert seen.reading.survivors is not None
            planted = cycles * sum(units for _, units in seen.reading.units)
            assert seen.reading.survivors.left_garbage == planted
    assert witness.seen


CLASSES = (Planted,) * len(KINDS)


def told_rates(host: Host) -> list[Rate]:
    """Return what memguard takes for the objects of each operation, per unit."""
    watch = host.guard._watch
    assert watch is not None
    history, key = watch.ledger.books.settled.whole, watch.ledger.books._key
    operations = [Operation("request", host.name(number)) for number in range(len(host.plans))]
    return [history.rate(key(operation), TYPE + kind_name(Planted)) for operation in operations]


def assert_close(host: Host) -> None:
    """Fail unless each rate is true within five of its own standard errors."""
    for plan, rate in zip(host.plans, told_rates(host), strict=True):
        assert rate.error < 1
        assert abs(rate.value - plan.rate) <= 5 * rate.error + 0.02, f"{plan} has {rate}"


LEAKS = st.builds(
    Plan, stays=st.integers(0, 3), every=st.integers(1, 5), temporary=st.integers(0, 2), cycles=st.integers(0, 1)
)


@examples(5)
@given(st.lists(LEAKS, min_size=2, max_size=4), SEEDS)
def test_rates_of_operations_that_interleave(plans: list[Plan], seed: int) -> None:
    """Where all leave objects of one class, it is told how many are whose; and how certain that is."""
    with hosting(plans, kinds=CLASSES) as (host, _):
        interleave(host, list(random_steps(seed, 6000, 4, len(plans))), disturb=quiet)
        tick(host.guard)
        assert_close(host)


@examples(2)
@given(st.lists(LEAKS, min_size=2, max_size=4), SEEDS)
def test_rates_with_hundreds_in_flight(plans: list[Plan], seed: int) -> None:
    """In asyncio, too, where every window has many units at its edges."""
    with hosting(plans, kinds=CLASSES) as (host, _):
        asyncio.run(in_a_loop(host, seed, clients=100, units=80))
        tick(host.guard)
        assert_close(host)


def serve_greenlets(seed: int) -> None:
    """Be a worker of gevent's; raises where a window was not exact. For a process of its own, patched before."""
    import gevent

    plans = [Plan(stays=1), Plan(stays=2, every=3, temporary=1), Plan(cycles=2, cached=3), Plan(temporary=2)]

    def serve(number: int) -> None:
        chance = random.Random(seed * 1000 + number)
        for _ in range(30):
            visit = host.begin(chance.randrange(len(plans)))
            gevent.sleep(0)
            while not host.step(visit):
                gevent.sleep(0.0001 * chance.randrange(3))
            feed(host.guard)

    with hosting(plans) as (host, witness):
        gevent.joinall([gevent.spawn(serve, number) for number in range(60)], raise_error=True)
        tick(host.guard)
    assert len(witness.seen) >= 5
    assert_units(host, witness)
    assert_objects(host, witness)
    assert_attributed(host, witness)


def test_greenlets() -> None:
    """Gevent's workers run many units in one thread, and switch wherever they wait."""
    program = (
        "from gevent import monkey; monkey.patch_all()\n"
        "from tests.unit.wiring.test_exactness_of_hosts import serve_greenlets\n"
        "for seed in range(3): serve_greenlets(seed)\n"
        "print('exact')"
    )
    ended = subprocess.run(
        [sys.executable, "-c", program],
        cwd=Path(__file__).parents[3],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert (ended.returncode, ended.stdout) == (0, "exact\n"), ended.stderr
