"""Being told when some code is entered, comes to a line, and is left, without disturbing whoever else asks for that.

Python 3.12 and later tell of these pieces of code alone (`sys.monitoring`), and beside any debugger. On 3.11 there is one
trace function for a thread: where it is taken nothing is followed.
"""

import sys
from collections.abc import Callable, Iterable
from types import CodeType, FrameType
from typing import Any

CODES_MOST = 10_000
TAKEN = "a debugger, a coverage tool or another profiler watches lines here already"


class TakenError(RuntimeError):
    """Somebody else is told of lines in this thread or process, and is not to be disturbed."""


class Following:
    """Calls back while it is on.

    Attributes:
        wants: Says which code is meant, where that is not known before; asked once for each piece of code.
        entered, at_line, left: Called with the code, and the number of the line.
    """

    def __init__(
        self,
        *,
        wants: Callable[[CodeType], bool],
        entered: Callable[[CodeType], None],
        at_line: Callable[[CodeType, int], None],
        left: Callable[[CodeType], None],
    ) -> None:
        self.wants, self.entered, self.at_line, self.left = wants, entered, at_line, left
        self._wanted: dict[int, tuple[CodeType, bool]] = {}
        self._before: Any = None
        self._is_on = False
        self._tool: int | None = None
        self._codes: tuple[CodeType, ...] = ()

    def is_wanted(self, code: CodeType) -> bool:
        """Tell it from memory where it was asked before; the code is kept, or another might come to its place."""
        known = self._wanted.get(id(code))
        if known is None:
            if len(self._wanted) >= CODES_MOST:
                self._wanted.clear()
            known = self._wanted[id(code)] = code, self.wants(code)
        return known[1]

    if sys.version_info >= (3, 12):

        def start(self, codes: Iterable[CodeType] | None = None) -> None:
            """Begin; with `codes` only these are touched, without them each code is looked at once when it is entered.

            Raises:
                TakenError: All places for tools are taken.
            """
            monitoring, events = sys.monitoring, sys.monitoring.events
            tool = self._tool = _free_tool()
            local = events.PY_START | events.LINE | events.PY_RETURN | events.PY_YIELD | events.PY_RESUME
            register = monitoring.register_callback
            register(tool, events.PY_RESUME, lambda code, _: self.entered(code))
            register(tool, events.LINE, self._line)
            for event in (events.PY_RETURN, events.PY_YIELD):
                register(tool, event, lambda code, *_: self.left(code))
            if codes is not None:
                register(tool, events.PY_START, lambda code, _: self.entered(code))
                self._codes = tuple(codes)
                for code in self._codes:
                    monitoring.set_local_events(tool, code, local)
                return

            def begun(code: CodeType, _: int) -> Any:
                if not self.is_wanted(code):
                    return monitoring.DISABLE
                if code not in self._codes:
                    self._codes += (code,)
                    monitoring.set_local_events(tool, code, local & ~events.PY_START)
                self.entered(code)
                return None

            register(tool, events.PY_START, begun)
            monitoring.restart_events()
            monitoring.set_events(tool, events.PY_START)

        def stop(self) -> None:
            """End it."""
            monitoring, tool = sys.monitoring, self._tool
            if tool is None:
                return
            monitoring.set_events(tool, 0)
            for code in self._codes:
                monitoring.set_local_events(tool, code, 0)
            for event in ("PY_START", "PY_RESUME", "LINE", "PY_RETURN", "PY_YIELD"):
                monitoring.register_callback(tool, getattr(monitoring.events, event), None)
            monitoring.free_tool_id(tool)
            self._tool, self._codes = None, ()

        def _line(self, code: CodeType, line: int) -> None:
            self.at_line(code, line)

    else:

        def start(self, codes: Iterable[CodeType] | None = None) -> None:
            """Begin in this thread; `codes` says which, in place of `wants`.

            Raises:
                TakenError: The thread has a trace function of somebody else's.
            """
            before = sys.gettrace()
            if before is not None and not isinstance(getattr(before, "__self__", None), Following):
                raise TakenError(TAKEN)
            if codes is not None:
                self._wanted = {id(code): (code, True) for code in codes}
                self.wants = lambda _: False
            self._before, self._is_on = before, True
            sys.settrace(self._call)

        def stop(self) -> None:
            """End it; a trace function that somebody else has set meanwhile stays."""
            self._is_on = False
            if sys.gettrace() == self._call:
                sys.settrace(self._before)

        def _call(self, frame: FrameType, event: str, argument: Any) -> Any:
            if not self._is_on:
                # It was ended in another thread than it began in.
                if sys.gettrace() == self._call:
                    sys.settrace(self._before)
                return None
            if self.is_wanted(frame.f_code):
                self.entered(frame.f_code)
                return self._lines
            # The function that called this one may be followed, too.
            return self._before(frame, event, argument) if self._before is not None else None

        def _lines(self, frame: FrameType, event: str, _: Any) -> Any:
            if event == "line":
                self.at_line(frame.f_code, frame.f_lineno)
            elif event == "return":
                self.left(frame.f_code)
            return self._lines


def _free_tool() -> int:
    """Return the number of a tool that nobody uses."""
    if sys.version_info >= (3, 12):
        for number in (3, 4, sys.monitoring.PROFILER_ID):
            if sys.monitoring.get_tool(number) is None:
                sys.monitoring.use_tool_id(number, "memguard")
                return number
    raise TakenError(TAKEN)
