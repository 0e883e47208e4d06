"""Survivor windows: which GC-tracked objects were born in a window and lived, whatever the size of the heap.

    open     young objects move to the oldest generation, and the whole heap steps aside in O(1) (`gc.freeze`)
    close    what was born since and lives moves to the oldest generation, which was empty: it sits there alone
    settle   read that generation, put the heap back in O(1)

Between open and settle the thresholds of the two older generations are raised, so nothing young is promoted by
itself. The counts that CPython's collector runs on are put back, so that the host's collections keep their rhythm.

A heap that the host froze itself must never be thawed; there a window by generations serves (`GenerationWindow`),
which cannot tell units that begin between close and settle from those before.
"""

import gc
from contextlib import suppress
from itertools import repeat
from operator import is_
from typing import Any

from memguard.forking import reset_in_child
from memguard.instruments.collector import (
    NEVER,
    collect_if_due,
    collections,
    objects,
    restore,
    share_of_a_middle_collection,
)

FROZEN_BY_THE_INTERPRETER = 1000
"""CPython 3.12 starts with some 375 frozen objects of its own; any program that freezes its heap has far more."""
PROOFS_MOST = 3
IDLE, OPEN, CLOSED = "idle", "open", "closed"


class DisturbedError(Exception):
    """Something else moved the generations while a window was open, so its reading would not be true."""


class _Base:
    """What both windows share: what they must put back, and how they notice that it is no longer theirs."""

    two_phase: bool

    def __init__(self) -> None:
        self.state = IDLE
        self.garbage = 0
        self._thresholds = (NEVER, NEVER, NEVER)
        self._collections = (0, 0)
        self._canary: list[Any] = []
        self._missed = False
        reset_in_child(self.abandon)

    def abandon(self) -> None:
        """Put the heap and the thresholds back without a reading; nothing happens where no window is open."""
        if self.state != IDLE:
            self.state = IDLE
            self._canary = []
            if self.two_phase:
                gc.unfreeze()
            restore(self._thresholds)

    def born(self) -> int:
        """Return how many objects born since `open` are alive, cyclic garbage included; O(that many)."""
        generations = (0, 1, 2) if self.two_phase else (0, 1)
        return sum(map(len, map(gc.get_objects, generations)))  # in C alone: see `objects`

    def _collect(self, generation: int) -> int:
        """Collect; while another thread collects (a finalizer or a callback of its collection runs) nothing happens."""
        before = gc.get_stats()[generation]["collections"]
        freed = gc.collect(generation)
        self._missed = self._missed or gc.get_stats()[generation]["collections"] == before
        return freed

    def _read(self, generation: int) -> list[Any]:
        """Return the objects of a generation, but for the canary that must be among them."""
        if self._missed:
            raise DisturbedError("another thread was collecting when the window had to")
        born = objects(generation)
        place = bytes(map(is_, born, repeat(self._canary))).find(1)
        if place < 0:
            # It is frozen together with what a window of ours froze, and must stay so: the host wants it.
            self.state = IDLE
            restore(self._thresholds)
            raise DisturbedError("the host froze its heap while a window was open")
        del born[place]
        return born


