"""Giving memory back without a recycle: a full collection, then `malloc_trim`; each step's yield is remembered.

Both may stop the process for a while: a collection holds the GIL for its length, 0.4 s for two million containers, and
a trim holds up whoever allocates meanwhile (tried). So this belongs to the keeper's thread, and is asked for seldom.
"""

import gc
from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

STEP_WORTH = 0.01
"""A step that gave back less than this share of what was used is left out for `STEP_REST_SECONDS`."""
STEP_REST_SECONDS = 600.0


@dataclass(frozen=True, slots=True)
class Yield:
    """What one step of relief gave back: bytes, negative where more was used after it, and the seconds it took."""

    step: str
    given_back: int
    seconds: float


class Relief:
    """One per process.

    Args:
        read: Returns the bytes that are in use now.
        trim: Has the C library give free pages back; its answer is None where there is no such thing.
    """

    def __init__(self, read: Callable[[], int], trim: Callable[[], int | None]) -> None:
        self._read = read
        self._steps: tuple[tuple[str, Callable[[], object]], ...] = (("collect", _collect), ("trim", trim))
        self._rests: dict[str, float] = {}

    def give_back(self, now: float, *, again: bool = False) -> tuple[Yield, ...]:
        """Run the steps that are not resting, at a moment in seconds, or all of them again; return what each gave back."""
        yields = []
        for name, step in self._steps:
            if now < self._rests.get(name, now) and not again:
                continue
            before, started = self._read(), perf_counter()
            step()
            given_back = before - self._read()
            yields.append(Yield(name, given_back, round(perf_counter() - started, 4)))
            if given_back < STEP_WORTH * before:
                self._rests[name] = now + STEP_REST_SECONDS
        return tuple(yields)


def _collect() -> None:
    # A host that has switched the collector off does so to keep memory shared with its parent: its wish stands.
    if gc.isenabled():
        gc.collect()
