"""A snapshot of all that tracemalloc knows, put together by the calls that allocated it in one pass."""

import _tracemalloc
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

from memguard.allocations import Allocations, Frames, Group, bounded

BYTES_A_TRACE = 48
"""The least that tracemalloc itself uses for each of its traces; handed out, one takes four times as much for a while."""


def number_of_traces() -> int:
    """Return how many traces there are at most, without looking at any."""
    return tracemalloc.get_tracemalloc_memory() // BYTES_A_TRACE


def take(hand_out: Callable[[Callable[[], Any]], Any] = lambda traces: traces()) -> Allocations:
    """Return what is alive of all that was allocated while tracing was on.

    The process stands still while C code hands out the traces, as under `tracemalloc.take_snapshot`, and no longer:
    other threads run while they are put together.

    Args:
        hand_out: Calls what hands out the traces, and returns that: a place for who sees to it that nothing else runs.

    Raises:
        RuntimeError: Nothing is traced.
    """
    if not tracemalloc.is_tracing():
        raise RuntimeError("tracemalloc is off: start it, or run the service with MEMGUARD_MODE=trace")
    traces: list[Any] = hand_out(_tracemalloc._get_traces)
    sums: dict[tuple[int, Frames], list[int]] = {}
    while traces:
        trace = traces.pop()  # one by one: nobody would have a turn while all of them are let go
        key = trace[0], trace[2]
        known = sums.get(key)
        if known is None:
            sums[key] = [trace[1], 1]
        else:
            known[0] += trace[1]
            known[1] += 1
    own = __file__
    groups = (
        Group(tuple(frames), size, count, domain)
        for (domain, frames), (size, count) in sums.items()
        if frames[0][0] != own
    )
    return bounded(time.time(), groups)
