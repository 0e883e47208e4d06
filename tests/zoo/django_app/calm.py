"""Django under ASGI, and nothing in it leaks: what fills up, warms up, comes and goes."""

import importlib
import itertools
import queue
import time
from collections import OrderedDict
from collections.abc import AsyncIterator
from typing import Any

from django.db import connection
from django.http import HttpRequest, HttpResponse, JsonResponse, StreamingHttpResponse
from django.template import engines
from django.utils.module_loading import import_string

from tests.zoo.declare import innocent
from tests.zoo.django_app.models import ROWS, Product, answer

SESSION_SECONDS = 2.0
POOL_MOST = 10
MODULES = ("colorsys", "cmd", "graphlib", "plistlib", "sched", "shelve", "wave", "netrc", "zipapp")

_numbers = itertools.count(1)


class Session:
    """What is known of a visitor until `expires`."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.seen = ["page"] * 20
        self.expires = time.monotonic() + SESSION_SECONDS


_sessions: OrderedDict[int, Session] = OrderedDict()


@innocent()
async def sessions(request: HttpRequest) -> JsonResponse:
    """Sessions with a time limit: entries expire within two seconds."""
    now = time.monotonic()
    while _sessions and next(iter(_sessions.values())).expires < now:
        _sessions.popitem(last=False)
    session = Session(next(_numbers))
    _sessions[session.number] = session
    return answer(sessions=len(_sessions))


class Connection:
    """To something far away."""

    def __init__(self) -> None:
        self.buffer = bytearray(2000)
        self.uses = 0


_idle: "queue.SimpleQueue[Connection]" = queue.SimpleQueue()
_opened = itertools.count(1)
_open: list[Connection] = []


@innocent()
async def pooled(request: HttpRequest) -> JsonResponse:
    """A pool that opens one more connection now and then, up to ten."""
    if len(_open) < POOL_MOST and next(_opened) % 15 == 1:
        _open.append(Connection())
        _idle.put(_open[-1])
    connected = _idle.get_nowait()
    connected.uses += 1
    _idle.put(connected)
    return answer(open=len(_open))


_waiting_modules = iter(MODULES)


@innocent()
async def lazy_imports(request: HttpRequest) -> JsonResponse:
    """Imports modules when they are first needed, one every thirty requests."""
    if next(_numbers) % 30 == 0:
        importlib.import_module(next(_waiting_modules, "json"))
    return answer(encoder=import_string("json.JSONEncoder").__name__)


@innocent()
def reads_rows(request: HttpRequest) -> JsonResponse:
    """Rows through the ORM, whose caches warm up."""
    found = Product.objects.filter(price__gte=next(_numbers) % ROWS)
    return answer(names=[product.name for product in found[:5]], vendor=connection.vendor)


@innocent()
async def renders(request: HttpRequest) -> HttpResponse:
    """A template, compiled each time."""
    template = engines["django"].from_string("{% for row in rows %}{{ row }} {% endfor %}")
    return HttpResponse(template.render({"rows": range(10)}))


@innocent()
async def streams(request: HttpRequest) -> StreamingHttpResponse:
    """A streamed answer."""

    async def rows() -> AsyncIterator[str]:
        for row in range(10):
            yield f"row {row}\n"

    return StreamingHttpResponse(rows(), content_type="text/plain")


@innocent()
async def raises(request: HttpRequest) -> JsonResponse:
    """An exception that nobody handles."""
    pages = ["page"] * 100
    raise LookupError(f"there are only {len(pages)} pages")


_figures: dict[str, Any] = {"latest": None}


@innocent()
async def replaced(request: HttpRequest) -> JsonResponse:
    """The latest value, which replaces the one before."""
    _figures["latest"] = Session(next(_numbers))
    return answer(number=_figures["latest"].number)


VIEWS = (sessions, pooled, lazy_imports, reads_rows, renders, streams, raises, replaced)
