"""The subjects of the contract: every web adapter, with the menu in its framework, behind a real server."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any

from django.core.handlers.asgi import ASGIHandler
from django.core.handlers.wsgi import WSGIHandler

from memguard import asgi, starlette, wsgi
from memguard.flask import MemGuard
from tests.adapters import plain
from tests.adapters.django_subject import PASS_ON, make_handler
from tests.adapters.flask_subject import make_app
from tests.adapters.menu import Case
from tests.adapters.servers import Address, uvicorn_server, werkzeug, wsgiref
from tests.adapters.starlette_subject import make_fastapi, make_starlette

Settings = dict[str, object]
MIDDLEWARE = "memguard.django.MemGuardMiddleware"


@dataclass(frozen=True)
class Subject:
    """An adapter with an application.

    Attributes:
        make: Returns the application, watched with some settings, or bare for None.
        twice: Returns the application inside two layers of memguard.
        debugging: Returns the application watched, in debug mode.
        item: The route template of `/items/7`, in the words of the framework.
        unmatched: The route of a path that no route has.
    """

    name: str
    server: Callable[[Any], AbstractContextManager[Address]]
    make: Callable[[Settings | None], Any]
    twice: Callable[[], Any]
    item: str
    unmatched: str = "<unmatched>"

    @property
    def protocol(self) -> str:
        """`wsgi` or `asgi`."""
        return "asgi" if self.server is uvicorn_server else "wsgi"

    def operation(self, case: Case) -> str:
        """Return what a case's operation is called here."""
        if case.route is None:
            return self.unmatched if self.unmatched == "<unmatched>" else f"{_method(case)} {self.unmatched}"
        return f"{case.method} {self.item if case.path.startswith('/items/') else case.route}"

    def has(self, case: Case) -> bool:
        """Tell whether the subject's menu has the case."""
        return not case.only or self.name.startswith(case.only)


def _method(case: Case) -> str:
    return case.method if case.method in {"GET", "HEAD", "POST"} else "OTHER"


def _wsgi(settings: Settings | None) -> Any:
    return (
        plain.wsgi_app
        if settings is None
        else wsgi.MemGuardMiddleware(plain.wsgi_app, settings, operation=plain.wsgi_route)
    )


def _asgi(settings: Settings | None) -> Any:
    return (
        plain.asgi_app
        if settings is None
        else asgi.MemGuardMiddleware(plain.asgi_app, settings, operation=plain.asgi_route)
    )


def _wsgi_twice() -> Any:
    return wsgi.MemGuardMiddleware(_wsgi({}), operation=plain.wsgi_route)


def _asgi_twice() -> Any:
    return asgi.MemGuardMiddleware(_asgi({}), operation=plain.asgi_route)


def _flask(settings: Settings | None) -> Any:
    app = make_app()
    if settings is not None:
        app.config["MEMGUARD"] = settings
        MemGuard(app)
    return app


def _flask_twice() -> Any:
    app = _flask({})
    MemGuard(app)
    return wsgi.MemGuardMiddleware(app)


def _django(name: str, server: Any, *others: str) -> Subject:
    kind, outside = (WSGIHandler, wsgi) if server is wsgiref else (ASGIHandler, asgi)

    def make(settings: Settings | None) -> Any:
        return make_handler(kind, [*([] if settings is None else [MIDDLEWARE]), *others], settings or {})

    def twice() -> Any:
        return outside.MemGuardMiddleware(make_handler(kind, [MIDDLEWARE, MIDDLEWARE, *others], {}))

    return Subject(name, server, make, twice, NUMBER)


def _starlette(name: str, make_bare: Callable[[], Any]) -> Subject:
    def make(settings: Settings | None) -> Any:
        app = make_bare()
        if settings is not None:
            app.add_middleware(starlette.MemGuardMiddleware, **settings)
        return app

    def twice() -> Any:
        app = make({})
        app.add_middleware(starlette.MemGuardMiddleware)
        return starlette.MemGuardMiddleware(app)

    return Subject(name, uvicorn_server, make, twice, "/items/{number:int}")


PLAIN, NUMBER = "/items/{number}", "/items/<int:number>"
SUBJECTS = [
    Subject("wsgi", wsgiref, _wsgi, _wsgi_twice, PLAIN, "<wsgi>"),
    Subject("wsgi-lint", werkzeug, _wsgi, _wsgi_twice, PLAIN, "<wsgi>"),
    Subject("flask", wsgiref, _flask, _flask_twice, NUMBER),
    Subject("flask-lint", werkzeug, _flask, _flask_twice, NUMBER),
    _django("django-wsgi", wsgiref),
    _django("django-asgi", uvicorn_server),
    _django("django-asgi-sync", uvicorn_server, PASS_ON),
    Subject("asgi", uvicorn_server, _asgi, _asgi_twice, PLAIN, "<asgi>"),
    _starlette("starlette", make_starlette),
    _starlette("fastapi", make_fastapi),
]
