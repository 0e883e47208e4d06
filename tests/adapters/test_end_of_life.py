"""Requests, responses and task requests: each adapter says which of them have to go with their unit."""

import asyncio
import gc
import uuid
from collections.abc import Callable, Iterator
from time import perf_counter
from typing import Any

import pytest
from celery import Celery, signals
from celery.app.trace import build_tracer
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from flask import Flask, request

from memguard.celery import MemGuard as CeleryMemGuard
from memguard.flask import MemGuard as FlaskMemGuard
from memguard.instruments.end_of_life import SECONDS_LATE, EndOfLife
from memguard.wiring.guard import Guard
from tests.adapters.direct import environ, scope, serve_asgi, serve_wsgi
from tests.adapters.django_subject import configure, make_handler

MIDDLEWARE = "memguard.django.MemGuardMiddleware"
SIGNALS = (
    signals.worker_init, signals.task_prerun, signals.task_postrun, signals.worker_process_shutdown,
    signals.worker_shutdown,
)  # fmt: skip

kept: list[Any] = []
does_keep = False


@pytest.fixture(autouse=True)
def _nothing_kept() -> Iterator[None]:
    before = [list(signal.receivers) for signal in SIGNALS]
    kept.clear()
    yield
    kept.clear()
    for signal, receivers in zip(SIGNALS, before, strict=True):
        signal.receivers[:] = receivers


def keep(each: Any) -> None:
    """Be a host that leaks what it is given, once it is told to."""
    if does_keep:
        kept.append(each)


class Keeps:
    """Django middleware that keeps request and response."""

    def __init__(self, get_response: Callable[[Any], Any]) -> None:
        self.get_response = get_response

    def __call__(self, asked: Any) -> HttpResponse:
        response: HttpResponse = self.get_response(asked)
        keep(asked)
        keep(response)
        return response


def flask() -> Callable[[], object]:
    """Return what sends a request to a Flask application that keeps it."""
    app = Flask("shop")
    FlaskMemGuard(app)

    @app.get("/clean")
    def clean() -> str:
        keep(request._get_current_object())  # type: ignore[attr-defined]  # werkzeug's proxies have it
        return "clean"

    return lambda: serve_wsgi(app, environ())


def django_wsgi() -> Callable[[], object]:
    """Return what sends a request to a Django application that keeps it and its response."""
    configure()
    handler = make_handler(WSGIHandler, [MIDDLEWARE, f"{__name__}.Keeps"], {})
    return lambda: serve_wsgi(handler, environ())


def django_asgi() -> Callable[[], object]:
    """Return the same under ASGI."""
    configure()
    handler = make_handler(ASGIHandler, [MIDDLEWARE, f"{__name__}.Keeps"], {})
    return lambda: asyncio.run(serve_asgi(handler, scope()))


def celery() -> Callable[[], object]:
    """Return what runs a task that keeps its request."""
    app = Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)
    CeleryMemGuard(app)

    @app.task(shared=False, name="shop.bill", bind=True)
    def bill(self: Any) -> None:
        keep(self.request_stack.top)

    def run() -> None:
        id_ = str(uuid.uuid4())
        build_tracer(bill.name, bill, app=app)(id_, (), {}, {"id": id_, "delivery_info": {}})

    return run


def ends_of(run: Callable[[], object], times: int) -> EndOfLife:
    """Run units outside windows, and return what follows their objects."""
    run()
    guard = Guard.current()
    assert guard is not None
    assert guard._watch is not None
    guard._watch.observer.stop()  # no window: while one is active nothing is followed
    ends = guard._watch.end_of_life
    for _ in range(times):
        ends._next.clear()  # it is every unit's turn
        run()
    gc.collect()
    return ends


SUBJECTS: dict[str, tuple[Callable[[], Callable[[], object]], str, dict[str, str]]] = {
    "flask": (flask, "GET /clean", {"request": "flask.wrappers.Request"}),
    "django-wsgi": (
        django_wsgi,
        "GET /clean",
        {"request": "django.core.handlers.wsgi.WSGIRequest", "response": "django.http.response.HttpResponse"},
    ),
    "django-asgi": (
        django_asgi,
        "GET /clean",
        {"request": "django.core.handlers.asgi.ASGIRequest", "response": "django.http.response.HttpResponse"},
    ),
    "celery": (celery, "shop.bill", {"task request": "celery.app.task.Context"}),
}


@pytest.mark.parametrize("keeps", [True, False], ids=["kept", "not kept"])
@pytest.mark.parametrize("name", SUBJECTS)
def test_objects_that_have_to_go(monkeypatch: pytest.MonkeyPatch, name: str, keeps: bool) -> None:
    """What the host keeps is late, by its operation and type; a host that keeps nothing has nothing that is late."""
    monkeypatch.setattr(f"{__name__}.does_keep", keeps)
    subject, operation, types = SUBJECTS[name]
    ends = ends_of(subject(), 3)
    found = ends.look(perf_counter() + SECONDS_LATE)

    assert sorted((each.operation.name, each.label, each.type, each.is_held) for each in found) == sorted(
        (operation, label, kind, True) for label, kind in types.items() for _ in range(3 if keeps else 0)
    )
    assert sorted((each.operation.name, each.label, each.looked, each.late) for each in ends.followed()) == sorted(
        (operation, label, 3, 3 if keeps else 0) for label in types
    )
    if keeps:
        alive = ends.alive(found[0].operation)
        assert {id(each) for each in alive} <= {id(each) for each in kept}
