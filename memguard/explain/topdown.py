"""The search downwards, from modules: for heaps that the application froze, where nothing tells what refers to what."""

import gc
from collections.abc import Callable, Iterator
from itertools import compress, repeat
from operator import is_
from types import FunctionType, ModuleType
from typing import Any

from memguard.classes import module_of
from memguard.explain import access

DEPTH_MOST = 6
OBJECTS_MOST = (1_000, 50_000)
"""Of one module: at first, when many are to be looked into and what is sought is seldom deep in one; and then."""
_AT_ONCE = 256


def ways(
    namespace: dict[str, Any], module: str, wanted: set[int], most: int, is_over: Callable[[], bool]
) -> Iterator[list[Any]]:
    """Yield the ways from a module's namespace to the wanted objects: what lies between, and the object.

    Args:
        namespace: Where to begin.
        module: Its name.
        wanted: The ids of the objects.
        most: After so many objects no others are gone on with.
        is_over: Tells whether to end.
    """
    missing = wanted - {id(namespace)}
    seen = {id(namespace)}
    levels: list[list[Any]] = [[namespace]]
    while len(levels) <= DEPTH_MOST and levels[-1]:
        following: list[Any] = []
        for start in range(0, len(levels[-1]), _AT_ONCE):
            if is_over():
                return
            referents = gc.get_referents(*levels[-1][start : start + _AT_ONCE])
            addresses = list(map(id, referents))
            hits = missing.intersection(addresses)
            for target in compress(referents, map(hits.__contains__, addresses)):
                if id(target) in missing:
                    missing.discard(id(target))
                    yield from _way(target, levels)
            seen |= hits
            if len(seen) < most:
                fresh = _belonging(referents, module, seen)
                seen.update(map(id, fresh))
                following += fresh
        levels.append(following)


def _belonging(found: list[Any], module: str, seen: set[int]) -> list[Any]:
    """Return what is to be gone on with, each once: what is tracked and not another module's, its class or function."""
    tracked = list(filter(gc.is_tracked, found))
    fresh = dict(zip(map(id, tracked), tracked, strict=True))
    for known in seen.intersection(fresh):
        del fresh[known]
    kinds = list(map(type, fresh.values()))
    of_its_own = {id(kind): _is_asked(kind) for kind in dict(zip(map(id, kinds), kinds, strict=True)).values()}
    is_asked = map(of_its_own.__getitem__, map(id, kinds))
    return [each for each, asked in zip(fresh.values(), is_asked, strict=True) if not asked or _belongs(each, module)]


def _is_asked(kind: type) -> bool:
    """Tell whether objects of a type may be another module's."""
    return kind is FunctionType or access.derives(kind, ModuleType, type)


def _belongs(each: Any, module: str) -> bool:
    if type(each) is FunctionType:
        return bool(each.__module__ == module)
    return not access.is_a(each, ModuleType) and module_of(each) == module


def _way(target: Any, levels: list[list[Any]]) -> Iterator[list[Any]]:
    """Yield the way to what the last level refers to; nothing where another thread has cut it in the meantime."""
    way = [target]
    for level in reversed(levels):
        holds = (any(map(is_, gc.get_referents(holder), repeat(way[0]))) for holder in level)
        holder = next(compress(level, holds), None)
        if holder is None:
            return
        way.insert(0, holder)
    yield way[1:]
