"""When to open a window and how long to keep it: evidence where it is needed, within the budget."""

LENGTHS = (1, 1, 4, 1, 16, 2)
"""Units a window should span, in turn. Single ones say exactly whose residue it is; long ones catch what is rare."""
OVERLAP_FACTOR = 2
"""A window spans so many times the units in flight, or its edges would outweigh it."""
FIRST_LOOK_SECONDS = 0.01
"""CPU seconds granted in advance, so that a young worker has a first look at its operations."""
SAVED_SECONDS_MOST = 0.25
WINDOWS_SHARE_LEAST = 0.35
"""Share of the budget that windows get, however much of it memguard's other work has used."""
EAGER_GAP, CALM_GAP = 0.02, 0.5
"""Seconds between windows while there is something to find out, and when all operations are known to be clean."""


class Sampler:
    """Keeps account of the CPU time that windows may use. Moments are seconds of any steady clock."""

    def __init__(self, budget: float) -> None:
        """Make a sampler that spends at most the share `budget` (0 to 1) of the CPU time it is told of."""
        self._budget = budget
        self._saved = FIRST_LOOK_SECONDS
        self._turn = 0
        self._eager = True

    def grant(self, cpu_seconds: float, own_seconds: float, *, eager: bool) -> None:
        """Account for what has passed since the last call.

        Args:
            cpu_seconds: CPU time the process has used.
            own_seconds: What memguard used of it beside windows; it comes out of the same budget.
            eager: Some operation is new or suspected, so windows are worth their cost.
        """
        allowed = self._budget * cpu_seconds
        saved = self._saved + max(allowed - own_seconds, WINDOWS_SHARE_LEAST * allowed)
        self._saved = max(-SAVED_SECONDS_MOST, min(SAVED_SECONDS_MOST, saved))
        self._eager = eager

    def spend(self, seconds: float) -> None:
        """Account for the CPU seconds that a window has cost."""
        self._saved -= seconds

    def gap(self) -> float | None:
        """Return the seconds to wait until the next window, None until the next grant."""
        if self._saved <= 0:
            return None
        return EAGER_GAP if self._eager else CALM_GAP

    def length(self, in_flight: int) -> int:
        """Return how many units the next window is to span, given how many are in flight beside the first."""
        self._turn = (self._turn + 1) % len(LENGTHS)
        length = LENGTHS[self._turn]
        return length + OVERLAP_FACTOR * in_flight
