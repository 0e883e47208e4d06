"""Late objects: survivors of past windows, looked at again after many more units, to see whether they stayed.

A connection kept open, a cache's entry, an exception held until the next task: such objects survive a window and go
later. A leak does not. Only instances of classes that allow weak references can be followed; lists and dicts cannot.
"""

import gc
import weakref
from collections import Counter, deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from memguard.classes import type_name
from memguard.instruments.collector import collections
from memguard.model import Operation
from memguard.readings import LateLook

WINDOWS_MOST = 400
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
EXHIBITS_MOST, EXHIBITED_MOST = 6, 256
"""Objects kept in view of each operation and type (weakly), to show whoever asks who holds them; and of how many."""
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
    numbers: dict[Operation, int]
    collections: int
    types: dict[str, tuple[int, list[tuple["weakref.ref[Any]", Line | None]]]]


class LateObjects:
    """A bounded queue of windows, each with weak references to some of its survivors."""

    def __init__(self) -> None:
        self._windows: deque[_Window] = deque()
        self._following = 0
        self._looked: Counter[str] = Counter()
        self._alive: Counter[str] = Counter()
        self.awaits_collections = False
        self._exhibits: dict[tuple[Operation, str], deque[weakref.ref[Any]]] = {}

    def follow(
        self,
        born: list[Any],
        now: float,
        units: Units,
        numbers: dict[Operation, int],
        *,
        patience: int,
        line: Callable[[Any], Line | None] | None,
    ) -> None:
        """Follow some of a window's survivors. While the queue is full windows pass unfollowed, whatever they hold.

        Args:
            born: The survivors.
            now: Seconds of any steady clock.
            units: The units the window covered, per operation.
            numbers: How many units of each of these operations there have been.
            patience: How many more of each there must have been before the look.
            line: Returns where an object was allocated, if that is known; None while nothing is traced.
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
            types[name] = (
                count,
                [
                    (weakref.ref(each), line(each) if line is not None else None)
                    for each in same[:: -(-count // FOLLOWED_A_TYPE)]
                ],
            )
        due = {operation: number + patience for operation, number in numbers.items()}
        self._windows.append(_Window(now, units, len(born), due, numbers, collections()[1], types))
        self._following += sum(len(followed) for _, followed in types.values())

    def look(self, now: float, units: Callable[[Operation], int]) -> tuple[LateLook, ...]:
        """Return what became of windows whose time has come; `units` says how many there were of an operation."""
        looks = []
        for _ in range(len(self._windows)):
            window = self._windows.popleft()
            waited = now - window.since
            early = {each for each, count in window.due.items() if units(each) < count}
            patience = SECONDS_FOR_ALL if len(early) < len(window.due) else SECONDS_MOST
            if self._may_hold_garbage(window) and waited < SECONDS_MOST:
                early, patience = set(window.due), SECONDS_MOST
            if waited < SECONDS_UNTIL_LOOK or (early and waited < patience):
                self._windows.append(window)
                continue
            self._following -= sum(len(followed) for _, followed in window.types.values())
            if len(early) < len(window.due):
                looks.append(self._look(window, early))
        return tuple(looks)

    def exhibits(self, operation: Operation, name: str) -> list[Any]:
        """Return some objects of a type that were alive when looked at again, and are now; for the caller's call only."""
        references = self._exhibits.get((operation, name), ())
        return [each for reference in references if (each := reference()) is not None]

    def forget(self) -> None:
        """Give up all windows and exhibits, and wait for a full collection from now on before looking again.

        The close of a window makes what it saw alive as old as can be, so as garbage it waits for a full collection:
        on a large heap, where those are rare, much of it would be taken for what is held.
        """
        self.awaits_collections = True
        self._windows.clear()
        self._following = 0
        self._exhibits.clear()
        self._looked.clear()
        self._alive.clear()

    def _may_hold_garbage(self, window: _Window) -> bool:
        return self.awaits_collections and gc.isenabled() and collections()[1] == window.collections

    def _look(self, window: _Window, early: set[Operation]) -> LateLook:
        types: dict[str, float] = {}
        lines: dict[Line, float] = {}
        for name, (count, followed) in window.types.items():
            alive = [(reference, line) for reference, line in followed if reference() is not None]
            if len(self._looked) > NAMES_REMEMBERED:
                self._looked.clear()
                self._alive.clear()
            self._looked[name] += len(followed)
            self._alive[name] += len(alive)
            if alive:
                types[name] = count * len(alive) / len(followed)
                self._exhibit(window.due.keys() - early, name, alive[-1][0])
            for _, line in alive:
                if line is not None:
                    lines[line] = lines.get(line, 0.0) + count / len(followed)
        return LateLook(
            units=tuple((_too_early(each) if each in early else each, count) for each, count in window.units),
            numbers=tuple((each, window.numbers[each]) for each, _ in window.units if each not in early),
            objects=window.objects,
            followed=sum(count for count, _ in window.types.values()),
            types=tuple(types.items()),
            lines=tuple(lines.items()),
        )

    def _exhibit(self, operations: Iterable[Operation], name: str, reference: "weakref.ref[Any]") -> None:
        for operation in operations:
            key = (operation, name)
            if key in self._exhibits or len(self._exhibits) < EXHIBITED_MOST:
                self._exhibits.setdefault(key, deque(maxlen=EXHIBITS_MOST)).append(reference)

    def _is_transient(self, name: str) -> bool:
        return self._looked[name] >= TRANSIENT_AFTER and not self._alive[name]


def _too_early(operation: Operation) -> Operation:
    """Return what units count under whose residue may still be replaced: it explains what is alive and accuses nobody."""
    return Operation(operation.kind, f"{operation.name} (not yet due)")
