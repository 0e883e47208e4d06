"""A snapshot of all that tracemalloc knows, put together by the calls that allocated it in one pass."""

import _tracemalloc
import time
import tracemalloc
from typing import Any

from memguard.allocations import Allocations, Frames, Group, bounded

BYTES_A_TRACE = 48
"""The least that tracemalloc itself uses for each of its traces; handed out, one takes four times as much for a while."""


def number_of_traces() -> int:
    """Return how many traces there are at most, without looking at any."""
    return tracemalloc.get_tracemalloc_memory() // BYTES_A_TRACE


def take() -> Allocations:
    """Return what is alive of all that was allocated while tracing was on.

    The process stands still while C code hands out the traces, as under `tracemalloc.take_snapshot`, and no longer:
    other threads run while they are put together.

    Raises:
        RuntimeError: Nothing is traced.
    """
    if not tracemalloc.is_tracing():
        raise RuntimeError("tracemalloc is off: start it, or run the service with MEMGUARD_MODE=trace")
    traces: Any = _tracemalloc._get_traces()
    sums: dict[tuple[int, Frames], list[int]] = {}
    for trace in traces:
        key = trace[0], trace[2]
        known = sums.get(key)
        if known is None:
            sums[key] = [trace[1], 1]
        else:
            known[0] += trace[1]
            known[1] += 1
    del traces
    own = __file__
    groups = (
        Group(tuple(frames), size, count, domain)
        for (domain, frames), (size, count) in sums.items()
        if frames[0][0] != own
    )
    return bounded(time.time(), groups)
