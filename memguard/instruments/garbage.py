"""Unreachable objects that wait for a full collection: found without one, and without freeing or touching any of them.

A full collection stands still for as long as the heap is large, and to see what it would free it must keep it all
(`gc.DEBUG_SAVEALL`), finalizers left out. So what is in use is marked from the modules and the running frames on, in short
steps; of what is left over, references are counted as CPython's collector does it. Only what nothing outside refers to is
garbage: what changed hands meanwhile has a reference more, and is let off.
"""

import gc
import sys
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import compress
from operator import not_
from typing import Any

from memguard.instruments.census import _is_held_outside, _references, is_own
from memguard.instruments.rss import RssReader, memory_limit
from memguard.instruments.walking import AT_ONCE, Pace, Walk, referents, size_of

HEAP_MOST = 5_000_000
BYTES_OF_A_MARK = 110
"""What it takes to remember that an object is in use."""
LEFT_MOST = 200_000
"""Of what is not marked, so many are looked at more closely."""


class TooLargeError(Exception):
    """The marks would take more memory than there is to spare; the message says how much."""


@dataclass(slots=True)
class Garbage:
    """What was found; lives for one call only, because it holds objects of the host's.

    Attributes:
        objects: Unreachable ones.
        points_to: To which of them, by position, each refers.
        sizes: Their own bytes.
        is_complete: Everything was looked at.
        left: How many objects were neither marked nor looked at more closely.
    """

    objects: list[Any] = field(default_factory=list)
    points_to: list[list[int]] = field(default_factory=list)
    sizes: list[int] = field(default_factory=list)
    is_complete: bool = True
    left: int = 0


def unreachable(variables: list[Any], pace: Pace, *, count: int, left_most: int = LEFT_MOST) -> Garbage:
    """Return what only a full collection would free; no window may be open. Objects that the host has frozen are not seen.

    Args:
        variables: What is in the variables of running frames; emptied.
        pace: How long it may take; where that is not enough, nothing is found.
        count: How many objects there are.
        left_most: Of what is not marked, so many are looked at more closely.

    Raises:
        TooLargeError: There are too many objects.
    """
    _spare_memory(count)
    seen = _marked([sys.modules, *variables], pace)
    variables.clear()
    if pace.is_over:
        return Garbage(is_complete=False)
    walk, beyond = Walk(pace), 0
    left: list[Any] = []
    for found in walk:
        unmarked = list(compress(found, map(not_, map(seen.__contains__, map(id, found)))))
        room = max(0, left_most - len(left))
        beyond += len(unmarked) - min(room, len(unmarked))
        left += [each for each in unmarked[:room] if each is not left and not is_own(type(each))]
        unmarked.clear()
    seen.clear()
    if not walk.is_complete:
        return Garbage(is_complete=False)
    garbage = _unheld(left)
    garbage.is_complete = not beyond
    garbage.left = beyond
    return garbage


def referring(objects: list[Any]) -> list[list[int]]:
    """Return to which objects of the list, by position, each of them refers."""
    places = {id(each): place for place, each in enumerate(objects)}
    return [[places[key] for key in map(id, gc.get_referents(each)) if key in places] for each in objects]


def _spare_memory(count: int) -> None:
    needed = count * BYTES_OF_A_MARK
    spare = memory_limit() - RssReader().read()
    if count > HEAP_MOST:
        raise TooLargeError(f"There are {count:,} objects; cycles are looked for among {HEAP_MOST:,} at most.")
    if needed > spare / 2:
        raise TooLargeError(
            f"To mark {count:,} objects takes about {needed // 1_000_000:,} MB, and this process may take no more than "
            f"{max(0, spare) // 1_000_000:,} MB in all."
        )


def _marked(roots: list[Any], pace: Pace) -> set[int]:
    """Return the ids of all tracked objects that can be reached from the roots; a part of them where the time is over."""
    seen: set[int] = set()
    pending: list[Any] = []
    for part in _chunks(roots):
        pending += _fresh(part, seen)
    roots.clear()
    while pending and not pace.is_over:
        taken = pending[-AT_ONCE:]
        del pending[-AT_ONCE:]
        for part in referents(taken):
            pending += _fresh(part, seen)
        pace.rest()
    return seen


def _chunks(roots: list[Any]) -> Iterable[list[Any]]:
    return (roots[start : start + AT_ONCE] for start in range(0, len(roots), AT_ONCE))


def _fresh(part: Iterable[Any], seen: set[int]) -> list[Any]:
    tracked = list(filter(gc.is_tracked, part))
    fresh = dict(zip(map(id, tracked), tracked, strict=True))
    for known in seen.intersection(fresh):
        del fresh[known]
    seen.update(fresh)
    return list(fresh.values())


def _unheld(left: list[Any]) -> Garbage:
    """Take away what something outside the list refers to, and what can be reached from that; the rest is garbage."""
    points_to, inner = _references(left)
    held = bytearray(len(left))
    pending = [place for place in range(len(left)) if _is_held_outside(left, place, inner)]
    for place in pending:
        held[place] = 1
    while pending:
        for target in points_to[pending.pop()]:
            if not held[target]:
                held[target] = 1
                pending.append(target)
    kept = [place for place in range(len(left)) if not held[place]]
    places = {place: number for number, place in enumerate(kept)}
    objects = [left[place] for place in kept]
    left.clear()
    ways = [[places[target] for target in points_to[place] if target in places] for place in kept]
    return Garbage(objects, ways, [size_of(each) for each in objects])
