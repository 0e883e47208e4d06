"""Cycles: rings of references in garbage, told apart by what is in them, and each kind written as a person would."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Any

from memguard.classes import module_of, type_name
from memguard.evidence import TypeCount
from memguard.explain import access, steps
from memguard.explain.sites import _origin
from memguard.inspection import Cycle

TYPES_SHOWN = 6
RING_MOST = 12
"""References that a ring is written with; one that is longer is told by its types alone."""
EXAMINED_MOST = 500
"""From so many objects of one cycle a ring is looked for."""
_Key = tuple[tuple[str, int], ...]


def cycles(
    objects: Sequence[Any], points_to: Sequence[Sequence[int]], sizes: Sequence[int], *, most: int, show_keys: bool
) -> tuple[Cycle, ...]:
    """Return the kinds of cycles among objects, those with the most bytes first.

    Args:
        objects: Garbage.
        points_to: To which of them, by position, each refers.
        sizes: Their own bytes.
        most: How many kinds.
        show_keys: Keys that are text or whole numbers may be in paths.
    """
    kinds: dict[_Key, list[list[int]]] = {}
    for cycle in _components(points_to):
        counts = Counter(type_name(type(objects[place])) for place in cycle)
        kinds.setdefault(tuple(sorted(counts.items())), []).append(cycle)
    found = [
        Cycle(
            path=_path(objects, points_to, alike[0], show_keys=show_keys),
            count=len(alike),
            objects=sum(map(len, alike)),
            bytes=sum(sizes[place] for cycle in alike for place in cycle),
            types=tuple(TypeCount(*each) for each in sorted(key, key=lambda each: (-each[1], each[0]))[:TYPES_SHOWN]),
        )
        for key, alike in kinds.items()
    ]
    return tuple(sorted(found, key=lambda each: (-each.bytes, each.path))[:most])


def _components(points_to: Sequence[Sequence[int]]) -> Iterator[list[int]]:
    """Yield the strongly connected components that have a cycle: Tarjan's, without recursion."""
    order = [0] * len(points_to)
    low = [0] * len(points_to)
    on_stack = bytearray(len(points_to))
    stack: list[int] = []
    number = 0
    for start in range(len(points_to)):
        if order[start]:
            continue
        work = [(start, 0)]
        while work:
            place, turn = work.pop()
            if turn == 0:
                number += 1
                order[place] = low[place] = number
                stack.append(place)
                on_stack[place] = 1
            else:
                low[place] = min(low[place], low[points_to[place][turn - 1]])
            following = points_to[place]
            while turn < len(following):
                target = following[turn]
                turn += 1
                if not order[target]:
                    work += [(place, turn), (target, 0)]
                    break
                if on_stack[target]:
                    low[place] = min(low[place], order[target])
            else:
                if low[place] == order[place]:
                    component = _popped(stack, on_stack, place)
                    if len(component) > 1 or place in following:
                        yield component


def _popped(stack: list[int], on_stack: bytearray, last: int) -> list[int]:
    component = []
    while True:
        place = stack.pop()
        on_stack[place] = 0
        component.append(place)
        if place == last:
            return component


def _path(objects: Sequence[Any], points_to: Sequence[Sequence[int]], cycle: Sequence[int], *, show_keys: bool) -> str:
    """Return the shortest ring through the object that tells most: one of the application's, then of a library's."""
    start = min(cycle[:EXAMINED_MOST], key=lambda place: (_strangeness(type(objects[place])), place))
    ring = _ring(points_to, start, frozenset(cycle))
    name = type_name(type(objects[start]))
    if len(ring) > RING_MOST:
        return f"{name}.<…>"
    read = steps.read([objects[place] for place in [*ring, start]], namespace=False, show_keys=show_keys)
    return name + "".join(step.text for step in read)


def _ring(points_to: Sequence[Sequence[int]], start: int, within: frozenset[int]) -> list[int]:
    """Return the shortest way from a place back to itself, without its end."""
    before: dict[int, int] = {}
    pending = deque([start])
    while pending:
        place = pending.popleft()
        for target in points_to[place]:
            if target == start:
                ring = [place]
                while ring[-1] != start:
                    ring.append(before[ring[-1]])
                return ring[::-1]
            if target in within and target not in before:
                before[target] = place
                pending.append(target)
    return [start]


def _strangeness(kind: type) -> int:
    """Tell how little a person knows of a class: 0 for the application's own, 3 for a built-in one."""
    module = module_of(kind)
    if module in {"", "builtins"}:
        return 3
    if access.derives(kind, type):
        return 2
    return 0 if _is_application(module) else 1


def _is_application(module: str) -> bool:
    from sys import modules

    found = modules.get(module)
    file = getattr(found, "__file__", None)
    return type(file) is str and _origin(file) == "application"
