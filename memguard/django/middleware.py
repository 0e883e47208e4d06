"""The middleware: a request's unit lasts until its response is closed, streamed or not, under WSGI and ASGI."""

from collections.abc import Callable
from typing import Any

from asgiref.sync import iscoroutinefunction, markcoroutinefunction, sync_to_async
from django.conf import settings as django_settings
from django.core.exceptions import MiddlewareNotUsed
from django.http import HttpRequest, HttpResponse

from memguard.adapting import UNIT, answer, begin, load_settings
from memguard.dashboard import BODY_LIMIT, Request, Response, admits, concerns
from memguard.django.ending import Ending, named
from memguard.safety import Part

_part = Part("watching Django requests")


class MemGuardMiddleware:
    """Django middleware, sync and async; put it first in `MIDDLEWARE`.

    Raises:
        SettingsError: `settings.MEMGUARD` has an unknown or malformed setting.
        MiddlewareNotUsed: The mode is `off`.
    """

    sync_capable = True
    async_capable = True

    def __init__(self, get_response: Callable[[HttpRequest], Any]) -> None:
        self.get_response = get_response
        self.settings = load_settings(getattr(django_settings, "MEMGUARD", None), {})
        if self.settings.mode == "off":
            raise MiddlewareNotUsed("memguard is off")
        self._is_async = iscoroutinefunction(get_response)
        if self._is_async:
            markcoroutinefunction(self)

    def __call__(self, request: HttpRequest) -> Any:
        """Run the request through Django, or answer at the endpoint."""
        if self._is_async:
            return self._call_async(request)
        asked, ending = self._begin(request)
        if asked is not None:
            return _native(answer(asked, self.settings))
        try:
            response = self.get_response(request)
        except BaseException as error:
            self._fail(request, ending, error)
            raise
        return self._hand_over(request, response, ending)

    async def _call_async(self, request: HttpRequest) -> Any:
        asked, ending = self._begin(request)
        if asked is not None:
            return _native(await sync_to_async(answer, thread_sensitive=False)(asked, self.settings))
        try:
            response = await self.get_response(request)
        except BaseException as error:
            self._fail(request, ending, error)
            raise
        return self._hand_over(request, response, ending)

    def _begin(self, request: HttpRequest) -> tuple[Request | None, Ending | None]:
        if _part.on:
            with _part:
                asked = self._asked(request) if concerns(request.path_info, self.settings) else None
                if asked is not None:
                    return asked, None
                # Refused, it is a request like any other: the host answers, and nothing tells it from an unknown path.
                if (begun := begin(_mark(request), self.settings, self, "request")) is not None:
                    return None, Ending(*begun, request)
        return None, None

    def _asked(self, request: HttpRequest) -> Request | None:
        asked: dict[str, Any] = {
            "method": request.method or "",
            "path": request.path_info,
            "root": request.META.get("SCRIPT_NAME", ""),
            "query": request.META.get("QUERY_STRING", ""),
            "headers": {name.lower(): text for name, text in request.headers.items()},
            "peer": request.META.get("REMOTE_ADDR"),
            "scheme": request.scheme or "http",
            "debug": bool(django_settings.DEBUG),
        }
        if not admits(Request(**asked), self.settings):
            return None
        if request.method == "POST":
            asked["body"] = request.read(BODY_LIMIT + 1)
        return Request(**asked)

    def _fail(self, request: HttpRequest, ending: Ending | None, error: BaseException) -> None:
        with _part:
            _tell(request)
        if ending is not None:
            ending.fail(error)

    def _hand_over(self, request: HttpRequest, response: Any, ending: Ending | None) -> Any:
        with _part:
            _tell(request, response)
            if ending is not None:
                if self.settings.mode == "trace":
                    _add_timings(response, ending.guard.timings(ending.unit))
                ending.ride(response, _mark(request))
        return response


def _tell(request: HttpRequest, response: Any = None) -> None:
    # Also a unit that a layer further out has begun.
    unit, name = _mark(request).get(UNIT), named(request)
    if unit is None or unit.ended:
        return
    unit.expires(request, "request")
    unit.expires(response, "response")
    if name is not None:
        unit.name = name
        unit.runs(request.resolver_match.func)


def _mark(request: HttpRequest) -> Any:
    return getattr(request, "scope", None) or request.META


def _add_timings(response: Any, timings: str | None) -> None:
    if timings:
        others = response.headers.get("Server-Timing")
        response.headers["Server-Timing"] = f"{others}, {timings}" if others else timings


def _native(answered: Response) -> HttpResponse:
    return HttpResponse(answered.body, status=answered.status, headers=dict(answered.headers))
