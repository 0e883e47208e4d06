"""What survivors are: counted by type, sized, without cyclic garbage and without memguard's own objects.

O(survivors), a few microseconds each. Nothing here keeps a reference to a host object after the call that took it;
weak references for a later look are the one exception (`instruments/late.py`).
"""

import gc
import sys
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator
from itertools import compress, repeat
from operator import gt, is_
from types import MethodType
from typing import Any

from memguard.classes import module_of, type_name
from memguard.evidence import TypeCount
from memguard.instruments.traces import frames_of
from memguard.readings import Survivors, Trace

TYPES_KEPT = 16
TRACES_KEPT = 12
EXAMINED_MOST = 50_000
"""Beyond so many survivors the rest is only counted: a window that leaves more has shown what it had to show."""
TRACED_MOST = 2_000
_GC_HEADER = 16
_TUPLES_DEEP = 4
_PRE_HEADER = 16
_HAS_PRE_HEADER, _MADE_HOW, _MADE_AT_RUN_TIME = 0b11 << 3, 0b11 << 8, 0b10 << 8
"""Flags of classes (`Include/object.h`): a managed `__dict__` or weak references; a heap type, that can be changed."""
_ITEM_SIZE = type.__dict__["__itemsize__"]
_MRO, _FLAGS = (type.__dict__[f"__{name}__"] for name in ("mro", "flags"))
"""How `type` itself reads a class, as in `memguard/classes.py`."""


def take(born: list[Any], garbage: int, *, traces: bool) -> Survivors:
    """Return the reading of a window's survivors.

    Args:
        born: The objects of a settled window; cyclic garbage and memguard's own are taken out of it.
        garbage: Cyclic garbage that the window's close has freed. It and garbage that is found now are residue only
            where the host disabled its collector: then it would still be there without memguard.
        traces: Look up where each was allocated; tracemalloc must be on.
    """
    beyond = len(born) - EXAMINED_MOST
    if beyond > 0:
        del born[EXAMINED_MOST:]
    found = len(born)
    own = _keep_alive_and_foreign(born)
    garbage += found - own - len(born)
    names: Counter[str] = Counter()
    size = 0
    for kind, same in by_type(born):
        names[type_name(kind)] += len(same)
        size += bytes_of(kind, same)
    return Survivors(
        objects=len(born) + max(0, beyond) + (0 if gc.isenabled() else garbage),
        bytes=size,
        garbage=garbage,
        left_garbage=0 if gc.isenabled() else garbage,
        types=tuple(TypeCount(name, count) for name, count in names.most_common(TYPES_KEPT)),
        traces=_traces(born) if traces else (),
    )


def shallow_size(each: object) -> int:
    """Return the bytes of an object itself with its headers, as its class's first built-in base knows them.

    A `__sizeof__` of the host's does not run. That of `object` reads nonsense out of generators and frames.
    """
    kind = type(each)
    return int(built_in_base(kind).__sizeof__(each)) + header_size(kind)


def by_type(found: list[Any]) -> Iterator[tuple[type, list[Any]]]:
    """Yield the objects of each type; by its identity, because a class's own hash may be the host's code."""
    of_type: defaultdict[int, list[Any]] = defaultdict(list)
    for key, each in zip(map(id, map(type, found)), found, strict=True):
        of_type[key].append(each)
    for same in of_type.values():
        yield type(same[0]), same


def bytes_of(kind: type, same: list[Any]) -> int:
    """Return the shallow size of objects of one type; that of most types is the same for each of them."""
    base = built_in_base(kind)
    if base is object and not _ITEM_SIZE.__get__(kind):
        return len(same) * shallow_size(same[0])
    size_of: Callable[[Any], int] = base.__sizeof__
    return sum(map(size_of, same)) + len(same) * header_size(kind)


def header_size(kind: type) -> int:
    """Return the bytes before an object of a class, which `__sizeof__` does not count."""
    return _GC_HEADER + (_PRE_HEADER if _FLAGS.__get__(kind) & _HAS_PRE_HEADER else 0)


def built_in_base(kind: type) -> Any:
    """Return a class's first built-in base, whose methods are no code of the host's."""
    bases: tuple[Any, ...] = _MRO.__get__(kind)
    return next(base for base in bases if _FLAGS.__get__(base) & _MADE_HOW != _MADE_AT_RUN_TIME)


def is_own(kind: type) -> bool:
    """Tell whether a class is memguard's own."""
    return module_of(kind).startswith("memguard.")


