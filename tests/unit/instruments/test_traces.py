import tracemalloc
from collections.abc import Iterator

import pytest

from memguard.instruments.traces import Tracing, frames_of
from tests.unit.instruments.planting import Planted


@pytest.fixture(autouse=True)
def _no_tracing_is_left() -> Iterator[None]:
    yield
    tracemalloc.stop()


@pytest.fixture
def tracing() -> Tracing:
    """Return what is not tracing yet."""
    return Tracing()


def test_tracing_that_memguard_starts(tracing: Tracing) -> None:
    """It is on from start to stop, as deep as was asked for."""
    assert (tracing.on, tracing.ours) == (False, False)
    tracing.start(7)
    assert (tracing.on, tracing.ours, tracemalloc.get_traceback_limit()) == (True, True, 7)
    tracing.start(9)
    assert tracemalloc.get_traceback_limit() == 7
    tracing.stop()
    tracing.stop()
    assert (tracing.on, tracing.ours) == (False, False)


def test_tracing_of_the_host_is_used_and_left_alone(tracing: Tracing) -> None:
    """Where the host traces, memguard reads along; it changes neither depth nor peak, and does not stop it."""
    tracemalloc.start(2)
    tracing.start(7)
    block = bytearray(3_000_000)
    del block
    tracing.reset_peak()
    peak = tracing.read()[1]
    tracing.stop()

    assert (tracing.on, tracing.ours, tracemalloc.get_traceback_limit()) == (True, False, 2)
    assert peak >= 3_000_000
    assert tracemalloc.get_traced_memory()[1] >= peak


def test_bytes_and_peak(tracing: Tracing) -> None:
    """Traced bytes are net, the peak is what was there at most since it was reset."""
    tracing.start(1)
    before = tracing.read()[0]
    kept = bytearray(1_000_000)
    block = bytearray(5_000_000)
    del block
    now, peak = tracing.read()
    tracing.reset_peak()
    again = tracing.read()[1]

    assert now - before == pytest.approx(1_000_000, rel=0.01)
    assert peak - before == pytest.approx(6_000_000, rel=0.01)
    assert again - before == pytest.approx(1_000_000, rel=0.01)
    assert kept


def test_a_host_that_stops_tracing_meanwhile(tracing: Tracing) -> None:
    """Tracing that was memguard's and that the host has stopped is off, reads zero, and can be started again."""
    tracing.start(3)
    tracemalloc.stop()

    assert not tracing.on
    assert tracing.read() == (0, 0)
    tracing.reset_peak()
    tracing.start(4)
    assert (tracing.on, tracing.ours) == (True, True)
    tracing.stop()
    assert not tracing.on


class Slotted:
    __slots__ = ("__weakref__", "value")


class Text(str):
    __slots__ = ()


@pytest.mark.parametrize(
    "kind", [Planted, Slotted, dict, set, Text, bytearray, Exception], ids=lambda kind: kind.__name__
)
def test_frames_of_an_object(tracing: Tracing, kind: type) -> None:
    """The calls that allocated an object are known, innermost first, whatever headers its class puts before it."""

    def inner() -> object:
        return kind()

    def outer() -> object:
        return inner()

    kept = [kind() for _ in range(500)]  # so that none comes from a free list
    tracing.start(2)
    made = [outer() for _ in range(100)][-1]
    lines = [each.__code__.co_firstlineno + 1 for each in (inner, outer)]

    assert frames_of(made) == ((__file__, lines[0]), (__file__, lines[1]))
    assert kept


def test_frames_that_are_not_known(tracing: Tracing) -> None:
    """An object from before, or without tracing at all, has none; nothing fails."""
    before = Planted()
    assert frames_of(before) == ()
    tracing.start(2)

    assert frames_of(before) == ()
    assert frames_of(1) == ()
    assert frames_of(frames_of) == ()
