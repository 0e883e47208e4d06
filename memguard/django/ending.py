"""The end of a request's unit, carried by its response."""

import weakref
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any

from django.http import HttpRequest

from memguard.adapting import operation_name
from memguard.wiring.guard import Guard, Unit


def named(request: HttpRequest | None) -> str | None:
    """Return the operation's name of a request, None before its route is known."""
    if request is None or request.resolver_match is None:
        return None
    return operation_name(request.method or "", "/" + request.resolver_match.route.lstrip("/"))


class Ending:
    """Ends a unit when it is called or dropped: as a closer of the response, whichever comes first.

    It does not know the response: a circle of the two would outlive a response that nobody closes.

    Attributes:
        error: Whether the unit will end as an error.
    """

    __slots__ = ("error", "guard", "unit")

    def __init__(self, guard: Guard, unit: Unit, request: HttpRequest) -> None:
        found = weakref.ref(request)
        unit.naming = lambda: named(found())
        self.guard = guard
        self.unit = unit
        self.error = False

    def __call__(self) -> None:
        """End the unit; only the first call counts."""
        self.guard.end(self.unit, error=self.error)

    __del__ = __call__

    def __reduce__(self) -> tuple[type, tuple[()]]:
        # A cache around this middleware pickles the response with all its closers.
        return _Nothing, ()

    def fail(self, error: BaseException) -> None:
        """End the unit of a request that got no response; a cancelled one did not fail."""
        self.error = isinstance(error, Exception)
        self()

    def ride(self, response: Any, mark: Mapping[str, Any]) -> None:
        """End the unit when the response is closed, or now where Django's way of closing has changed.

        Args:
            response: Django's; of a worker on its way out it closes its connection, where the application may say so.
            mark: The request's ASGI scope, or its environ: WSGI leaves connections to the server.
        """
        self.error = response.status_code >= 500
        if self.guard.draining and mark.get("http_version", "").startswith("1"):
            response.headers["Connection"] = "close"
        closers = getattr(response, "_resource_closers", None)
        if not isinstance(closers, list):
            self()
            return
        closers.append(self)
        # Django's handlers show a body that breaks to nobody, and under ASGI do not close its response. A file may
        # be sent by the server itself, which must find it as it is.
        chunks = getattr(response, "_iterator", None)
        if chunks is not None and getattr(response, "file_to_stream", None) is None:
            response._iterator = (_AsyncBody if response.is_async else _Body)(chunks, self)


class _Nothing:
    def __call__(self) -> None:
        pass


class _Body:
    """A streamed body that ends its unit when it breaks."""

    __slots__ = ("_chunks", "_ending")

    def __init__(self, chunks: Iterator[Any], ending: Ending) -> None:
        self._chunks = chunks
        self._ending = ending

    def __iter__(self) -> Iterator[Any]:
        return self

    def __next__(self) -> Any:
        try:
            return next(self._chunks)
        except StopIteration:
            raise
        except Exception as error:
            self._ending.fail(error)
            raise


class _AsyncBody:
    """The same of an asynchronous body."""

    __slots__ = ("_chunks", "_ending")

    def __init__(self, chunks: AsyncIterator[Any], ending: Ending) -> None:
        self._chunks = chunks
        self._ending = ending

    def __aiter__(self) -> AsyncIterator[Any]:
        return self

    async def __anext__(self) -> Any:
        try:
            return await anext(self._chunks)
        except StopAsyncIteration:
            raise
        except Exception as error:
            self._ending.fail(error)
            raise