class FrozenWindow(_Base):
    """The exact window. Not thread-safe: whoever drives it holds a lock of its own."""

    name = "frozen"
    two_phase = True

    def __init__(self) -> None:
        super().__init__()
        self._credit = 0.0

    def open(self) -> None:
        """Put the heap aside. Costs a collection of the young generations."""
        restore(self._thresholds)  # a host may have read them in an earlier window and put them back after it
        collect_if_due()
        thresholds = self._thresholds = gc.get_threshold()
        young, middle, old = gc.get_count()
        self._missed = False
        gc.collect(1)
        self.state = OPEN
        gc.set_threshold(thresholds[0], NEVER, NEVER)
        gc.freeze()
        self._credit += share_of_a_middle_collection(young, middle, thresholds)
        self._restore_old_count(old, thresholds[2])
        self._canary = []

    def close(self) -> None:
        """End the window: what is born from now on belongs to it no more."""
        young, middle, _ = gc.get_count()
        self._credit += share_of_a_middle_collection(young, middle, self._thresholds)
        self.garbage = self._collect(1)
        self._collections = collections()
        self.state = CLOSED

    def settle(self) -> list[Any]:
        """Return the objects born in the window and alive now, and put the heap back.

        The list holds strong references: count, then drop it.

        Raises:
            DisturbedError: The host collected or froze in between. The heap is back in place nevertheless.
        """
        try:
            if self._collections != collections():
                raise DisturbedError("the host ran a collection while a window was being settled")
            born = self._read(2)
            if any(map(is_, born, repeat(self))):
                raise DisturbedError("the host unfroze its heap while a window was open")
            return born
        finally:
            self.abandon()

    def _restore_old_count(self, old: int, threshold: int) -> None:
        """Set the count that triggers full collections to what it would be without the window.

        `gc.freeze` zeroes it and only a collection of the middle generation adds to it; on generations that a freeze
        has just emptied one takes under a microsecond. `close` will add one more. Beyond the threshold the count
        carries no information (CPython's 25 % rule decides from there), so it is not run up further.
        """
        wanted = old + int(self._credit)
        given = max(0, min(wanted - 1, threshold + 1))
        for _ in range(given):
            gc.collect(1)
        self._credit = max(-2.0, min(2.0, self._credit - (given + 1 - old)))


class GenerationWindow(_Base):
    """The fallback for a heap that the host froze: what is born stays in the young generations until it is read."""

    name = "generations"
    two_phase = False

    def open(self) -> None:
        """Move everything young out of the way."""
        restore(self._thresholds)
        collect_if_due()
        self._thresholds = gc.get_threshold()
        self._missed = False
        self._collect(1)
        self.state = OPEN
        gc.set_threshold(self._thresholds[0], NEVER, NEVER)
        self._collections = collections()
        self._canary = []

    def close(self) -> None:
        """Mark the end; objects born before `settle` still belong to the window."""
        self.state = CLOSED

    def settle(self) -> list[Any]:
        """Return the objects born since `open` and alive now; DisturbedError where the host collected or froze."""
        try:
            if self._collections != collections():
                raise DisturbedError("the host ran a collection while a window was open")
            self.garbage = self._collect(0)
            return self._read(1)
        finally:
            self.abandon()


Window = FrozenWindow | GenerationWindow


class _Planted:
    """What the self-proof plants and looks for."""

    itself: "_Planted"


def choose_window() -> tuple[Window | None, str]:
    """Return the best window that proves itself on this interpreter and heap now, and a note where it is not exact.

    None means that survivors cannot be seen here; blocks and RSS remain.
    """
    if gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER:
        if _proves(FrozenWindow()):
            return FrozenWindow(), ""
        reason = "this interpreter's collector is not the one the exact window knows"
    else:
        reason = "the application froze its heap (gc.freeze) and it must stay frozen"
    if _proves(GenerationWindow()):
        return GenerationWindow(), f"windows by generations, a little less exact: {reason}"
    return None, f"no survivor windows, allocator blocks and RSS only: {reason}"


def _proves(window: Window) -> bool:
    """Tell whether the window sees exactly what is planted.

    Disturbed by other threads each time it has at least noticed that, as it will when it is used.
    """
    for _ in range(PROOFS_MOST):
        with suppress(DisturbedError):
            return _sees_what_is_planted(window)
    return True


def _sees_what_is_planted(window: Window) -> bool:
    """Tell whether the window sees what lives, not what died, not what was there."""
    there = [_Planted() for _ in range(8)]
    try:
        window.open()
        kept = [_Planted() for _ in range(8)]
        cycle = _Planted()
        cycle.itself = cycle
        [_Planted() for _ in range(8)].clear()
        del cycle
        window.close()
        after = [_Planted() for _ in range(8)]
        found = {id(each) for each in window.settle() if type(each) is _Planted}
    finally:
        window.abandon()
    del there
    return found == {id(each) for each in (kept if window.two_phase else kept + after)}
