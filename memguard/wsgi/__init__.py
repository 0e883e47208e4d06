"""Any WSGI application: `application = MemGuardMiddleware(application, rss_ceiling="512MB")`.

A request's unit lasts from the call of the application until the server closes the response, or drops it.
"""

from collections.abc import Iterable, Mapping
from wsgiref.types import StartResponse, WSGIApplication, WSGIEnvironment

from memguard.adapting import answer, begin, load_settings, operation_name
from memguard.dashboard import concerns
from memguard.safety import Part
from memguard.settings import Settings
from memguard.wsgi.endpoint import Debug, admitted, path_of, send
from memguard.wsgi.exchange import Exchange, Route

_part = Part("watching WSGI requests")


class MemGuardMiddleware:
    """WSGI middleware that makes every request of `app` a unit and serves the endpoint.

    Args:
        app: The application to watch.
        settings: Validated settings, or a mapping of setting names to values.
        operation: Called with the environ when a request ends; returns its route template, like `/users/<id>`, or None.
        unmatched: The route of requests that `operation` does not name.
        debug: Whether the application is in debug mode, or a function of the environ that tells. While it is, the
            endpoint needs no token for requests from this machine.
        arguments: Settings by name.

    Raises:
        SettingsError: A setting is unknown or malformed.
    """

    def __init__(
        self,
        app: WSGIApplication,
        settings: Settings | Mapping[str, object] | None = None,
        *,
        operation: Route | None = None,
        unmatched: str = "<wsgi>",
        debug: Debug = False,
        **arguments: object,
    ) -> None:
        self.app = app
        self.settings = load_settings(settings, arguments)
        self._off = self.settings.mode == "off"
        self._operation = operation
        self._unmatched = unmatched
        self._debug = debug

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Run the application for a request, or answer at the endpoint."""
        if self._off or not _part.on:
            return self.app(environ, start_response)
        answered = exchange = None
        try:
            if concerns(path_of(environ), self.settings):
                asked = admitted(environ, self.settings, debug=self._debug)
                answered = None if asked is None else answer(asked, self.settings)
            # Refused, it is a request like any other: the host answers, and nothing tells it from an unknown path.
            if answered is None:
                name = operation_name(environ.get("REQUEST_METHOD", ""), self._unmatched)
                begun = begin(environ, self.settings, self, "request", name)
                exchange = begun and Exchange(*begun, start_response, environ, self._operation)
        except Exception as failure:
            _part.swallow(failure)
        if answered is not None:
            return send(answered, start_response)
        if exchange is None:
            return self.app(environ, start_response)
        try:
            result = self.app(environ, exchange)
        except BaseException as error:
            exchange.failed = isinstance(error, Exception)
            exchange.end()
            raise
        try:
            return exchange.response(environ, result)
        except Exception as failure:
            _part.swallow(failure)
        exchange.end()
        return result
