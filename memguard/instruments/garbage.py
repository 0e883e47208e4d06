"""Unreachable objects that wait for a full collection: found without one, and without freeing or touching any of them.

A full collection stands still for as long as the heap is large, and to see what it would free it must keep it all
(`gc.DEBUG_SAVEALL`), finalizers left out. So what is in use is marked from the modules and the running frames on, in short
steps; of what is left over, references are counted as CPython's collector does it. Only what nothing outside refers to is
garbage: what changed hands meanwhile has a reference more, and is let off.
"""

import gc
import sys
from dataclasses import dataclass, field
from typing import Any

from memguard.instruments.census import is_own, reached_from_outside
from memguard.instruments.rss import RssReader, memory_limit
from memguard.instruments.walking import AT_ONCE, Marks, Pace, Walk, referents, size_of
from memguard.units import format_bytes

HEAP_MOST = 5_000_000
SHARE_OF_MARKS = 1 / 16
"""How much memory it takes to remember what is in use, of what there is."""
LEFT_MOST = 200_000
"""Of what is not marked, so many are looked at more closely."""


class TooLargeError(Exception):
    """There are more objects than can be looked at, or less memory than it takes; the message says how much."""


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
        unmarked = seen.unseen(found)
        room = max(0, left_most - len(left))
        beyond += len(unmarked) - min(room, len(unmarked))
        left += [each for each in unmarked[:room] if each is not left and not is_own(type(each))]
        unmarked.clear()
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
    rss = RssReader().read()
    needed, spare = int(rss * SHARE_OF_MARKS), memory_limit() - rss
    if count > HEAP_MOST:
        raise TooLargeError(f"There are {count:,} objects; cycles are looked for among {HEAP_MOST:,} at most.")
    if needed > spare / 2:
        raise TooLargeError(
            f"To mark what is in use takes about {format_bytes(needed)}, and this process may take no more than "
            f"{format_bytes(max(0, spare))} in all."
        )


def _marked(roots: list[Any], pace: Pace) -> Marks:
    """Return the marks of all tracked objects that can be reached from the roots; of a part where the time is over."""
    seen = Marks()
    pending = seen.fresh(filter(gc.is_tracked, roots))
    roots.clear()
    while pending and not pace.is_over:
        taken = pending[-AT_ONCE:]
        del pending[-AT_ONCE:]
        for part in referents(taken):
            pending += seen.fresh(filter(gc.is_tracked, part))
        pace.rest()
    return seen


def _unheld(left: list[Any]) -> Garbage:
    """Take away what something outside the list refers to, and what can be reached from that; the rest is garbage."""
    held, points_to = reached_from_outside(left)
    kept = [place for place in range(len(left)) if not held[place]]
    places = {place: number for number, place in enumerate(kept)}
    objects = [left[place] for place in kept]
    left.clear()
    ways = [[places[target] for target in points_to[place] if target in places] for place in kept]
    return Garbage(objects, ways, [size_of(each) for each in objects])
