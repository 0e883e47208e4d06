"""The menu without a framework: a WSGI and an ASGI application."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse, WSGIEnvironment

from tests.adapters.menu import BIG, CHUNKS, FILE, HEADERS, MEETING, boom, broken, endless

TEXT = ("Content-Type", "text/plain")
ROUTES = {
    f"/{name}" for name in (
        "clean", "list", "stream", "big", "unchanged", "file", "echo", "boom", "broken", "refused", "write", "meet",
        "endless",
    )
}  # fmt: skip


def route_of(path: str) -> str | None:
    """Return the route template of a path, as a framework would."""
    if path.startswith("/items/"):
        return "/items/{number}"
    return path if path in ROUTES else None


def wsgi_route(environ: WSGIEnvironment) -> str | None:
    """Name an operation of `wsgi_app`."""
    return route_of(environ["PATH_INFO"])


def asgi_route(scope: Any) -> str | None:
    """Name an operation of `asgi_app`."""
    return route_of(scope["path"])


def wsgi_app(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
    """Serve the menu over WSGI, with each of its ways to give a body."""
    path = environ["PATH_INFO"]
    is_head = environ["REQUEST_METHOD"] == "HEAD"
    if path == "/boom":
        boom()
    if path == "/meet":
        MEETING.wait()
    if path == "/unchanged":
        start_response("304 Not Modified", [("ETag", '"1"')])
        return []
    if path == "/file":
        start_response("200 OK", [TEXT, ("Content-Length", str(FILE.stat().st_size))])
        if is_head:
            return []
        file = FILE.open("rb")
        return environ["wsgi.file_wrapper"](file, 1000)  # type: ignore[no-any-return]
    if path == "/write":
        start_response("200 OK", [TEXT])(CHUNKS[0])
        return CHUNKS[1:]
    if path == "/refused":
        start_response("503 Service Unavailable", [TEXT])
        return [b"not now\n"]
    if route_of(path) is None:
        start_response("404 Not Found", [TEXT, ("Content-Length", "8")])
        return [b"nowhere\n"]
    start_response("200 OK", [TEXT, *HEADERS])
    if is_head:
        return ()
    return _wsgi_body(path, environ)


def _wsgi_body(path: str, environ: WSGIEnvironment) -> Iterable[bytes]:
    if path == "/stream":
        return (chunk for chunk in CHUNKS)
    if path == "/broken":
        return broken()
    if path == "/endless":
        return endless()
    if path == "/big":
        return [BIG]
    if path == "/echo":
        return [environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"]))]
    return [path.encode()]


Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]


async def asgi_app(scope: Any, receive: Receive, send: Send) -> None:
    """Serve the menu over ASGI, and a websocket that says everything back."""
    if scope["type"] == "lifespan":
        await _lifespan(receive, send)
    elif scope["type"] == "websocket":
        await _talk(receive, send)
    else:
        await _respond(scope["path"], receive, send)


async def _lifespan(receive: Receive, send: Send) -> None:
    for moment in ("startup", "shutdown"):
        await receive()
        await send({"type": f"lifespan.{moment}.complete"})


async def _talk(receive: Receive, send: Send) -> None:
    await receive()
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": message["text"]})


async def _respond(path: str, receive: Receive, send: Send) -> None:
    if path == "/boom":
        boom()
    if path == "/meet":
        await asyncio.to_thread(MEETING.wait)
    status, headers = 200, [(name.encode(), text.encode()) for name, text in (TEXT, *HEADERS)]
    if path == "/unchanged":
        status, headers = 304, [(b"etag", b'"1"')]
    elif path == "/refused":
        status = 503
    elif route_of(path) is None:
        status = 404
    await send({"type": "http.response.start", "status": status, "headers": headers})
    async for chunk in _chunks(path, receive):
        await send({"type": "http.response.body", "body": chunk, "more_body": True})
    await send({"type": "http.response.body"})


async def _chunks(path: str, receive: Receive) -> Any:
    if path == "/stream":
        for chunk in CHUNKS:
            yield chunk
    elif path == "/broken":
        for chunk in broken():
            yield chunk
    elif path == "/endless":
        gone = asyncio.ensure_future(_until_gone(receive))
        while not gone.done():
            yield BIG
            await asyncio.sleep(0)
    elif path == "/echo":
        yield (await receive())["body"]
    elif path == "/file":
        yield FILE.read_bytes()
    elif path == "/big":
        yield BIG
    elif path != "/unchanged":
        yield path.encode()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
