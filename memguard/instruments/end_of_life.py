"""Objects whose end of life is known: a request, its response and a task's request have to go soon after their unit.

One that is alive seconds later is held by somebody: a thread, a cache, an exception that is kept. Followed by weak
references only, a few of each operation, so that it costs next to nothing.
"""

import gc
import weakref
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass

from memguard.classes import type_name
from memguard.instruments import collector
from memguard.model import Operation

SECONDS_LATE = 5.0
SECONDS_BETWEEN = 0.5
"""At most one object of a label is followed of each operation in this time."""
WAITING_MOST, LATE_MOST, LATE_A_KIND_MOST = 512, 512, 16
KINDS_MOST = 1000
_WEAKREF_OFFSET = type.__dict__["__weakrefoffset__"]


@dataclass(frozen=True, slots=True)
class LateObject:
    """One object that outlives its unit.

    Attributes:
        operation: Its unit's.
        type: `flask.wrappers.Request`.
        label: What it is: `request`, `response`, `task request`.
        seconds: Since its unit ended.
        is_held: A full collection has run since: it is no cyclic garbage. (Or the host has switched the collector off,
            so that garbage stays as well.)
    """

    operation: Operation
    type: str
    label: str
    seconds: float
    is_held: bool


@dataclass(frozen=True, slots=True)
class Followed:
    """How many objects of a label of one operation were followed to their time, and how many of them were late."""

    operation: Operation
    label: str
    looked: int
    late: int


@dataclass(slots=True)
class _Object:
    operation: Operation
    label: str
    reference: Callable[[], object]
    ended: float
    middle: int
    full: int


def can_be_followed(obj: object) -> bool:
    """Tell whether an object takes weak references, without asking its class: a metaclass may have code."""
    return bool(_WEAKREF_OFFSET.__get__(type(obj)))


class EndOfLife:
    """Follows objects from the end of their unit. `follow` may be called by any thread, the rest by one at a time."""

    def __init__(self) -> None:
        self._waiting: deque[_Object] = deque()
        self._late: list[_Object] = []
        self._next: dict[tuple[str, str, str], float] = {}
        self._counts: dict[tuple[Operation, str], list[int]] = {}

    def follow(self, label: str, operation: Operation, obj: object, now: float) -> None:
        """Follow one object of a unit that has just ended, if it is the turn of one.

        Args:
            label: What it is in its unit: `request`, `response`, `task request`.
            operation: Its unit's.
            obj: The object; None where it is gone already, which counts as in time. One that takes no weak reference
                is ignored.
            now: Seconds of any steady clock, the same as for `look`.
        """
        key = operation.kind, operation.name, label
        if now < self._next.get(key, now) or len(self._waiting) >= WAITING_MOST:
            return
        if obj is not None and not can_be_followed(obj):
            return
        if len(self._next) >= KINDS_MOST:
            self._next.clear()
        self._next[key] = now + SECONDS_BETWEEN
        reference = _gone if obj is None else weakref.ref(obj)
        self._waiting.append(_Object(operation, label, reference, now, *collector.collections()))

    def look(self, now: float) -> tuple[LateObject, ...]:
        """Return all that is known to be late and still alive, longest first; the same ones again at the next look.

        An object is late `SECONDS_LATE` after its end, once the middle generation was collected since. As many as
        `LATE_A_KIND_MOST` of each label of an operation are remembered, those that were late first.
        """
        middle, full = collector.collections()
        for _ in range(len(self._waiting)):
            each = self._waiting.popleft()
            if each.reference() is None:
                self._count(each, late=False)
            elif now - each.ended < SECONDS_LATE or not (
                middle > each.middle or full > each.full or not gc.isenabled()
            ):
                self._waiting.append(each)
            else:
                self._count(each, late=True)
                self._remember(each)
        self._late = [each for each in self._late if each.reference() is not None]
        found = (self._describe(each, now, full) for each in self._late)
        return tuple(sorted(filter(None, found), key=lambda late: -late.seconds))

    def followed(self) -> tuple[Followed, ...]:
        """Return the counts so far, for shares: a few late ones of very many are a cache or a slow client."""
        return tuple(Followed(*kind, *counts) for kind, counts in self._counts.items())

    def alive(self, operation: Operation) -> list[object]:
        """Return the late objects of an operation that are alive: strong references, for the caller's call only."""
        found = [each.reference() for each in self._late if each.operation == operation]
        return [each for each in found if each is not None]

    def _count(self, each: _Object, *, late: bool) -> None:
        if len(self._counts) >= KINDS_MOST:
            self._counts.clear()
        counts = self._counts.setdefault((each.operation, each.label), [0, 0])
        counts[0] += 1
        counts[1] += late

    def _remember(self, each: _Object) -> None:
        same = [other for other in self._late if (other.operation, other.label) == (each.operation, each.label)]
        if len(self._late) < LATE_MOST and len(same) < LATE_A_KIND_MOST:
            self._late.append(each)

    def _describe(self, each: _Object, now: float, full: int) -> LateObject | None:
        obj = each.reference()
        if obj is None:
            return None
        is_held = full > each.full or not gc.isenabled()
        return LateObject(each.operation, type_name(type(obj)), each.label, now - each.ended, is_held)


def _gone() -> None:
    """What a weak reference says whose object is gone."""
