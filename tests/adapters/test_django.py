"""The Django adapter: what operations are called, how it is set up, what the system checks say."""

import copy
import pickle
import subprocess
import sys
from typing import Any

import pytest
from django.conf import settings
from django.core.checks import run_checks
from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler
from django.http import HttpResponse
from django.test import AsyncClient, Client, RequestFactory, override_settings

from memguard.django import MemGuardMiddleware
from memguard.settings import SettingsError
from memguard.wiring.guard import Guard
from tests.adapters.direct import environ, serve_wsgi
from tests.adapters.django_subject import PASS_ON, _ByClass, _item, configure, make_handler
from tests.adapters.truth import counts, in_flight, runs

MIDDLEWARE = "memguard.django.MemGuardMiddleware"


@pytest.fixture(autouse=True)
def _set_up() -> None:
    configure()


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/items/7", "GET /items/<int:number>"),
        ("/shop/north/items/7", "GET /shop/<slug:tenant>/items/<int:number>"),
        ("/old/2024/", "GET /^old/(?P<year>[0-9]{4})/$"),
        ("/shop/north/old/2024/", "GET /shop/<slug:tenant>/old/(?P<year>[0-9]{4})/$"),
        ("/by-class/7", "GET /by-class/<int:number>"),
        ("/items/seven", "<unmatched>"),
        ("//items/7", "<unmatched>"),
    ],
)
def test_names(path: str, name: str) -> None:
    """Operations are named by the whole route, through nested `include`; regular expressions as they are written."""
    serve_wsgi(make_handler(WSGIHandler, [MIDDLEWARE], {}), environ(path))

    assert counts() == {name: (1, 0)}


def test_client() -> None:
    """Django's own test client ends the unit of a response that it closes, or that is dropped."""
    with override_settings(MIDDLEWARE=[MIDDLEWARE]):
        client = Client()
        assert client.get("/clean").content == b"clean"
        assert client.get("/stream").getvalue() == b"one two three\n"

    assert counts() == {"GET /clean": (1, 0), "GET /stream": (1, 0)}


async def test_async_client() -> None:
    """The same of the asynchronous one, through a middleware that stays asynchronous."""
    with override_settings(MIDDLEWARE=[MIDDLEWARE]):
        response = await AsyncClient().get("/items/7")

    assert response.content == b'{"number": 7}'
    assert counts() == {"GET /items/<int:number>": (1, 0)}


def test_stays_in_its_mode() -> None:
    """The middleware runs synchronously or asynchronously like the handler around it, and says which."""
    from asgiref.sync import iscoroutinefunction

    async def respond(_: Any) -> HttpResponse:
        return HttpResponse()

    assert iscoroutinefunction(MemGuardMiddleware(respond))
    assert not iscoroutinefunction(MemGuardMiddleware(lambda _: HttpResponse()))


def test_not_first() -> None:
    """Somewhere in the middle it works as well; what is around it is not watched."""
    with override_settings(MIDDLEWARE=[PASS_ON, MIDDLEWARE, PASS_ON]):
        assert Client().get("/clean").content == b"clean"

    assert counts() == {"GET /clean": (1, 0)}


def test_until_closed() -> None:
    """The middleware returns before a streamed body is sent; the unit ends when the response is closed."""
    middleware = MemGuardMiddleware(lambda _: HttpResponse("clean"))
    response = middleware(RequestFactory().get("/clean"))
    assert in_flight() == 1
    response.close()

    assert in_flight() == 0


def test_never_closed() -> None:
    """A response that is dropped without being closed ends its unit."""
    middleware = MemGuardMiddleware(lambda _: HttpResponse("clean"))
    response = middleware(RequestFactory().get("/clean"))
    assert in_flight() == 1
    del response

    assert in_flight() == 0


def test_response_that_is_cached() -> None:
    """A cache around the middleware may pickle and copy the response: the copies know of no unit."""
    middleware = MemGuardMiddleware(lambda _: HttpResponse("clean"))
    response = middleware(RequestFactory().get("/clean"))
    for copied in (pickle.loads(pickle.dumps(response)), copy.deepcopy(response)):
        assert copied.content == b"clean"
        copied.close()
        del copied
    assert in_flight() == 1
    response.close()

    assert counts() == {"<unmatched>": (1, 0)}


def test_response_of_another_make() -> None:
    """Where a response has no closers its unit ends when the middleware returns."""

    class Other:
        status_code = 200

    other = Other()
    middleware: Any = MemGuardMiddleware(lambda _: other)
    assert middleware(RequestFactory().get("/clean")) is other
    assert in_flight() == 0


def test_server_timing_beside_the_applications() -> None:
    """In trace mode a `Server-Timing` header of the application's is kept."""
    with override_settings(MEMGUARD={"MODE": "trace"}):
        middleware = MemGuardMiddleware(lambda _: HttpResponse(headers={"Server-Timing": "db;dur=3"}))
    response = middleware(RequestFactory().get("/clean"))

    assert response["Server-Timing"].startswith("db;dur=3, ")
    response.close()


