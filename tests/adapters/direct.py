"""Applications called without a server, so that a test sees what passes between the two."""

import asyncio
from collections.abc import Iterable
from typing import Any
from wsgiref.util import FileWrapper

from werkzeug.test import EnvironBuilder

from tests.adapters.subjects import Subject


class Environ(dict[str, Any]):
    """A WSGI environ that a weak reference may follow."""


class Scope(dict[str, Any]):
    """An ASGI scope that a weak reference may follow."""


class Head:
    """A `start_response` that remembers what it was told."""

    def __init__(self) -> None:
        self.status = ""
        self.headers: list[tuple[str, str]] = []
        self.more: tuple[Any, ...] = ()
        self.written: list[bytes] = []

    def __call__(self, status: str, headers: list[tuple[str, str]], *more: Any) -> Any:
        self.status, self.headers, self.more = status, headers, more
        return self.written.append


def environ(path: str = "/clean", method: str = "GET", more: dict[str, Any] | None = None, **changed: Any) -> Environ:
    """Return the environ of a request."""
    with_body = EnvironBuilder(
        path, method=method, environ_overrides={"wsgi.file_wrapper": FileWrapper, **(more or {}), **changed}
    )
    try:
        return Environ(with_body.get_environ())
    finally:
        with_body.close()


def scope(path: str = "/clean", kind: str = "http", **changed: Any) -> Scope:
    """Return the scope of a request or a websocket session."""
    return Scope({
        "type": kind, "asgi": {"version": "3.0", "spec_version": "2.4"}, "http_version": "1.1", "method": "GET",
        "path": path, "raw_path": path.encode(), "root_path": "", "scheme": "http", "query_string": b"",
        "headers": [(b"host", b"localhost")], "client": ("127.0.0.1", 4711), "server": ("127.0.0.1", 80), **changed,
    })  # fmt: skip


def serve_wsgi(app: Any, asked: Environ) -> bytes:
    """Do what a server does with an application, and return the body."""
    head = Head()
    result: Iterable[bytes] = app(asked, head)
    try:
        return b"".join([*head.written, *result])
    finally:
        close = getattr(result, "close", None)
        if close is not None:
            close()


async def serve_asgi(app: Any, asked: Scope) -> bytes:
    """Do what a server does with an application, and return the body."""
    messages: list[Any] = [{"type": "http.request", "body": b"", "more_body": False}]
    body: list[bytes] = []

    async def receive() -> Any:
        if messages:
            return messages.pop()
        return await asyncio.Event().wait()

    async def send(message: Any) -> None:
        body.append(message.get("body", b""))

    await app(asked, receive, send)
    return b"".join(body)


def serve(app: Any, asked: Environ | Scope) -> bytes:
    """Call an application the way its protocol wants it."""
    return serve_wsgi(app, asked) if isinstance(asked, Environ) else asyncio.run(serve_asgi(app, asked))


def request_for(subject: Subject, path: str) -> Environ | Scope:
    """Return a request for a path, in the subject's protocol."""
    return environ(path) if subject.protocol == "wsgi" else scope(path)
