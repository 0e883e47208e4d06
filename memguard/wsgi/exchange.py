"""One WSGI request under way, from `start_response` to the moment its server closes or drops the response."""

import weakref
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from memguard.adapting import named
from memguard.safety import Part
from memguard.wiring.guard import Guard, Unit
from memguard.wsgi.head import closing, timed

Route = Callable[[WSGIEnvironment], str | None]

_naming = Part("naming WSGI operations")


class Exchange:
    """The `start_response` that the application calls, and the one place that ends its request's unit.

    It must never hold the response: an application that is a generator holds its `start_response`, and a circle of
    the two would not be freed, and the unit not ended, when a server drops the response without closing it.
    """

    __slots__ = ("_guard", "_naming", "_start_response", "_status", "_tracing", "_unit", "failed")

    def __init__(
        self, guard: Guard, unit: Unit, start_response: StartResponse, environ: WSGIEnvironment, route: Route | None
    ) -> None:
        self._guard = guard
        self._unit = unit
        self._start_response = start_response
        self._naming = unit.naming = (
            None if route is None else partial(named, route, environ, environ.get("REQUEST_METHOD", ""))
        )
        self._tracing = guard.settings.mode == "trace"
        self._status: object = ""
        self.failed = False

    def __call__(self, status: str, headers: list[tuple[str, str]], *exc_info: Any) -> Callable[[bytes], object]:
        """Hand the head of the response to the server, and return the server's `write`."""
        self._status = status
        try:
            if self._tracing:
                headers = timed(self._guard, self._unit, headers)
            if self._guard.draining:
                headers = closing(headers)
            return self._start_response(status, headers, *exc_info)
        finally:
            del exc_info  # a traceback that goes through this frame would hold itself

    def response(self, environ: WSGIEnvironment, result: Iterable[bytes]) -> Iterable[bytes]:
        """Return what the server gets: `result` wrapped, or untouched where the server knows it by its identity."""
        file_wrapper = environ.get("wsgi.file_wrapper")
        if file_wrapper is None or not (
            isinstance(result, file_wrapper) if isinstance(file_wrapper, type) else hasattr(result, "fileno")
        ):
            return _SizedBody(result, self) if hasattr(type(result), "__len__") else _Body(result, self)
        self._name()
        try:
            # Nothing that holds the environ: it may lead back to the result, which then would never go.
            self._unit.naming = None
            weakref.finalize(result, self._guard.end, self._unit, error=self._is_error()).atexit = False
        except TypeError:
            self.end()
        return result

    def end(self) -> None:
        """End the unit at the first call; in any thread, also from a destructor."""
        if not self._unit.ended:
            if self._naming is not None:
                self._name()
            self._guard.end(self._unit, error=self._is_error())

    def _is_error(self) -> bool:
        return self.failed or (isinstance(self._status, str) and self._status[:1] == "5")

    def _name(self) -> None:
        if self._naming is not None and _naming.on:
            with _naming:
                self._unit.name = self._naming() or self._unit.name


class _Body:
    """The application's response; ends the unit when the server closes or drops it."""

    __slots__ = ("_exchange", "_iterable", "_next")

    def __init__(self, iterable: Iterable[bytes], exchange: Exchange) -> None:
        self._iterable = iterable
        self._exchange = exchange
        self._next: Callable[[], bytes] | None = None

    def __iter__(self) -> Iterator[bytes]:
        self._next = iter(self._iterable).__next__
        return self

    def __next__(self) -> bytes:
        try:
            return (self._next or iter(self).__next__)()
        except StopIteration:
            raise
        except Exception:
            self._exchange.failed = True
            raise

    def close(self) -> None:
        try:
            close = getattr(self._iterable, "close", None)
            if close is not None:
                close()
        except Exception:
            self._exchange.failed = True
            raise
        finally:
            self._exchange.end()

    def __del__(self) -> None:
        self._exchange.end()


class _SizedBody(_Body):
    """A response with a length: servers send a Content-Length for one of length 1."""

    __slots__ = ()
    _iterable: Any

    def __len__(self) -> int:
        return len(self._iterable)
