"""Who refers to objects: the collector is asked for many at once, without disturbing threads that build tuples.

Everything here goes by identity and by C-level access: no code of the host's objects runs.
"""

import gc
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import chain, compress, islice, repeat, starmap
from operator import and_, is_, is_not, not_
from typing import Any

_NEVER = 2**31 - 1871
"""The same as in `instruments/collector.py`, which puts back no threshold but this one."""
_TUPLES_DEEP = 3
_NEW_MOST = 4096
_AT_ONCE = 50_000


def of(asked: tuple[Any, ...], own: set[int]) -> list[Any]:
    """Return what refers to any of the targets, directly or by tuples; no tuple is among it.

    O(heap) with the GIL held: some 25 ms for a million objects, 0.5 ms more for each target. Tuples are left out, and
    what refers to them is returned in their place: another thread may be in the middle of `tuple(generator)`, and
    CPython raises SystemError there when anyone else holds a reference to its unfinished tuple, which no finished
    object refers to. So all stages run inside one call of `deque`, in which threads cannot switch.

    Args:
        asked: The targets, at most some dozens.
        own: Ids of the caller's containers, through which no tuple is followed.
    """
    kept: list[Any] = []
    level: list[Any] = []
    tuples: list[Any] = []
    own = own | set(map(id, (asked, kept, level, tuples)))
    stages: list[Iterator[Any]] = [map(level.extend, starmap(gc.get_referrers, (asked,)))]
    for deep in range(_TUPLES_DEEP):
        if deep:
            stages += [map(list.clear, (level,)), map(level.extend, starmap(gc.get_referrers, filter(None, (tuples,))))]
        stages += [
            map(kept.extend, _lazily(compress, level, map(is_not, map(type, level), repeat(tuple)))),
            map(list.clear, (tuples,)),
            map(
                tuples.extend,
                _lazily(
                    compress,
                    level,
                    map(
                        and_,
                        map(is_, map(type, level), repeat(tuple)),
                        map(not_, map(own.__contains__, map(id, level))),
                    ),
                ),
            ),
        ]
    stages += [map(list.clear, (level, tuples))]
    _run(stages)
    return kept


def tuples_with(each: object) -> set[int]:
    """Return the ids of the tuples that hold an object; none of them is touched."""
    asked = (each,)
    level: list[Any] = []
    found: list[int] = []
    is_tuple = map(is_, map(type, level), repeat(tuple))
    _run(
        [
            map(level.extend, starmap(gc.get_referrers, (asked,))),
            map(found.extend, _lazily(compress, map(id, level), is_tuple)),
            map(list.clear, (level,)),
        ]
    )
    return set(found) - {id(asked)}


def _run(stages: list[Iterator[Any]]) -> None:
    work = chain.from_iterable(stages)
    with _no_collection():
        deque(work, maxlen=0)


def _lazily(function: Any, *arguments: Any) -> Iterator[Any]:
    """Return an iterator that calls the function when it is asked for the one value it has."""
    return starmap(function, (arguments,))


@contextmanager
def _no_collection() -> Iterator[None]:
    """A collection runs finalizers, in which threads switch."""
    thresholds = gc.get_threshold()
    gc.set_threshold(_NEVER, *thresholds[1:])
    try:
        yield
    finally:
        now = gc.get_threshold()
        if now[0] == _NEVER:
            gc.set_threshold(thresholds[0], *now[1:])


def paths_down(holder: object, wanted: set[int]) -> list[list[Any]]:
    """Return the ways from a holder to the wanted objects: each a list of the tuples between and the object.

    One way to each.
    """
    found: list[list[Any]] = []
    missing = set(wanted)
    levels: list[list[Any]] = []
    referents = gc.get_referents(holder)
    for _ in range(_TUPLES_DEEP + 1):
        here: dict[int, list[Any]] = {}
        tuples: list[Any] = []
        for start in range(0, len(referents), _AT_ONCE):  # of a large container each step is short
            part = referents[start : start + _AT_ONCE]
            hits = missing.intersection(map(id, part))
            if hits:
                here |= {id(each): [each] for each in compress(part, map(hits.__contains__, map(id, part)))}
            tuples += compress(part, map(is_, map(type, part), repeat(tuple)))
        missing.difference_update(here)
        found += _by_tuples(list(here.values()), levels) if here else []
        levels.append(tuples)
        if not missing or not levels[-1]:
            break
        referents = gc.get_referents(*levels[-1])
    return found


def _by_tuples(ways: list[list[Any]], levels: list[list[Any]]) -> list[list[Any]]:
    """Return the ways continued upwards through tuples; each of the levels holds what those before it hold."""
    for tuples in reversed(levels):
        owners = _owners(tuples, {id(way[0]) for way in ways})
        ways = [[owners[id(way[0])], *way] for way in ways if id(way[0]) in owners]
    return ways


def _owners(tuples: list[Any], wanted: set[int]) -> dict[int, Any]:
    """Return for each wanted id a tuple with that object; new entries are looked at first, at whichever end they are."""
    owners: dict[int, Any] = {}
    for each in chain(islice(tuples, _NEW_MOST), reversed(tuples)):
        if not wanted.isdisjoint(map(id, each)):
            owners.update((id(held), each) for held in each if id(held) in wanted)
            wanted.difference_update(owners)
            if not wanted:
                break
    return owners


def outside_references(objects: list[Any], inner: dict[int, int]) -> Iterator[int]:
    """Yield the positions of objects that have more references than those counted in `inner`."""
    for position in range(len(objects)):
        if sys.getrefcount(objects[position]) - _HELD_HERE > inner.get(id(objects[position]), 0):
            yield position


def _held_here() -> int:
    planted: list[list[None]] = [[]]
    return sys.getrefcount(planted[0])


_HELD_HERE = _held_here()
