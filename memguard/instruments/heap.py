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
from itertools import chain, compress, repeat, tee
from operator import is_not
from typing import Any

from memguard.forking import reset_in_child

NEVER = 2**31 - 1871
"""A threshold that no count reaches, and that no host is likely to set: so what is left of ours can be told."""
FROZEN_BY_THE_INTERPRETER = 1000
"""CPython 3.12 starts with some 375 frozen objects of its own; any program that freezes its heap has far more."""
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
        reset_in_child(self.abandon)

    def abandon(self) -> None:
        """Put the heap and the thresholds back without a reading; nothing happens where no window is open."""
        if self.state != IDLE:
            self.state = IDLE
            self._canary = []
            if self.two_phase:
                gc.unfreeze()
            _restore(self._thresholds)

    def born(self) -> int:
        """Return how many objects born since `open` are alive, cyclic garbage included; O(that many)."""
        generations = (0, 1, 2) if self.two_phase else (0, 1)
        return sum(map(len, map(gc.get_objects, generations)))  # in C alone: see `_objects`

    def _read(self, generation: int) -> list[Any]:
        """Return the objects of a generation, but for the canary that must be among them."""
        found = _objects(generation)
        born = [each for each in found if each is not self._canary]
        if len(born) == len(found):
            # It is frozen together with what a window of ours froze, and must stay so: the host wants it.
            self.state = IDLE
            _restore(self._thresholds)
            raise DisturbedError("the host froze its heap while a window was open")
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
        _restore(self._thresholds)  # a host may have read them in an earlier window and put them back after it
        _collect_if_due()
        thresholds = self._thresholds = gc.get_threshold()
        young, middle, old = gc.get_count()
        gc.collect(1)
        self.state = OPEN
        gc.set_threshold(thresholds[0], NEVER, NEVER)
        gc.freeze()
        self._credit += _share_of_a_middle_collection(young, middle, thresholds)
        self._restore_old_count(old, thresholds[2])
        self._canary = []

    def close(self) -> None:
        """End the window: what is born from now on belongs to it no more."""
        young, middle, _ = gc.get_count()
        self._credit += _share_of_a_middle_collection(young, middle, self._thresholds)
        self.garbage = gc.collect(1)
        self._collections = _collections()
        self.state = CLOSED

    def settle(self) -> list[Any]:
        """Return the objects born in the window and alive now, and put the heap back.

        The list holds strong references: count, then drop it.

        Raises:
            DisturbedError: The host collected or froze in between. The heap is back in place nevertheless.
        """
        try:
            if self._collections != _collections():
                raise DisturbedError("the host ran a collection while a window was being settled")
            born = self._read(2)
            if any(each is self for each in born):
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
        _restore(self._thresholds)
        _collect_if_due()
        self._thresholds = gc.get_threshold()
        gc.collect(1)
        self.state = OPEN
        gc.set_threshold(self._thresholds[0], NEVER, NEVER)
        self._collections = _collections()
        self._canary = []

    def close(self) -> None:
        """Mark the end; objects born before `settle` still belong to the window."""
        self.state = CLOSED

    def settle(self) -> list[Any]:
        """Return the objects born since `open` and alive now; DisturbedError where the host collected or froze."""
        try:
            if self._collections != _collections():
                raise DisturbedError("the host ran a collection while a window was open")
            self.garbage = gc.collect(0)
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
    """Tell whether the window sees exactly the planted objects: what lives, not what died, not what was there."""
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
    except DisturbedError:
        return False
    finally:
        window.abandon()
    del there
    expected = {id(each) for each in (kept if window.two_phase else kept + after)}
    return found == expected


def _objects(generation: int) -> list[Any]:
    """Return the objects of a generation, but for exact tuples.

    Another thread may be in the middle of `tuple(generator)`; its unfinished tuple is tracked already, and CPython
    raises SystemError in that thread when anyone else holds a reference by the time it is resized
    (`Objects/tupleobject.c`, `_PyTuple_Resize`). So no reference to a tuple may live across a point where threads
    can switch. Threads switch between bytecodes only: the whole expression is lazy and runs inside one call of `list`.
    """
    objects, again = tee(chain.from_iterable(map(gc.get_objects, (generation,))))
    return list(compress(objects, map(is_not, map(type, again), repeat(tuple))))


def _collections() -> tuple[int, int]:
    stats = gc.get_stats()
    return stats[1]["collections"], stats[2]["collections"]


def _restore(thresholds: tuple[int, int, int]) -> None:
    """Put back each threshold that is still ours; one that the host set meanwhile stays as it is."""
    now = gc.get_threshold()
    gc.set_threshold(*(theirs if each == NEVER else each for each, theirs in zip(now, thresholds, strict=True)))


def _share_of_a_middle_collection(young: int, middle: int, thresholds: tuple[int, int, int]) -> float:
    """Return how far the counts had come towards the collection of the middle generation that a window forces."""
    if not thresholds[0] or not gc.isenabled():
        return 0.0
    return (middle + min(1.0, young / thresholds[0])) / (thresholds[1] + 1)


def _collect_if_due() -> None:
    """Let CPython run the full collection that is due, before a window postpones it.

    Its own rule decides (the count, and that a quarter of the old heap is new): the first threshold is lowered for
    two allocations so that it looks. Where windows follow each other it would otherwise never get the chance.
    """
    thresholds = gc.get_threshold()
    if not gc.isenabled() or not thresholds[0] or gc.get_count()[2] <= thresholds[2]:
        return
    gc.set_threshold(1, *thresholds[1:])
    try:
        for _ in range(4):
            [set(), set(), set()]  # noqa: B018  sets: other containers come from free lists and make no collector look
    finally:
        if gc.get_threshold() == (1, *thresholds[1:]):
            gc.set_threshold(*thresholds)
