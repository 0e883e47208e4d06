"""CPython's collector, asked and moved without the host noticing: its thresholds, its counts, its generations."""

import gc
from collections import deque
from collections.abc import Callable, Container
from itertools import chain, compress, repeat
from operator import getitem, is_, is_not
from typing import Any, TypeVar

from memguard.forking import reset_in_child

Given = TypeVar("Given")
NEVER = 2**31 - 1871
"""A threshold that no count reaches, and that no host is likely to set: so what is left of ours can be told."""


class _Borrowed:
    """Thresholds that hold for the length of one call here.

    Threads switch in it, also in finalizers of a collection that it causes: a child that another thread forks then
    has nobody else who puts the host's back.
    """

    def __init__(self) -> None:
        self._pair: tuple[tuple[int, int, int], tuple[int, int, int]] | None = None
        reset_in_child(self.put_back)

    def borrow(self, young: int, thresholds: tuple[int, int, int]) -> None:
        """Set the threshold of the youngest generation until `put_back`; the others stay as they are."""
        ours = (young, *thresholds[1:])
        self._pair = (thresholds, ours)
        gc.set_threshold(*ours)

    def put_back(self) -> None:
        """Put the host's thresholds back, but for those that were set by somebody else meanwhile."""
        pair, self._pair = self._pair, None
        if pair is not None:
            now = gc.get_threshold()
            gc.set_threshold(*(hosts if each == ours else each for each, hosts, ours in zip(now, *pair, strict=True)))


_borrowed = _Borrowed()


def objects(generation: int, kinds: Container[int] | None = None) -> list[Any]:
    """Return the objects of generation 1 or 2, but for exact tuples; only of types with these identities, where given.

    Another thread may be in the middle of `tuple(generator)`; its unfinished tuple is tracked already, and CPython
    raises SystemError in that thread when anyone else holds a reference by the time it is resized
    (`Objects/tupleobject.c`, `_PyTuple_Resize`). So no reference to a tuple may live across a point where threads
    can switch. They switch between bytecodes, and in finalizers that a collection runs: so all is lazy and runs
    inside one call of `list`, and no collection runs meanwhile. Two equal lists are read, one for the objects and one
    for their types. Both run to their end, the first by the placeholder at the end of it, and are let go there:
    whatever held them until later might be in a list itself, and so keep it.
    """
    _borrowed.borrow(NEVER, gc.get_threshold())
    try:
        found = chain(chain.from_iterable(map(gc.get_objects, (generation,))), (None,))
        types = map(type, chain.from_iterable(map(gc.get_objects, (generation,))))
        wanted = map(is_not, types, repeat(tuple)) if kinds is None else map(kinds.__contains__, map(id, types))
        return list(compress(found, wanted))
    finally:
        _borrowed.put_back()


def number_of_objects(generation: int) -> int:
    """Return how many objects a generation has."""
    return sum(map(len, map(gc.get_objects, (generation,))))


def part_of(generation: int, start: int, stop: int, step: int = 1) -> tuple[list[Any], list[int]]:
    """Return objects of a generation, each `step`-th from a place to another, but no exact tuples; and their lengths.

    As in `objects` no reference to a tuple lives across a point where threads can switch: the list of all is cut, and what
    was cut out is sorted and let go of, inside one call of `deque`. It takes some 25 ms for each million in the generation.
    """
    found: list[Any] = []
    lengths: list[int] = []
    cut: list[Any] = []
    is_other = map(is_not, map(type, cut), repeat(tuple))
    is_tuple = map(is_, map(type, cut), repeat(tuple))
    stages = (
        map(cut.extend, map(getitem, map(gc.get_objects, (generation,)), (slice(start, stop, step),))),
        map(found.extend, (compress(cut, is_other),)),
        map(lengths.extend, (map(tuple.__len__, compress(cut, is_tuple)),)),
        map(list.clear, (cut,)),
    )
    _borrowed.borrow(NEVER, gc.get_threshold())
    try:
        deque(chain.from_iterable(stages), maxlen=0)
    finally:
        _borrowed.put_back()
    return found, lengths


def at_rest(call: Callable[[], Given]) -> Given:
    """Return what a call gives during which no collection runs by itself; only one thread may be in here at a time.

    Up to 3.11 C code that makes millions of tuples runs a collection after each few hundred of them, which is half of its
    time (tried).
    """
    _borrowed.borrow(NEVER, gc.get_threshold())
    try:
        return call()
    finally:
        _borrowed.put_back()


def collections() -> tuple[int, int]:
    """Return how many collections of the middle and of the oldest generation have run so far."""
    stats = gc.get_stats()
    return stats[1]["collections"], stats[2]["collections"]


def restore(thresholds: tuple[int, int, int]) -> None:
    """Put back each threshold that is still ours; one that the host set meanwhile stays as it is."""
    now = gc.get_threshold()
    gc.set_threshold(*(theirs if each == NEVER else each for each, theirs in zip(now, thresholds, strict=True)))


def share_of_a_middle_collection(young: int, middle: int, thresholds: tuple[int, int, int]) -> float:
    """Return how far the counts had come towards the collection of the middle generation that a window forces."""
    if not thresholds[0] or not gc.isenabled():
        return 0.0
    return (middle + min(1.0, young / thresholds[0])) / (thresholds[1] + 1)


def collect_if_due() -> None:
    """Let CPython run the full collection that is due, before a window postpones it.

    Its own rule decides (the count, and that a quarter of the old heap is new): the first threshold is lowered for
    two allocations so that it looks. Where windows follow each other it would otherwise never get the chance.
    """
    thresholds = gc.get_threshold()
    if not gc.isenabled() or not thresholds[0] or gc.get_count()[2] <= thresholds[2]:
        return
    _borrowed.borrow(1, thresholds)
    try:
        for _ in range(4):
            [set(), set(), set()]  # noqa: B018  sets: other containers come from free lists and make no collector look
    finally:
        _borrowed.put_back()
