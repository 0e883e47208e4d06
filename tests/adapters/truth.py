"""What the guard of this process has counted."""

import time
from collections.abc import Callable
from typing import Any

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
