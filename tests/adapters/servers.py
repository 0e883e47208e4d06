"""Real servers in a thread of this process, and a client that sees every byte."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from socketserver import ThreadingMixIn
from typing import Any
from wsgiref.simple_server import WSGIRequestHandler, WSGIServer, make_server

import uvicorn
from werkzeug.middleware.lint import LintMiddleware
from werkzeug.serving import WSGIRequestHandler as WerkzeugHandler
from werkzeug.serving import make_server as make_werkzeug

Address = tuple[str, int]
SECONDS = 30

_DATE = re.compile(rb"(?mi)^(date:) [^\r]+")


class _ThreadingServer(ThreadingMixIn, WSGIServer):
    daemon_threads = True


class _SilentHandler(WSGIRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        pass

    def get_stderr(self) -> Any:
        return _Nowhere()


class _SilentWerkzeug(WerkzeugHandler):
    def log(self, type: str, message: str, *args: Any) -> None:  # noqa: A002 (the base class's name)
        pass


class _Nowhere:
    def write(self, text: str) -> int:
        return len(text)

    def writelines(self, lines: list[str]) -> None:
        pass

    def flush(self) -> None:
        pass


@contextmanager
def wsgiref(app: Any) -> Iterator[Address]:
    """Serve a WSGI application with the standard library's server, a thread for each request."""
    server = make_server("127.0.0.1", 0, app, _ThreadingServer, _SilentHandler)
    with _running(lambda: server.serve_forever(poll_interval=0.01), server.shutdown):
        yield "127.0.0.1", server.server_port
    server.server_close()


@contextmanager
def werkzeug(app: Any) -> Iterator[Address]:
    """Serve a WSGI application with werkzeug's server and, around it, its checks of the protocol."""
    server = make_werkzeug("127.0.0.1", 0, LintMiddleware(app), threaded=True, request_handler=_SilentWerkzeug)
    with _running(lambda: server.serve_forever(poll_interval=0.01), server.shutdown):
        yield "127.0.0.1", server.server_port
    server.server_close()


@contextmanager
def uvicorn_server(app: Any) -> Iterator[Address]:
    """Serve an ASGI application with uvicorn."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(app, log_level="critical", lifespan="auto", log_config=None, ws="websockets-sansio")
    server = uvicorn.Server(config)

    def stop() -> None:
        server.should_exit = True

    with _running(lambda: server.run(sockets=[listening]), stop):
        yield listening.getsockname()
    listening.close()


@contextmanager
def _running(run: Any, stop: Any) -> Iterator[None]:
    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop()
        thread.join(SECONDS)
        assert not thread.is_alive()


def request_bytes(method: str, path: str, body: bytes = b"", headers: tuple[str, ...] = ()) -> bytes:
    """Return an HTTP/1.1 request that asks for the connection to be closed."""
    lines = [f"{method} {path} HTTP/1.1", "Host: localhost", "Connection: close", *headers]
    if body:
        lines += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode() + body


def fetch(address: Address, method: str, path: str, body: bytes = b"", headers: tuple[str, ...] = ()) -> bytes:
    """Return every byte that comes back, but for the date."""
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(request_bytes(method, path, body, headers))
        received = b""
        while more := connection.recv(1 << 20):
            received += more
    head, gap, rest = received.partition(b"\r\n\r\n")
    return _DATE.sub(rb"\1 -", head) + gap + rest


def start_and_leave(address: Address, path: str) -> None:
    """Ask for a body, read its beginning and go away."""
    with socket.create_connection(address, timeout=SECONDS) as connection:
        connection.sendall(request_bytes("GET", path))
        assert connection.recv(1 << 16)
