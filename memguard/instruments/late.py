"""Late objects: survivors of past windows, looked at again after many more units, to see whether they stayed.

A connection kept open, a cache's entry, an exception held until the next task: such objects survive a window and go
later. A leak does not. Only instances of classes that allow weak references can be followed; lists and dicts cannot.
"""

import weakref
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from memguard.instruments.census import type_name
from memguard.model import Operation
from memguard.readings import LateLook

WINDOWS_MOST = 128
TYPES_A_WINDOW = 12
FOLLOWED_A_TYPE = 16
"""All, in most windows: where several operations leave objects of one type, a part would only guess whose stayed."""
FOLLOWED_MOST = 4096
SECONDS_UNTIL_LOOK = 3.0
SECONDS_FOR_ALL = 8.0
"""So long a window waits until all its operations are due; then those that are not count under a name of their own."""
SECONDS_MOST = 1800.0
TRANSIENT_AFTER = 24
"""A type of which so many were looked at and none was alive comes after all others."""
NAMES_REMEMBERED = 1000
_WEAKREF_OFFSET = type.__dict__["__weakrefoffset__"]
"""How `type` itself tells whether instances can be referred to weakly; asking a class may run a metaclass's code."""

Line = tuple[str, int]
Units = tuple[tuple[Operation, float], ...]


@dataclass(slots=True)
class _Window:
    since: float
    units: Units
    objects: int
    due: dict[Operation, int]
    types: dict[str, tuple[int, list[tuple["weakref.ref[Any]", Line | None]]]]


class LateObjects:
    """A bounded queue of windows, each with weak references to some of its survivors."""

    def __init__(self) -> None:
        self._windows: deque[_Window] = deque()
        self._following = 0
        self._looked: Counter[str] = Counter()
        self._alive: Counter[str] = Counter()

    def follow(
        self, born: list[Any], now: float, units: Units, due: dict[Operation, int], line: Callable[[Any], Line | None]
    ) -> None:
        """Follow some of a window's survivors. While the queue is full windows pass unfollowed, whatever they hold.

        Args:
            born: The survivors.
            now: Seconds of any steady clock.
            units: The units the window covered, per operation.
            due: For each of these operations, how many units of it there must have been before the look.
            line: Returns where an object was allocated, if that is known.
        """
        if len(self._windows) >= WINDOWS_MOST or self._following >= FOLLOWED_MOST:
            return
        found = Counter(map(id, map(type, born)))
        kinds: dict[str, list[int]] = {}
        for key, kind in {id(kind): kind for kind in map(type, born)}.items():
            if _WEAKREF_OFFSET.__get__(kind):
                kinds.setdefault(type_name(kind), []).append(key)
        types: dict[str, tuple[int, list[tuple[weakref.ref[Any], Line | None]]]] = {}
        counts = {name: sum(map(found.__getitem__, keys)) for name, keys in kinds.items()}
        for name in sorted(counts, key=lambda name: (self._is_transient(name), -counts[name])):
            count, keys = counts[name], set(kinds[name])
            same = [each for each in born if id(type(each)) in keys] if len(types) < TYPES_A_WINDOW else []
            types[name] = (count, [(weakref.ref(each), line(each)) for each in same[:: -(-count // FOLLOWED_A_TYPE)]])
        self._windows.append(_Window(now, units, len(born), due, types))
        self._following += sum(len(followed) for _, followed in types.values())

    def look(self, now: float, units: Callable[[Operation], int]) -> tuple[LateLook, ...]:
        """Return what became of windows whose time has come; `units` says how many there were of an operation."""
        looks = []
        for _ in range(len(self._windows)):
            window = self._windows.popleft()
            waited = now - window.since
            early = {each for each, count in window.due.items() if units(each) < count}
            patience = SECONDS_FOR_ALL if len(early) < len(window.due) else SECONDS_MOST
            if waited < SECONDS_UNTIL_LOOK or (early and waited < patience):
                self._windows.append(window)
                continue
            self._following -= sum(len(followed) for _, followed in window.types.values())
            if len(early) < len(window.due):
                looks.append(self._look(window, early))
        return tuple(looks)

    def _look(self, window: _Window, early: set[Operation]) -> LateLook:
        types: dict[str, float] = {}
        lines: dict[Line, float] = {}
        for name, (count, followed) in window.types.items():
            alive = [line for reference, line in followed if reference() is not None]
            if len(self._looked) > NAMES_REMEMBERED:
                self._looked.clear()
                self._alive.clear()
            self._looked[name] += len(followed)
            self._alive[name] += len(alive)
            if alive:
                types[name] = count * len(alive) / len(followed)
            for line in alive:
                if line is not None:
                    lines[line] = lines.get(line, 0.0) + count / len(followed)
        return LateLook(
            units=tuple((_too_early(each) if each in early else each, count) for each, count in window.units),
            objects=window.objects,
            followed=sum(count for count, _ in window.types.values()),
            types=tuple(types.items()),
            lines=tuple(lines.items()),
        )

    def _is_transient(self, name: str) -> bool:
        return self._looked[name] >= TRANSIENT_AFTER and not self._alive[name]


def _too_early(operation: Operation) -> Operation:
    """Return what units count under whose residue may still be replaced: it explains what is alive and accuses nobody."""
    return Operation(operation.kind, f"{operation.name} (not yet due)")
