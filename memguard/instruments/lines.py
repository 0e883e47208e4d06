"""Memory line by line: what each line of some functions took, kept and needed at once, while tracemalloc is on.

tracemalloc's figures are the process's: other threads that run meanwhile are in them. What this takes itself is not.
"""

import threading
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from itertools import count
from types import CodeType

from memguard.commands import SOURCE_MOST, FollowedFunction, FollowedLine
from memguard.instruments.following import Following
from memguard.sources import lines_of

LINES_MOST = 10_000
INT_BYTES = 32
"""What tracemalloc counts for an int that is no small one."""
_numbers = count(1)
_followed: ContextVar[tuple[int, ...]] = ContextVar("memguard follows this unit", default=())


@dataclass(slots=True)
class Line:
    """What one line did, in all of its runs.

    Attributes:
        hits: How often it was run.
        before: Traced bytes when it was first run, above what there was when following began.
        increment: By how many bytes traced memory grew while it ran, in all.
        peak: The most that one run needed at once above what there was before it.
    """

    hits: int = 0
    before: int = 0
    increment: int = 0
    peak: int = 0


@dataclass(slots=True)
class _Open:
    """A call that runs, and the line it is at, None before the first."""

    code: CodeType
    line: Line | None = None
    start: int = 0
    peak: int = 0


class Lines:
    """Follows functions; what it saw is in `found`, by code and line number.

    Attributes:
        units: How many units were followed.
    """

    def __init__(
        self, wants: Callable[[CodeType], bool] = lambda _: False, *, entering: Callable[[], object] | None = None
    ) -> None:
        """Prepare it.

        Args:
            wants: Says which code to follow where `unit` is not told; asked once for each.
            entering: Called once, as the first code is entered, to have tracemalloc on from there.
        """
        self._entering = entering
        self.units = 0
        self._number = next(_numbers)
        self._lines: dict[int, tuple[CodeType, dict[int, Line]]] = {}
        self._count = 0
        self._calls = threading.local()
        self._base = 0
        self._own = 0
        self._following = Following(wants=wants, entered=self._enter, at_line=self._line, left=self._leave)

    @property
    def found(self) -> dict[tuple[CodeType, int], Line]:
        """What was seen."""
        return {(code, number): line for code, lines in self._lines.values() for number, line in lines.items()}

    @contextmanager
    def unit(self, codes: Iterable[CodeType] | None = None) -> Iterator[None]:
        """Follow what runs inside, in this thread or this task and those that it makes; one unit at a time.

        Raises:
            TakenError: Somebody else is told of lines here, and nothing is followed.
        """
        self.begin(codes)
        try:
            yield
        finally:
            self.end()

    def begin(self, codes: Iterable[CodeType] | None = None) -> None:
        """Follow what runs from here on until `end`; `codes` names what to follow, in place of `wants`."""
        self._following.start(codes)
        self._base = tracemalloc.get_traced_memory()[0] - self._own
        tracemalloc.reset_peak()
        self.units += 1
        _followed.set((*_followed.get(), self._number))

    def end(self) -> None:
        """Follow no more."""
        self._following.stop()
        _followed.set(tuple(each for each in _followed.get() if each != self._number))
        self._stack().clear()

    def _stack(self) -> list[_Open]:
        stack: list[_Open] | None = getattr(self._calls, "stack", None)
        if stack is None:
            stack = self._calls.stack = []
        return stack

    def _enter(self, code: CodeType) -> None:
        if self._number in _followed.get():
            if self._entering is not None:
                entering, self._entering = self._entering, None
                entering()
                self._base = tracemalloc.get_traced_memory()[0]
            now = self._now()
            self._stack().append(_Open(code))
            self._done(now)

    def _line(self, code: CodeType, line: int) -> None:
        if self._number in _followed.get():
            now = self._now()
            self._at(code, line, now - self._own)
            self._done(now)

    def _leave(self, code: CodeType) -> None:
        if self._number in _followed.get():
            now = self._now()
            call = self._call_of(code)
            if call is not None:
                _close(call, now - self._own)
                self._stack().pop()
            del call
            self._done(now)

    def _at(self, code: CodeType, number: int, now: int) -> None:
        """Close the line that the call was at, and open this one."""
        call = self._call_of(code)
        if call is None:
            call = _Open(code)
            self._stack().append(call)
        _close(call, now)
        lines = self._lines.setdefault(id(code), (code, {}))[1]
        known = lines.get(number)
        if known is None and self._count < LINES_MOST:
            self._count += 1
            known = lines[number] = Line(before=now - self._base)
        if known is not None:
            known.hits += 1
        call.line, call.start, call.peak = known, now, now

    def _call_of(self, code: CodeType) -> _Open | None:
        """Return the innermost call of this code; what an exception went through is forgotten."""
        stack = self._stack()
        while stack and stack[-1].code is not code:
            stack.pop()
        return stack[-1] if stack else None

    def _now(self) -> int:
        """Return traced bytes; each call that runs has needed what the peak says."""
        now, peak = tracemalloc.get_traced_memory()
        peak -= self._own
        for call in self._stack():
            call.peak = max(call.peak, peak)
        return now

    def _done(self, before: int) -> None:
        """What there is more than before, when only `before` itself was not yet there, is what this class keeps."""
        self._own += tracemalloc.get_traced_memory()[0] - before - INT_BYTES
        tracemalloc.reset_peak()


def _close(call: _Open, now: int) -> None:
    if call.line is not None:
        call.line.increment += now - call.start
        call.line.peak = max(call.line.peak, call.peak - call.start)
        call.line = None


def functions_of(found: dict[tuple[CodeType, int], Line]) -> tuple[FollowedFunction, ...]:
    """Return what was found, function by function in the order of the source, with all lines from first to last."""
    by_code: dict[int, tuple[CodeType, dict[int, Line]]] = {}
    for (code, number), line in found.items():
        by_code.setdefault(id(code), (code, {}))[1][number] = line
    order = sorted(by_code.values(), key=lambda each: (each[0].co_filename, each[0].co_firstlineno))
    return tuple(FollowedFunction(code.co_qualname, code.co_filename, _lines(code, lines)) for code, lines in order)


def _lines(code: CodeType, lines: dict[int, Line]) -> tuple[FollowedLine, ...]:
    told, text = [], lines_of(code.co_filename)
    for number in range(min(code.co_firstlineno, *lines), max(lines) + 1):
        each = lines.get(number, _NOT_RUN)
        source = text[number - 1].rstrip()[:SOURCE_MOST] if number <= len(text) else ""
        told.append(FollowedLine(number, each.hits, each.before, each.increment, each.peak, source))
    return tuple(told)


_NOT_RUN = Line()
