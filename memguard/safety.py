"""The one gate between memguard's mistakes and the host: bookkeeping goes through it, the host's own calls never.

A `Part` is a piece of memguard that may fail on its own. `with part:` swallows `Exception` (never `BaseException`:
`SystemExit`, `KeyboardInterrupt`, `GreenletExit` and `CancelledError` belong to the host), logs it once per cause
at a limited rate, and switches the part off after `FAILURES_BEFORE_OFF` failures, which `notes()` then says.
"""

import logging
import time
import weakref
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Self

log = logging.getLogger("memguard")

FAILURES_BEFORE_OFF = 20
SECONDS_BETWEEN_LOGS = 300.0
CAUSES_KEPT = 256

on_swallow: list[Callable[[BaseException], object]] = []
"""Called with every exception swallowed. The test suite re-raises them from here, so the gate hides no bug of ours."""

_parts: "weakref.WeakSet[Part]" = weakref.WeakSet()
_last_logged: dict[tuple[str, str, int], float] = {}


class Part:
    """A named piece of memguard, used as a reusable, re-entrant context manager.

    Attributes:
        name: What the part does, in words that fit "memguard switched off: …".
        on: False once it has failed too often; whoever uses the part asks before doing optional work.
    """

    __slots__ = ("__weakref__", "failures", "last_error", "name", "on")

    def __init__(self, name: str) -> None:
        self.name = name
        self.on = True
        self.failures = 0
        self.last_error = ""
        _parts.add(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> bool:
        return isinstance(error, Exception) and self.swallow(error)

    def swallow(self, error: Exception) -> bool:
        """Take note of a failure of the part; return True.

        For the few lines that each unit runs: `try` costs nothing there, where `with` costs two calls.
        """
        tb = error.__traceback__
        self.failures += 1
        self.last_error = _shown(error)
        off_now = self.on and self.failures >= FAILURES_BEFORE_OFF
        if off_now:
            self.on = False
        _log_once(self, error, tb, off_now=off_now)
        for listener in on_swallow:
            listener(error)
        return True


def notes() -> list[str]:
    """Return one sentence for each part that is switched off in this process."""
    return sorted(
        f"switched off after {part.failures} failures: {part.name} (last: {part.last_error})"
        for part in tuple(_parts)
        if not part.on
    )


def _shown(error: Exception) -> str:
    try:
        return f"{type(error).__name__}: {error}"
    except Exception:  # an exception may fail to say what it is
        return f"{type(error).__name__}: (its message cannot be shown)"


def _log_once(part: Part, error: Exception, tb: TracebackType | None, *, off_now: bool) -> None:
    while tb is not None and tb.tb_next is not None:
        tb = tb.tb_next
    cause = (type(error).__name__, tb.tb_frame.f_code.co_filename if tb else "", tb.tb_lineno if tb else 0)
    now = time.monotonic()
    last = _last_logged.get(cause)
    if last is not None and now - last < SECONDS_BETWEEN_LOGS and not off_now:
        return
    if len(_last_logged) >= CAUSES_KEPT:
        _last_logged.clear()
    _last_logged[cause] = now
    # Text only: a log handler that keeps records would keep the exception, and by its traceback the host's frames.
    with suppress(Exception):  # a handler of the host's may fail
        log.warning(
            "memguard failed in %r and went on: %s (%s:%s)%s",
            part.name, part.last_error, cause[1], cause[2], "; this part is now switched off" if off_now else "",
        )  # fmt: skip
