"""What the guard of this process has counted."""

import time
from collections.abc import Callable
from typing import Any

from memguard.explain.sites import passes
from memguard.wiring.guard import Guard

SECONDS = 20
Counts = dict[str, tuple[int, int]]


def counts() -> Counts:
    """Return units and errors of each operation that this process has counted, by name."""
    guard = Guard.current()
    if guard is None:
        return {}
    guard.flush()
    return {each.judgement.operation.name: (each.units, each.errors) for _, each in guard.store.read().operations}


def inner_adapter() -> str | None:
    """Return the adapter that has met units of another one, as it is told to the store; None before the first unit."""
    guard = Guard.current()
    if guard is None:
        return None
    guard.flush()
    return next((state.inner_adapter for state in guard.store.read().workers if state.id == guard.worker_id), None)


def in_flight() -> int | None:
    """Return how many units of this process have begun and not ended; None without a guard."""
    guard = Guard.current()
    if guard is None:
        return None
    guard.flush()
    return guard.store.read().workers[0].in_flight


def eventually(ask: Callable[[], Any], expected: Any) -> None:
    """Wait until a question has the expected answer; a client may know a response before its unit has ended."""
    deadline = time.monotonic() + SECONDS
    while (answer := ask()) != expected and time.monotonic() < deadline:
        time.sleep(0.005)
    assert answer == expected, f"{answer} and not {expected}"


def runs(name: str, view: Any) -> bool:
    """Tell whether it is known that an operation of this process runs a view, so that its allocations are its own."""
    guard = Guard.current()
    if guard is None or guard._watch is None:
        return False
    last = max(line for _, _, line in view.__code__.co_lines() if line is not None)
    known = {operation.name: code for operation, code in guard._watch.code.items()}
    return passes([(view.__code__.co_filename, last)], known.get(name, ()))
