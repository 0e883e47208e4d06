"""Any ASGI application: `app = MemGuardMiddleware(app, rss_ceiling="512MB")`.

A unit, a request or a websocket session, lasts until the awaited application returns: its background tasks are part
of it, and the moment the last message of the body has left is kept apart.
"""

from collections.abc import Awaitable, Callable, Mapping
from functools import partial

from memguard.adapting import begin, load_settings, operation_name
from memguard.asgi.endpoint import Message, Receive, Scope, Send, read_request, serve, split_path
from memguard.asgi.heads import closing, timed
from memguard.asgi.leaving import part
from memguard.asgi.sessions import RefusedError, channel_of
from memguard.dashboard import admits, concerns
from memguard.safety import Part
from memguard.settings import Settings
from memguard.wiring.guard import Guard, Unit

App = Callable[[Scope, Receive, Send], Awaitable[None]]

_part = Part("watching ASGI applications")
_naming = Part("naming ASGI operations")
_KINDS = {"http": "request", "websocket": "websocket"}


def _route_path(scope: Scope) -> str | None:
    return getattr(scope.get("route"), "path", None)


class MemGuardMiddleware:
    """ASGI middleware that makes every request and websocket session of `app` a unit and serves the endpoint.

    Args:
        app: The application to watch.
        settings: Validated settings, or a mapping of setting names to values.
        operation: Called with the scope when a unit ends; returns its route template, like `/users/{id}`, or None.
        unmatched: The route of units that `operation` does not name.
        debug: Whether the application is in debug mode, or a function of the scope that tells. While it is, the
            endpoint needs no token for requests from this machine.
        arguments: Settings by name.

    Raises:
        SettingsError: A setting is unknown or malformed.
    """

    def __init__(
        self,
        app: App,
        /,
        settings: Settings | Mapping[str, object] | None = None,
        *,
        operation: Callable[[Scope], str | None] = _route_path,
        unmatched: str = "<asgi>",
        debug: bool | Callable[[Scope], bool] = False,
        **arguments: object,
    ) -> None:
        self.app = app
        self.settings = load_settings(settings, arguments)
        self._off = self.settings.mode == "off"
        self._tracing = self.settings.mode == "trace"
        self._operation = operation
        self._unmatched = unmatched
        self._debug = debug

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Run the application over a scope, or answer at the endpoint."""
        kind = _KINDS.get(scope["type"])
        if kind is None or self._off or not _part.on:
            await self.app(scope, receive, send)
            part(scope)
            return
        asked = begun = None
        try:
            if kind == "request" and concerns(split_path(scope)[1], self.settings):
                debug = bool(self._debug(scope) if callable(self._debug) else self._debug)
                request = read_request(scope, debug=debug)
                asked = request if admits(request, self.settings) else None
            # Refused, it is a request like any other: the host answers, and nothing tells it from an unknown path.
            if asked is None:
                begun = begin(scope, self.settings, self, kind, _name(scope, self._unmatched))
                if begun is not None:
                    begun[1].naming = partial(self._named, scope)
        except Exception as failure:
            _part.swallow(failure)
        if asked is not None:
            await serve(asked, self.settings, receive, send)
        elif begun is None:
            await self.app(scope, receive, send)
        else:
            await self._watch(*begun, scope, receive, send)

    async def _watch(self, guard: Guard, unit: Unit, scope: Scope, receive: Receive, send: Send) -> None:
        error = False

        async def sending(message: Message) -> None:
            nonlocal error
            kind = message["type"]
            if kind == "http.response.start":
                status = message.get("status")
                error = isinstance(status, int) and status >= 500
                if self._tracing:
                    message = timed(guard, unit, message)
                if guard.draining:
                    message = closing(scope, message)
            await send(message)
            if kind == "http.response.body" and not message.get("more_body"):
                unit.body_sent()

        try:
            channel = (receive, sending) if unit.kind == "request" else channel_of(guard, receive, send)
            await self.app(scope, *channel)
        except RefusedError:
            pass  # raised by the session, after its end, and caught by nobody
        except Exception as failure:
            error = not isinstance(failure.__context__, RefusedError)
            raise
        finally:
            if _naming.on:
                try:
                    if (name := self._named(scope)) is not None:
                        unit.name = name
                        unit.runs(scope.get("endpoint"))
                except Exception as failure:
                    _naming.swallow(failure)
            guard.end(unit, error=error)

    def _named(self, scope: Scope) -> str | None:
        route = self._operation(scope)
        return None if route is None else _name(scope, route)


def _name(scope: Scope, route: str) -> str:
    return operation_name(scope["method"], route) if scope["type"] == "http" else route
