import tracemalloc
from collections.abc import Iterator

import pytest

from memguard.instruments import blocks
from memguard.instruments.traces import Tracing
from memguard.wiring.gauges import Gauges


@pytest.fixture(autouse=True)
def _no_tracing_is_left() -> Iterator[None]:
    yield
    tracemalloc.stop()


@pytest.fixture
def tracing() -> Tracing:
    """Return what is not tracing yet."""
    return Tracing()


@pytest.fixture
def gauges(tracing: Tracing, monkeypatch: pytest.MonkeyPatch) -> Gauges:
    """Return gauges of a process whose blocks are cheap to count."""
    monkeypatch.setattr(blocks, "AFFORDABLE_SECONDS", 1.0)
    return Gauges(tracing)


def test_an_empty_window_has_no_blocks(gauges: Gauges) -> None:
    """Its own figures are not in it, however often it is opened."""
    read = [0] * 20
    for number in range(20):
        gauges.open()
        gauges.count_blocks()
        read[number] = gauges.settle()[0] or 0

    assert read[5:] == [0] * 15


def test_blocks_are_net(gauges: Gauges) -> None:
    """What was taken and given back between is no change."""
    kept: list[object] = [None] * 1000
    gauges.open()
    gauges.count_blocks()
    for number in range(1000):
        kept[number] = b"%d kept, as bytes that no collector tracks" % number
    grown = gauges.settle()[0]
    kept.clear()
    shrunk = gauges.settle()[0]

    assert grown == pytest.approx(1000, abs=20)
    assert shrunk == pytest.approx(0, abs=20)


def test_blocks_that_are_too_costly_to_count(gauges: Gauges, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is not this window's turn: no figure, and none of an earlier window's either."""
    monkeypatch.setattr(blocks, "AFFORDABLE_SECONDS", 1e-12)
    gauges.open()
    gauges.count_blocks()
    assert gauges.settle()[0] is not None
    gauges.open()
    gauges.count_blocks()

    assert gauges.settle() == (None, None)


def test_traced_bytes(gauges: Gauges, tracing: Tracing) -> None:
    """Their change, where tracing is on over the whole window."""
    tracing.start(1)
    gauges.open()
    gauges.count_blocks()
    kept = bytearray(1_000_000)
    traced = gauges.settle()[1]

    assert traced == pytest.approx(1_000_000, rel=0.01)
    assert kept


@pytest.mark.parametrize("traced_before", [True, False])
def test_tracing_that_comes_or_goes_meanwhile(gauges: Gauges, tracing: Tracing, traced_before: bool) -> None:
    """Two figures are needed for a change."""
    if traced_before:
        tracing.start(1)
    gauges.open()
    gauges.count_blocks()
    tracing.stop() if traced_before else tracing.start(1)

    assert gauges.settle()[1] is None
