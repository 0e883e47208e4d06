"""Objects of one type, found in a walk over the heap: how many there are, the largest of them, and some from all over it."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from heapq import heappush, heapreplace
from typing import Any

from memguard.classes import type_name
from memguard.instruments.walking import Walk, is_collected, of_types, referents, size_of, types_of

ALIKE_MOST = 10


@dataclass(slots=True)
class OfType:
    """What a walk has found of a type; lives for one call only, because it holds objects of the host's.

    Attributes:
        count, bytes: Of all objects of the type; None where they cannot be counted, because no walk comes past them.
        objects: The chosen ones: the largest first, or in the order of the heap.
        alike: Types whose names end in the same way, where there is none of the very name.
    """

    count: int | None = 0
    bytes: int | None = 0
    objects: list[Any] = field(default_factory=list)
    alike: tuple[str, ...] = ()


def largest(name: str, kind: type | None, most: int, walk: Walk) -> OfType:
    """Return the largest objects of a type by their own size.

    Args:
        name: The type's, as `memguard.classes.type_name` has it.
        kind: The type itself, where it is known; it tells those that no walk comes past: tuples, text, numbers. They are
            found by what refers to them.
        most: How many.
        walk: A walk that has not begun.
    """
    found, alike = OfType(), set[str]()
    is_hidden = kind is not None and (kind is tuple or not is_collected(kind))
    top: list[tuple[int, int]] = []
    held: dict[int, Any] = {}
    for same in _same(name, kind if is_hidden else None, walk, alike):
        for each in same:
            size = size_of(each)
            if not is_hidden:
                found.count, found.bytes = (found.count or 0) + 1, (found.bytes or 0) + size
            if (len(top) >= most and size <= top[0][0]) or id(each) in held:
                continue
            held[id(each)] = each
            if len(top) < most:
                heappush(top, (size, id(each)))
            else:
                del held[heapreplace(top, (size, id(each)))[1]]
    if is_hidden:
        found.count = found.bytes = None
    found.objects = [held[key] for _, key in sorted(top, key=lambda each: -each[0])]
    found.alike = tuple(sorted(alike)[:ALIKE_MOST])
    return found


def spread(name: str, most: int, walk: Walk) -> OfType:
    """Return objects of a type from all over the heap, old and new ones alike, without their bytes."""
    found, alike = OfType(), set[str]()
    seen, step = 0, 1
    for same in _same(name, None, walk, alike):
        for each in same:
            if seen % step == 0:
                found.objects.append(each)
                if len(found.objects) >= 2 * most:
                    del found.objects[1::2]
                    step *= 2
            seen += 1
    found.count, found.bytes = seen, None
    if len(found.objects) > most:
        found.objects = [found.objects[place * len(found.objects) // most] for place in range(most)]
    found.alike = tuple(sorted(alike)[:ALIKE_MOST])
    return found


def _same(name: str, hidden: type | None, walk: Walk, alike: set[str]) -> Iterator[list[Any]]:
    """Yield lists of objects of the type; each is emptied before the next one."""
    last = name.rpartition(".")[2]
    for found in walk:
        if hidden is not None:
            for part in referents(found):
                yield of_types(part, {id(hidden)})
                walk.pace.rest()
            continue
        names = [(kind, type_name(kind)) for kind in types_of(found)]
        wanted = {id(kind) for kind, each in names if each == name}
        alike.update(each for _, each in names if each != name and each.rpartition(".")[2] == last)
        same = of_types(found, wanted) if wanted else []
        yield same
        same.clear()
