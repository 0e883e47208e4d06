"""What is near the names of modules: reached from them in a few steps, at a cost that does not depend on the heap."""

import builtins
import gc
from collections.abc import Iterable
from types import FunctionType, ModuleType
from typing import Any

LEVELS, REACHED_MOST = 5, 20_000
"""How far below the names of modules, and how many objects, are looked at one by one."""
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
        referents = gc.get_referents(*level)
        level = [each for each in referents if id(each) not in known and id(type(each)) not in _NO_WAYS]
        known.update(zip(map(id, level), level, strict=True))
        level = list(filter(gc.is_tracked, level))
        if len(known) > most:
            break
    return list(known.values())
