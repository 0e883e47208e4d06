"""What survivors are: counted by type, sized, without cyclic garbage and without memguard's own objects.

O(survivors), a few microseconds each. Nothing here keeps a reference to a host object after the call that took it;
weak references for a later look are the one exception (`instruments/late.py`).
"""

import gc
import sys
import tracemalloc
from collections import Counter
from typing import Any

from memguard.model import Survivors, Trace, TypeCount

TYPES_KEPT = 12
TRACES_KEPT = 12
EXAMINED_MOST = 50_000
"""Beyond so many survivors the rest is only counted: a window that leaves more has shown what it had to show."""
TRACED_MOST = 2_000
_GC_HEADER = 16
_CONTAINERS = (dict, list, set, frozenset, tuple)


def take(born: list[Any], garbage: int, *, traces: bool) -> Survivors:
    """Return the reading of a window's survivors.

    Args:
        born: The objects of a settled window; cyclic garbage and memguard's own are taken out of it.
        garbage: Cyclic garbage that the window's close has freed. It is residue only where the host disabled its
            collector: then it would still be there without memguard.
        traces: Look up where each was allocated; tracemalloc must be on.
    """
    beyond = len(born) - EXAMINED_MOST
    if beyond > 0:
        del born[EXAMINED_MOST:]
    found = len(born)
    own = _keep_alive_and_foreign(born)
    types: Counter[type] = Counter(map(type, born))
    return Survivors(
        objects=len(born) + max(0, beyond) + (0 if gc.isenabled() else garbage),
        bytes=sum(map(shallow_size, born)),
        garbage=garbage + found - own - len(born),
        types=tuple(TypeCount(type_name(kind), count) for kind, count in types.most_common(TYPES_KEPT)),
        traces=_traces(born) if traces else (),
    )


def type_name(kind: type) -> str:
    """Return `module.qualname` of a class, without running code of the host (a metaclass may have some)."""
    module, name = (type.__getattribute__(kind, attribute) for attribute in ("__module__", "__qualname__"))
    if not isinstance(module, str) or module == "builtins":
        return str(name)
    return f"{module}.{name}"


def shallow_size(each: object) -> int:
    """Return the bytes of an object itself and its GC header, without running a `__sizeof__` of the host."""
    for container in _CONTAINERS:
        if isinstance(each, container) and type(each).__sizeof__ is container.__sizeof__:
            return container.__sizeof__(each) + _GC_HEADER
    return object.__sizeof__(each) + _GC_HEADER


def _keep_alive_and_foreign(born: list[Any]) -> int:
    """Take cyclic garbage and memguard's own objects out of the list, in place; return how many were our own.

    As CPython's collector does it: references that survivors hold of each other are subtracted from the reference
    counts, and what can be reached from an object that has references left is alive.
    """
    index = {id(each): position for position, each in enumerate(born)}
    inner = [0] * len(born)
    points_to: list[list[int]] = []
    for each in born:
        targets = [index[key] for key in map(id, gc.get_referents(each)) if key in index]
        points_to.append(targets)
        for target in targets:
            inner[target] += 1
        del each  # or it would hold the last one, and with it make it look alive
    reachable = bytearray(len(born))
    pending = [
        position for position in range(len(born)) if sys.getrefcount(born[position]) - _HELD_HERE > inner[position]
    ]
    for position in pending:
        reachable[position] = 1
    while pending:
        for target in points_to[pending.pop()]:
            if not reachable[target]:
                reachable[target] = 1
                pending.append(target)
    own = 0
    kept = 0
    for position in range(len(born)):
        if _is_own(type(born[position])):
            own += 1
        elif reachable[position]:
            born[kept] = born[position]
            kept += 1
    del born[kept:]
    return own


def _held_here() -> int:
    """Return how many references a list and `sys.getrefcount` itself add; it differs between interpreters."""
    planted: list[list[None]] = [[]]
    return sys.getrefcount(planted[0])


_HELD_HERE = _held_here()


def _is_own(kind: type) -> bool:
    module = type.__getattribute__(kind, "__module__")
    return isinstance(module, str) and module.startswith("memguard.")


def _traces(born: list[Any]) -> tuple[Trace, ...]:
    """Group survivors by the traceback of their allocation, innermost frame first."""
    groups: dict[tuple[tuple[str, int], ...], list[int]] = {}
    for each in born[:TRACED_MOST]:
        traceback = tracemalloc.get_object_traceback(each)
        if traceback is None:
            continue
        frames = tuple((frame.filename, frame.lineno) for frame in reversed(traceback))
        group = groups.setdefault(frames, [0, 0])
        group[0] += 1
        group[1] += shallow_size(each)
    most = sorted(groups.items(), key=lambda item: item[1], reverse=True)[:TRACES_KEPT]
    return tuple(Trace(frames, objects, size) for frames, (objects, size) in most)
