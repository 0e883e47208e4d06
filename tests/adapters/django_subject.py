"""The menu in Django; this module is its URLconf as well."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from typing import Any

import django
import django.views
from django.conf import settings
from django.core.handlers.asgi import ASGIHandler, ASGIRequest
from django.core.handlers.wsgi import WSGIHandler
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseNotModified, JsonResponse
from django.http.response import StreamingHttpResponse
from django.test import override_settings
from django.urls import include, path, re_path

from tests.adapters.menu import BIG, CHUNKS, FILE, HEADERS, MEETING, boom, broken, endless, follow

PASS_ON = f"{__name__}.pass_on"
View = Callable[..., Any]
# Views that fail close their request first: Django's ASGI handler leaves it to the gc, which then warns of its file.


def configure() -> None:
    """Set Django up in this process, once."""
    if not settings.configured:
        settings.configure(
            ALLOWED_HOSTS=["*"], DEBUG=False, LOGGING_CONFIG=None, ROOT_URLCONF=__name__, SECRET_KEY="only here",
            USE_TZ=True, INSTALLED_APPS=["memguard.django"], MIDDLEWARE=[],
        )  # fmt: skip
        django.setup()


def make_handler(kind: type[WSGIHandler | ASGIHandler], middleware: list[str], memguard: dict[str, object]) -> Any:
    """Return a new handler with some middleware."""
    configure()
    with override_settings(MIDDLEWARE=middleware, MEMGUARD=memguard):
        return kind()


def pass_on(get_response: View) -> View:
    """Stand in for a middleware that has nothing to do with memguard; sync only."""

    def middleware(request: HttpRequest) -> Any:
        return get_response(request)

    return middleware


def _clean(request: HttpRequest) -> HttpResponse:
    response = HttpResponse("clean")
    follow("request", request)
    follow("response", response)
    response["X-First"], response["X-Second"] = HEADERS[0][1], HEADERS[2][1]
    response.set_cookie("a", "1")
    response.set_cookie("b", "2")
    return response


def _boom(request: HttpRequest) -> HttpResponse:
    request.close()
    boom()
    return HttpResponse()


async def _meet(_: HttpRequest) -> HttpResponse:
    await asyncio.to_thread(MEETING.wait)
    return HttpResponse("met")


def _streaming(make: Callable[[], Iterable[bytes]]) -> View:
    def view(request: HttpRequest) -> StreamingHttpResponse:
        request.close()
        return StreamingHttpResponse(_slowly(make()) if isinstance(request, ASGIRequest) else make())

    return view


async def _slowly(chunks: Iterable[bytes]) -> AsyncIterator[bytes]:
    for chunk in chunks:
        yield chunk
        await asyncio.sleep(0)


async def _item(_: HttpRequest, number: int, tenant: str = "") -> HttpResponse:
    return JsonResponse({"number": number})


class _ByClass(django.views.View):
    def get(self, _: HttpRequest, number: int) -> HttpResponse:
        return HttpResponse(str(number))


_inner = [
    path("items/<int:number>", _item),
    re_path(r"^old/(?P<year>[0-9]{4})/$", lambda _, year, tenant="": HttpResponse(year + tenant)),
]

urlpatterns = [
    path("clean", _clean),
    path("list", lambda _: JsonResponse(["a", "list"], safe=False)),
    path("stream", _streaming(lambda: iter(CHUNKS))),
    path("big", lambda _: HttpResponse(BIG)),
    path("unchanged", lambda _: HttpResponseNotModified(headers={"ETag": '"1"'})),
    path("file", lambda _: FileResponse(FILE.open("rb"))),
    path("echo", lambda request: HttpResponse(request.body)),
    path("boom", _boom),
    path("broken", _streaming(broken)),
    path("refused", lambda _: HttpResponse("not now", status=503)),
    path("endless", _streaming(endless)),
    path("meet", _meet),
    path("by-class/<int:number>", _ByClass.as_view()),
    path("", include(_inner)),
    path("shop/<slug:tenant>/", include(([path("", include(_inner))], "shop"))),
]
