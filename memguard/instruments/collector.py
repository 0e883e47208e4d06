"""CPython's collector, asked and moved without the host noticing: its thresholds, its counts, its generations."""

import gc
from itertools import chain, compress, repeat
from operator import is_not
from typing import Any

NEVER = 2**31 - 1871
"""A threshold that no count reaches, and that no host is likely to set: so what is left of ours can be told."""


def objects(generation: int) -> list[Any]:
    """Return the objects of generation 1 or 2, but for exact tuples.

    Another thread may be in the middle of `tuple(generator)`; its unfinished tuple is tracked already, and CPython
    raises SystemError in that thread when anyone else holds a reference by the time it is resized
    (`Objects/tupleobject.c`, `_PyTuple_Resize`). So no reference to a tuple may live across a point where threads
    can switch. They switch between bytecodes, and in finalizers that a collection runs: so all is lazy and runs
    inside one call of `list`, and no collection runs meanwhile. Two equal lists are read, one for the objects and one
    for their types. Both run to their end, the first by the placeholder at the end of it, and are let go there:
    whatever held them until later might be in a list itself, and so keep it.
    """
    thresholds = gc.get_threshold()
    gc.set_threshold(NEVER, *thresholds[1:])
    try:
        found = chain(chain.from_iterable(map(gc.get_objects, (generation,))), (None,))
        types = map(type, chain.from_iterable(map(gc.get_objects, (generation,))))
        return list(compress(found, map(is_not, types, repeat(tuple))))
    finally:
        restore(thresholds)


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
    gc.set_threshold(1, *thresholds[1:])
    try:
        for _ in range(4):
            [set(), set(), set()]  # noqa: B018  sets: other containers come from free lists and make no collector look
    finally:
        if gc.get_threshold() == (1, *thresholds[1:]):
            gc.set_threshold(*thresholds)
