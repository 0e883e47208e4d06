"""Windows are exact under any schedule: what they report is what was planted, for each operation."""

import asyncio
import gc
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.wiring import span
from tests.unit.wiring.hosting import MENU, SEEDS, UNCERTAIN, examples, hosting, quiet, schedules
from tests.unit.wiring.interleaving import in_a_loop, in_threads, interleave, tick
from tests.unit.wiring.schedules import Plan
from tests.unit.wiring.witness import assert_attributed, assert_objects, assert_units


@examples(25)
@given(MENU, schedules(1))
def test_one_unit_after_the_other(plans: list[Plan], steps: list[tuple[int, int]]) -> None:
    """In a worker that does one thing at a time nothing is uncertain."""
    with hosting(plans) as (host, witness):
        interleave(host, steps, disturb=quiet)
        tick(host.guard)
    assert witness.seen
    assert all(seen.is_exact for seen in witness.seen)
    assert_units(host, witness)
    assert_objects(host, witness)
    assert_attributed(host, witness)


@examples(30)
@given(MENU, schedules(6))
def test_units_that_interleave(plans: list[Plan], steps: list[tuple[int, int]]) -> None:
    """Whatever order they begin, work and end in: units inside, partly inside and later are told apart."""
    with hosting(plans) as (host, witness):
        interleave(host, steps, disturb=quiet)
        tick(host.guard)
    assert_units(host, witness)
    assert_objects(host, witness)
    assert_attributed(host, witness)


@examples(10)
@given(MENU, schedules(4), st.integers(1, 3))
def test_long_units_in_flight_all_the_time(plans: list[Plan], steps: list[tuple[int, int]], streams: int) -> None:
    """Streams and websockets that never end are edges of every window, and hold none up."""
    with hosting(plans) as (host, witness), pytest.MonkeyPatch.context() as patch:
        patch.setattr(span, "WAIT_SECONDS_MOST", 0.0)
        long_ones = [host.begin(number % len(plans)) for number in range(streams)]
        interleave(host, steps, disturb=lambda number: host.work(long_ones[number % streams]))
        tick(host.guard)
        for visit in long_ones:
            host.end(visit)
    assert_units(host, witness)
    assert_objects(host, witness)
    assert_attributed(host, witness)


@examples(15)
@given(MENU, schedules(3), st.lists(st.tuples(st.integers(0, 149), st.integers(0, 2)), max_size=6))
def test_a_host_that_collects(
    plans: list[Plan], steps: list[tuple[int, int]], collections: list[tuple[int, int]]
) -> None:
    """A window that the host's own collections have disturbed is not taken as evidence; the others are exact."""

    def collect(number: int) -> None:
        for at, generation in collections:
            if at == number:
                gc.collect(generation)

    with hosting(plans) as (host, witness):
        interleave(host, steps, disturb=collect)
        tick(host.guard)
    assert_units(host, witness)
    assert_objects(host, witness)
    assert_attributed(host, witness)


@examples(4, phases=UNCERTAIN)
@given(MENU, SEEDS)
def test_threads_that_are_saturated(plans: list[Plan], seed: int) -> None:
    """Eight threads that never rest, and that switch at every chance."""
    interval = sys.getswitchinterval()
    with hosting(plans) as (host, witness):
        sys.setswitchinterval(1e-5)
        try:
            in_threads(host, seed, threads=8, is_enough=lambda: len(witness.seen) >= 4 or witness.has_seen(4000))
        finally:
            sys.setswitchinterval(interval)
        tick(host.guard)
    assert witness.seen
    assert_objects(host, witness)
    assert_attributed(host, witness)


@examples(3)
@given(MENU, SEEDS)
def test_hundreds_in_flight_in_a_loop(plans: list[Plan], seed: int) -> None:
    """In asyncio no window covers fewer units than are in flight."""
    with hosting(plans) as (host, witness):
        asyncio.run(in_a_loop(host, seed, clients=200, units=8))
        tick(host.guard)
    assert witness.seen
    assert_units(host, witness)
    assert_objects(host, witness)
    assert_attributed(host, witness)
