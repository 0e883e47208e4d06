"""The zoo's operations without a server: called in this process, one after another, with memguard off."""

import asyncio
import contextlib
import importlib
import itertools
import logging
import os
import random
from collections.abc import Callable
from typing import Any
from wsgiref.util import setup_testing_defaults

from tests.zoo import work
from tests.zoo.groups import Group
from tests.zoo.truth import Truth

Call = Callable[[Truth], None]


def caller(group: Group) -> Call:
    """Load a group's application and return what runs one unit of an operation of it."""
    work.ROWS = 0  # here nothing's costs are compared
    os.environ.update(MEMGUARD_MODE="off", ZOO_PART=group.part, DJANGO_SETTINGS_MODULE="tests.zoo.django_app.settings")
    logging.disable(logging.CRITICAL)
    chance, numbers = random.Random(1), itertools.count(1)

    def ask(truth: Truth) -> tuple[str, str]:
        path, _, query = chance.choice(truth.ask).replace("{n}", str(next(numbers))).partition("?")
        return path, query

    if group.framework == "celery":
        app = importlib.import_module(group.module).app
        return lambda truth: app.tasks[truth.operation].apply(throw=False)
    if group.app == "django.calm":
        return _asgi(importlib.import_module("tests.zoo.django_app.asgi").application, ask)
    if group.framework == "django":
        return _wsgi(importlib.import_module("tests.zoo.django_app.wsgi").application, ask)
    app = importlib.import_module(group.module).app
    return _wsgi(app, ask) if group.framework == "flask" else _asgi(app, ask)


def _wsgi(app: Any, ask: Callable[[Truth], tuple[str, str]]) -> Call:
    def call(truth: Truth) -> None:
        path, query = ask(truth)
        environ: dict[str, Any] = {"PATH_INFO": path, "QUERY_STRING": query, "HTTP_HOST": "127.0.0.1"}
        setup_testing_defaults(environ)
        answered: list[str] = []
        body = app(environ, lambda status, headers, _=None: answered.append(status))
        try:
            for _ in body:
                pass
        finally:
            getattr(body, "close", lambda: None)()
        if answered[0][:3] not in ("200", "500"):
            raise ValueError(f"{path} answered {answered[0]}")

    return call


def _asgi(app: Any, ask: Callable[[Truth], tuple[str, str]]) -> Call:
    loop = asyncio.new_event_loop()

    async def unit(truth: Truth) -> None:
        path, query = ask(truth)
        scope = {
            "type": "websocket" if truth.kind == "websocket" else "http", "asgi": {"version": "3.0"}, "method": "GET",
            "path": path, "raw_path": path.encode(), "query_string": query.encode(), "headers": [(b"host", b"127.0.0.1")],
            "root_path": "", "scheme": "http", "server": ("127.0.0.1", 1), "client": ("127.0.0.1", 2), "http_version": "1.1",
        }  # fmt: skip
        messages = _messages(truth)

        async def receive() -> dict[str, Any]:
            if messages:
                return messages.pop(0)
            return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]  # nothing more comes

        async def send(_: dict[str, Any]) -> None:
            await asyncio.sleep(0)

        # What an application raises, it raises through its server.
        with contextlib.suppress(LookupError):
            await app(scope, receive, send)

    return lambda truth: loop.run_until_complete(unit(truth))


def _messages(truth: Truth) -> list[dict[str, Any]]:
    if truth.kind == "websocket":
        talk = {"type": "websocket.receive", "text": "here"}
        return [{"type": "websocket.connect"}, talk, {"type": "websocket.disconnect", "code": 1000}]
    return [{"type": "http.request", "body": b"", "more_body": False}]