def test_off() -> None:
    """With the mode off Django leaves the middleware out."""
    handler = make_handler(WSGIHandler, [MIDDLEWARE], {"MODE": "off"})
    assert serve_wsgi(handler, environ("/clean")) == b"clean"
    assert Guard.current() is None


@pytest.mark.parametrize("kind", [WSGIHandler, ASGIHandler])
def test_wrong_settings(kind: Any) -> None:
    """A wrong setting keeps the application from starting."""
    with pytest.raises(SettingsError, match="RSS_CEILING='512 bananas'"):
        make_handler(kind, [MIDDLEWARE], {"RSS_CEILING": "512 bananas"})


@pytest.mark.parametrize(("debug", "status"), [(True, 200), (False, 404)])
def test_debug_mode(debug: bool, status: int) -> None:
    """The endpoint follows `settings.DEBUG`, as it is when it is asked."""
    with override_settings(MIDDLEWARE=[MIDDLEWARE], DEBUG=False):
        client = Client(headers={"host": "localhost"})
        client.get("/clean")
        with override_settings(DEBUG=debug):
            assert client.get("/_memguard").status_code == status


def test_login() -> None:
    """The body of a POST to the endpoint is memguard's to read; the answer opens a session."""
    with override_settings(MIDDLEWARE=[MIDDLEWARE], MEMGUARD={"TOKEN": "a-long-secret"}):
        client = Client(headers={"host": "localhost", "origin": "http://localhost"})
        assert client.get("/_memguard").status_code == 404
        kind = "application/x-www-form-urlencoded"
        signed_in = client.post("/_memguard/login", "token=a-long-secret", content_type=kind)
        assert signed_in.status_code == 303
        cookie = signed_in["Set-Cookie"].partition(";")[0]
        assert client.get("/_memguard", headers={"cookie": cookie}).status_code == 200


def said(**changed: Any) -> dict[str, str]:
    """Return what the checks say of some settings: id and message."""
    right = {"MIDDLEWARE": [MIDDLEWARE], "MEMGUARD": {"TOKEN": "a-long-secret"}, "DEBUG": False}
    with override_settings(**{**right, **changed}):
        return {each.id: each.msg for each in run_checks() if str(each.id).startswith("memguard.")}


def test_checks_of_what_is_right() -> None:
    """A project that is set up well hears nothing."""
    assert not said()
    assert not said(MEMGUARD={}, DEBUG=True)
    assert not said(MEMGUARD={"ENDPOINT": None})
    assert not said(MEMGUARD={"MODE": "off"})


def test_check_of_settings() -> None:
    """A wrong setting is an error that names it, its value and what is allowed."""
    assert said(MEMGUARD={"TOKEN": "a-long-secret", "MODE": "sleep"}) == {
        "memguard.E001": "memguard setting MODE='sleep': expected one of 'watch', 'trace', 'off'"
    }


def test_check_of_middleware() -> None:
    """A middleware that is missing, or does not see everything, is a warning."""
    assert said(MIDDLEWARE=[]) == {"memguard.W001": "memguard watches nothing: its middleware is not in MIDDLEWARE."}
    assert said(MIDDLEWARE=[PASS_ON, MIDDLEWARE]) == {
        "memguard.W002": f"memguard does not see what this middleware does: {PASS_ON}."
    }
    assert said(MIDDLEWARE=[MIDDLEWARE, PASS_ON, MIDDLEWARE]) == {
        "memguard.W003": "memguard's middleware is 2 times in MIDDLEWARE."
    }
    assert not said(MIDDLEWARE=["memguard.django.middleware.MemGuardMiddleware", "not.there"])


def test_check_of_the_endpoint() -> None:
    """Outside of debug mode an endpoint without a token answers nobody, which the checks mention."""
    assert said(MEMGUARD={}) == {"memguard.I001": "memguard answers nobody at /_memguard: no token is set."}


def test_app() -> None:
    """`memguard.django` is an app without models."""
    from django.apps import apps

    assert settings.configured
    assert apps.get_app_config("memguard").name == "memguard.django"
    assert not list(apps.get_app_config("memguard").get_models())


def test_import_without_a_project() -> None:
    """Importing the adapter needs neither settings nor `django.setup()`."""
    done = subprocess.run(
        [sys.executable, "-c", "from memguard.django import MemGuardMiddleware; import memguard.django.apps"],
        capture_output=True, text=True, check=False, timeout=60,
    )  # fmt: skip

    assert (done.returncode, done.stderr) == (0, "")


def test_the_view_is_known() -> None:
    """Its function, or the methods of its class."""
    handler = make_handler(WSGIHandler, [MIDDLEWARE], {})
    serve_wsgi(handler, environ("/items/7"))
    serve_wsgi(handler, environ("/by-class/7"))

    assert runs("GET /items/<int:number>", _item)
    assert runs("GET /by-class/<int:number>", _ByClass.get)
    assert not runs("GET /by-class/<int:number>", _item)