def reached_from_outside(objects: list[Any]) -> tuple[bytearray, list[list[int]]]:
    """Return for each place in a list whether something else refers to it, be it by way of others in the list.

    And beside it to which places each refers.
    """
    points_to, inner = _references(objects)
    reachable = bytearray(map(gt, map(sys.getrefcount, objects), map(_HELD_BY_MAP.__add__, inner)))
    pending = [place for place, held in enumerate(reachable) if held]
    while pending:
        for target in points_to[pending.pop()]:
            if not reachable[target]:
                reachable[target] = 1
                pending.append(target)
    return reachable, points_to


def _keep_alive_and_foreign(born: list[Any]) -> int:
    """Take cyclic garbage and memguard's own objects out of the list, in place; return how many were our own.

    As CPython's collector does it: references that survivors hold of each other are subtracted from the reference
    counts, and what can be reached from an object that has references left is alive.
    """
    found = len(born)
    reachable, _ = reached_from_outside(born)
    del born[found:]
    ours = bytearray(found)
    kinds = {id(kind): kind for kind in map(type, born)}
    own_kinds = {key for key, kind in kinds.items() if kind is MethodType or is_own(kind)}
    if own_kinds:
        for place, each in enumerate(born):
            ours[place] = id(type(each)) in own_kinds and is_own(_owner(each))
    if any(ours) or not all(reachable):
        born[:] = compress(born, map(gt, reachable, ours))
    return sum(ours)


def _references(born: list[Any]) -> tuple[list[list[int]], list[int]]:
    """Return to which positions each object refers, and how often it is referred to; append tuples to the list.

    Exact tuples are not among the survivors (`instruments/collector.py`), but a cycle may go through one: that of a
    function that calls itself by its closure, of a class by its bases. A tuple that has other references, too, is not
    looked into: what it holds is alive by it, and it may be as large as the heap.
    """
    index = dict(zip(map(id, born), range(len(born)), strict=True))
    inner = [0] * len(born)
    points_to: list[list[int]] = [[]] * len(born)
    pending: Iterable[int] = range(len(born))
    tuples: set[int] = set()
    for _ in range(_TUPLES_DEEP):
        for position in pending:
            referents = gc.get_referents(born[position])
            if any(map(is_, map(type, referents), repeat(tuple))):
                for each in referents:
                    if type(each) is tuple and id(each) not in index and gc.is_tracked(each):
                        tuples.add(len(born))
                        index[id(each)] = len(born)
                        born.append(each)
                        inner.append(0)
                        points_to.append([])
                each = None  # or it would be held here, and look alive
            targets = [target for target in map(index.get, map(id, referents)) if target is not None]
            if targets:
                points_to[position] = targets
                for target in targets:
                    inner[target] += 1
        referents = []  # as above
        pending = [position for position in tuples if not _is_held_outside(born, position, inner)]
        tuples.difference_update(pending)
    return points_to, inner


def _is_held_outside(born: list[Any], position: int, inner: list[int]) -> bool:
    return sys.getrefcount(born[position]) - _HELD_HERE > inner[position]


def _held_here() -> int:
    """Return how many references a list and `sys.getrefcount` itself add; it differs between interpreters."""
    planted: list[list[None]] = [[]]
    return sys.getrefcount(planted[0])


_HELD_HERE = _held_here()
_HELD_BY_MAP = next(map(sys.getrefcount, [[None]]))
"""The same for `map`, which asks all without a line of Python for each."""


def _owner(each: object) -> type:
    # A thread of ours that is interrupted on its way into a `with` holds the method that will end it.
    return type(each.__self__ if type(each) is MethodType else each)


def trace(each: object) -> tuple[Trace, ...]:
    """Return where an object was allocated, as one trace; none where it was allocated before tracing began."""
    frames = frames_of(each)
    return (Trace(frames, 1, shallow_size(each)),) if frames else ()


def _traces(born: list[Any]) -> tuple[Trace, ...]:
    """Group survivors by the traceback of their allocation, innermost frame first."""
    groups: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for each in born[:TRACED_MOST]:
        frames = frames_of(each)
        if frames:
            group = groups.setdefault(frames, [0, 0])
            group[0] += 1
            group[1] += shallow_size(each)
    most = sorted(groups.items(), key=lambda item: item[1], reverse=True)[:TRACES_KEPT]
    return tuple(Trace(frames, objects, size) for frames, (objects, size) in most)
