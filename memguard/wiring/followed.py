"""The next units of one operation, followed line by line: by the units' own threads, one unit at a time.

The keeper asks for it and takes what was found. A unit's operation is often known at its end only, so whatever unit begins
is ready to be followed; but nothing is traced, and no line told, until the code in question is entered.
"""

import sys
from collections.abc import Iterable
from dataclasses import dataclass, replace
from threading import Lock
from time import perf_counter
from types import CodeType, ModuleType

from memguard.commands import FUNCTIONS_MOST, LINES_MOST, FollowedFunction, Following
from memguard.explain import sites
from memguard.instruments.following import TakenError
from memguard.instruments.lines import Line, Lines, functions_of
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.wiring.unit import Unit
from memguard.wiring.zoom import Zoom

CODES_MOST = 200
ZOOM_RESTS = 60.0
"""Seconds that the zoom leaves to a unit that is followed."""


class NoFunctionError(LookupError):
    """A function that was named is not in this process."""


@dataclass(slots=True)
class _Followed:
    """The unit that is being followed."""

    unit: Unit
    lines: Lines


class FollowedUnits:
    """What was asked for, and what came of it.

    Attributes:
        units: How many units were followed so far.
        trouble: Why a unit was not followed, in words; empty where none was passed over.
    """

    def __init__(self, following: Following, zoom: Zoom) -> None:
        """Raise NoFunctionError where a function that was named is not there."""
        self.following = following
        self.units = 0
        self.trouble = ""
        self._zoom = zoom
        self._codes = nested(code for name in following.functions for code in sites.codes_of(function(name)))
        self._found: dict[tuple[CodeType, int], Line] = {}
        self._tracing = Tracing()
        self._lock = Lock()
        self._now: _Followed | None = None
        self._is_spoiled = False

    @property
    def is_over(self) -> bool:
        """Whether all units that were asked for have been followed."""
        return self.units >= self.following.units

    def begin(self, unit: Unit) -> None:
        """A unit begins, in its own thread: be ready for it, unless another is followed."""
        if self.is_over or not self._codes or unit.kind != self.following.kind:
            return
        with self._lock:
            if self._now is not None:
                return
            lines = Lines(entering=self._trace)
            try:
                lines.begin(self._codes)
            except TakenError as error:
                self.trouble = str(error)
                return
            self._now, self._is_spoiled = _Followed(unit, lines), False

    def end(self, unit: Unit, operation: Operation, view: object) -> bool:
        """A unit has ended: keep what was seen, if it was one of those that are asked for; return whether it was followed."""
        is_meant = (operation.kind, operation.name) == (self.following.kind, self.following.name)
        now = self._now
        if now is not None and now.unit is unit:
            self._stop(now)
            if is_meant and not self._is_spoiled:
                self._add(now.lines.found)
            return bool(now.lines.found)
        if is_meant and not self._codes:
            self._codes = nested(code for code in sites.codes_of(view) if sites.is_application(code.co_filename))
        return False

    def stop(self) -> tuple[FollowedFunction, ...]:
        """Follow no more; return what was found."""
        self.following = Following(self.following.kind, self.following.name, 0)
        now = self._now
        if now is not None:
            self._stop(now)
        found = functions_of(self._found)[:FUNCTIONS_MOST]
        return tuple(replace(each, lines=each.lines[:LINES_MOST]) for each in found)

    def abandon(self) -> None:
        """In the child of a fork, where the threads that followed are no more."""
        self._lock = Lock()
        self.stop()

    def _trace(self) -> None:
        """The code is entered for the first time in a unit: what it allocates is traced from here on."""
        self._is_spoiled = self._zoom.is_on  # it will switch tracing off when it has seen enough
        self._zoom.rests_until = max(self._zoom.rests_until, perf_counter() + ZOOM_RESTS)
        self._tracing.start(1)

    def _stop(self, now: _Followed) -> None:
        with self._lock:
            if self._now is not now:
                return
            now.lines.end()
            if self._tracing.ours:
                self._zoom.rests_until = perf_counter()
            self._tracing.stop()
            self._now = None

    def _add(self, found: dict[tuple[CodeType, int], Line]) -> None:
        self.units += 1 if found else 0
        for key, line in found.items():
            known = self._found.setdefault(key, Line(before=line.before))
            known.hits += line.hits
            known.increment += line.increment
            known.peak = max(known.peak, line.peak)


def function(name: str) -> object:
    """Return the function of a name like `shop.tasks:bill` or `shop.views:Basket.total`; no code of the host's runs.

    Raises:
        NoFunctionError: There is none in this process.
    """
    where, _, path = name.partition(":")
    found: object = sys.modules.get(where)
    for part in path.split("."):
        names = vars(found) if isinstance(found, ModuleType | type) else {}
        found = names.get(part)
    if isinstance(found, staticmethod | classmethod):
        found = found.__func__
    elif any(base.__module__.startswith("celery.") for base in type(found).__mro__):
        found = getattr(found, "run", None)
    if not sites.codes_of(found):
        raise NoFunctionError(f"There is no function {name!r} in this worker; expected one like 'shop.tasks:bill'.")
    return found


def nested(codes: Iterable[CodeType]) -> tuple[CodeType, ...]:
    """Return code with all code inside it: comprehensions, inner functions."""
    found = dict.fromkeys(codes)
    pending = list(found)
    for code in pending:
        inner = [each for each in code.co_consts if isinstance(each, CodeType) and each not in found]
        found |= dict.fromkeys(inner)
        pending += inner
        if len(pending) > CODES_MOST:
            break
    return tuple(found)[:CODES_MOST]
