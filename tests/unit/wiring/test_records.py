import tracemalloc
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.model import Operation, UnitRecord
from memguard.wiring.records import ROWS, Records

SHOW, SAVE = Operation("request", "GET /show"), Operation("task", "shop.save")
MEASURED: dict[str, Any] = {
    "error": False, "overlapped": False, "body_sent": None, "traced": 10, "traced_peak": None, "objects": 1, "blocks": None,
    "rss": 0,
}  # fmt: skip


def add(records: Records, at: float = 0.0, operation: Operation = SHOW, **changed: Any) -> int:
    """Add a row and return its number."""
    return records.add(at, operation, 0.5, **{**MEASURED, **changed})


@given(
    at=st.floats(0, 4e9),
    seconds=st.floats(0, 1e6),
    error=st.booleans(),
    overlapped=st.booleans(),
    body_sent=st.none() | st.floats(0, 1e6),
    traced=st.integers(-(2**50), 2**50),
    traced_peak=st.none() | st.integers(0, 2**50),
    objects=st.integers(-(2**40), 2**40),
    blocks=st.none() | st.integers(-(2**40), 2**40),
    rss=st.integers(-(2**50), 2**50),
)
@settings(max_examples=60)
def test_what_is_added_comes_out(at: float, seconds: float, **measured: Any) -> None:
    """A row survives its packing: every figure, and what was not measured is None, not zero."""
    records = Records()
    records.add(at, SAVE, seconds, **measured)

    assert records.drain() == (UnitRecord(at=at, operation=SAVE, seconds=seconds, **measured),)


def test_drained_once() -> None:
    """A row comes out once, in the order in which the units ended."""
    records = Records()
    for number in range(5):
        add(records, number, (SHOW, SAVE)[number % 2])
    first = records.drain()
    add(records, 5)

    assert [(row.at, row.operation) for row in first] == [(0, SHOW), (1, SAVE), (2, SHOW), (3, SAVE), (4, SHOW)]
    assert [row.at for row in records.drain()] == [5]
    assert records.drain() == ()


def test_drained_up_to_a_row() -> None:
    """Rows from a given one on stay for the next time."""
    records = Records()
    numbers = [add(records, number) for number in range(5)]

    assert [row.at for row in records.drain(until=numbers[3])] == [0, 1, 2]
    assert records.drain(until=numbers[1]) == ()
    assert [row.at for row in records.drain(until=10**6)] == [3, 4]


@pytest.mark.parametrize("beyond", [0, 1, 5, ROWS, 3 * ROWS + 7])
def test_the_ring_wraps(beyond: int) -> None:
    """Beyond its rows the oldest are overwritten; what comes out are the latest, in order."""
    records = Records()
    for number in range(ROWS + beyond):
        add(records, number, traced=number * 3)
    rows = records.drain()

    assert [row.at for row in rows] == list(range(beyond, ROWS + beyond))
    assert [row.traced for row in rows] == [number * 3 for number in range(beyond, ROWS + beyond)]
    assert records.drain() == ()


def test_a_settled_window_corrects_a_row() -> None:
    """Objects and blocks become what the window says; blocks that it did not read stay as they were."""
    records = Records()
    first, second = add(records, objects=9, blocks=90), add(records, objects=8, blocks=80)
    records.settle(first, 5, 50)
    records.settle(second, 4, None)

    assert [(row.objects, row.blocks, row.traced) for row in records.drain()] == [(5, 50, 10), (4, 80, 10)]


def test_a_window_that_is_settled_too_late() -> None:
    """A row that is drained or overwritten is gone; no other is touched in its place."""
    records = Records()
    gone = add(records, objects=1)
    records.drain()
    records.settle(gone, 77, 77)
    overwritten = add(records, objects=2)
    for _ in range(ROWS):
        add(records, objects=3)
    records.settle(overwritten, 77, 77)
    records.settle(overwritten - 1, 77, 77)

    assert {row.objects for row in records.drain()} == {3}


def test_the_last_row_of_a_full_ring_is_settled() -> None:
    """The oldest row that is still there is corrected, too."""
    records = Records()
    numbers = [add(records, number) for number in range(ROWS)]
    records.settle(numbers[0], 7, 7)

    assert records.drain()[0].objects == 7


def test_a_row_takes_no_memory() -> None:
    """What is written about a unit leaves nothing that the next reading would take for the unit's own."""
    records = Records()
    add(records, 1.0, SAVE)
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for _ in range(1000):
            records.add(1.5, SAVE, 0.5, **MEASURED)
        after = tracemalloc.get_traced_memory()[0]
    finally:
        tracemalloc.stop()

    assert after - before < 1000
