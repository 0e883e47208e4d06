"""Rows: objects of one class that refer to each other, like the nodes of a linked list, climbed in one pass."""

import gc
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memguard.classes import module_of
from memguard.explain import referrers

ALIKE_LEAST = 3
"""So many objects of one class in a chain, and it is taken for a row."""
HEADS_MOST = 8
_CHECKED_EVERY = 1024


@dataclass(slots=True)
class Repeat:
    """Stands in a chain for the objects of a row that are left out.

    Attributes:
        first, second: Two neighbours, the first of which refers to the second.
        count: How many references are left out.
    """

    first: Any
    second: Any
    count: int


def heads(start: Any, own: set[int], is_over: Callable[[], bool]) -> list[tuple[Any, Repeat]]:
    """Return objects above `start` in its row that something outside the row refers to, nearest first."""
    kind = type(start)
    row: list[Any] = [each for each in referrers.of((kind,), own) if type(each) is kind]
    own.add(id(row))
    try:
        return _climb(start, row, is_over)
    finally:
        own.discard(id(row))


def _climb(start: Any, row: list[Any], is_over: Callable[[], bool]) -> list[tuple[Any, Repeat]]:
    above: dict[int, list[int]] = {}
    inner: dict[int, int] = {}
    for position in range(len(row)):
        if position % _CHECKED_EVERY == 0 and is_over():
            return []
        for below in _neighbours(row[position]):
            above.setdefault(below, []).append(position)
            inner[below] = inner.get(below, 0) + 1
    steps: dict[int, int] = {}
    pending = deque((position, 1) for position in above.get(id(start), ()))
    if not pending:
        return []
    first = row[pending[0][0]]
    while pending:
        position, count = pending.popleft()
        if position not in steps:
            steps[position] = count
            pending.extend((each, count + 1) for each in above.get(id(row[position]), ()))
    del pending
    outside = set(referrers.outside_references(row, inner))
    reached = [position for position in steps if position in outside and row[position] is not start]
    return [(row[each], Repeat(first, start, steps[each])) for each in reached[:HEADS_MOST]]


def _neighbours(each: Any) -> list[int]:
    """Return the ids of the objects of its own class that an object refers to, by its `__dict__` as well."""
    kind = type(each)
    referents = gc.get_referents(each)
    for inside in [held for held in referents if type(held) is dict][:1]:
        referents += gc.get_referents(inside)
    return [id(held) for held in referents if type(held) is kind]


def kind_of_row(chain: list[Any]) -> bool:
    """Tell whether a chain, upmost first, looks like a row: its first object's class comes again and again."""
    kind = type(chain[0])
    if module_of(kind) in {"", "builtins"}:
        return False
    return sum(type(each) is kind for each in chain) >= ALIKE_LEAST
