import threading
import tracemalloc
from collections.abc import Iterator

import pytest

from memguard.instruments.traces import frames_of
from memguard.trials.aside import aside

CALLS_MOST = 4


@pytest.fixture(params=[False, True], ids=["untraced", "traced"])
def is_traced(request: pytest.FixtureRequest) -> Iterator[bool]:
    """Trace or not."""
    if request.param:
        tracemalloc.start(25)
    yield request.param
    if request.param:
        tracemalloc.stop()


def test_it_gives_back_what_it_was_given(is_traced: bool) -> None:
    """What the work returns or raises, in a thread of its own only while allocations are traced."""
    threads: list[int] = []

    def work() -> str:
        threads.append(threading.get_ident())
        return "done"

    def fail() -> None:
        raise SystemExit(3)

    assert aside(work) == "done"
    assert (threads == [threading.get_ident()]) is not is_traced
    with pytest.raises(SystemExit, match="3"):
        aside(fail)


def test_little_is_noted_of_an_allocation() -> None:
    """However deep the caller is: the stack that tracemalloc walks for each allocation has a few calls."""
    tracemalloc.start(25)
    try:
        here = len(frames_of(set()))
        there = len(frames_of(aside(set)))
    finally:
        tracemalloc.stop()

    assert 0 < there <= CALLS_MOST < here
