"""What is near the names of modules: reached from them in a few steps, at a cost that does not depend on the heap."""

import builtins
import gc
from collections import deque
from collections.abc import Callable, Iterable
from types import FunctionType, ModuleType
from typing import Any

LEVELS, REACHED_MOST = 5, 20_000
"""How far below the names of modules is looked, and after how many objects no further level is begun."""
ENTRIES_MOST, LEVEL_MOST = 2_000, 100_000
"""What has more entries is looked at itself, but not into: an application may keep millions of objects in one list. And
so many objects are the end, in the middle of a level as well."""
_AT_ONCE = 64
_SIZED: tuple[Any, ...] = (dict, list, tuple, set, frozenset, deque)
_BUILTINS = vars(builtins)
NO_OWNERS = frozenset(map(id, (FunctionType, property, type(len), type(int.__add__), type(str.join), type(vars(type)))))
"""Types whose instances hold no dicts of data; they are more than half of the heap of a program just started."""
_NO_WAYS = NO_OWNERS | set(map(id, (ModuleType, str, bytes, int, float, bool, type(None))))


def reachable(roots: Iterable[dict[str, Any]], most: int = REACHED_MOST) -> list[Any]:
    """Return what can be reached from namespaces in a few steps, about so many objects at most.

    Not through modules, and through functions only where they are in one of these namespaces and of it: what they
    keep in closures, as defaults and as attributes. Strong references, for the caller's call only.
    """
    level: list[Any] = []
    for names in roots:
        level.append(names)
        for each in list(dict.values(names)):
            if type(each) is FunctionType and each.__globals__ is names:
                kept = gc.get_referents(each)
                level += [part for part in kept if type(part) in {tuple, dict} and part is not names]
    known = {id(each): each for each in level if each is not _BUILTINS}
    level = list(known.values())
    for _ in range(LEVELS):
        level = _next_level(_small(level), known)
        if len(known) > most:
            break
    return list(known.values())


def _next_level(level: list[Any], known: dict[int, Any]) -> list[Any]:
    """Add what these refer to, and return what of that may lead further."""
    found: list[Any] = []
    for start in range(0, len(level), _AT_ONCE):
        referents = gc.get_referents(*level[start : start + _AT_ONCE])
        fresh = [each for each in referents if id(each) not in known and id(type(each)) not in _NO_WAYS]
        known.update(zip(map(id, fresh), fresh, strict=True))
        found += filter(gc.is_tracked, fresh)
        if len(known) > LEVEL_MOST:
            break
    return found


def _small(level: list[Any]) -> list[Any]:
    """Leave out the containers with too many entries to look at, asked by their built-in base: a `__len__` may be the host's."""
    kinds = {id(kind): kind for kind in map(type, level)}
    size_of: dict[int, Callable[[Any], int]] = {
        key: base.__len__ for key, kind in kinds.items() for base in _SIZED if issubclass(kind, base)
    }
    return [each for each in level if (size := size_of.get(id(type(each)))) is None or size(each) <= ENTRIES_MOST]
