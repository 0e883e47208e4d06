"""A WSGI application whose every request leaks, watched by memguard with the settings of the environment."""

import time
from collections.abc import Iterable, Iterator
from typing import Any

from memguard.wsgi import MemGuardMiddleware
from tests.recycle import menu


def app(environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer one of the menu's paths."""
    path = environ["PATH_INFO"]
    menu.leak()
    headers = [("Content-Type", "text/plain"), ("X-Pid", menu.pid_header())]
    if path == "/stream":
        start_response("200 OK", headers)
        return stream()
    body = menu.SMALL
    if path == "/slow":
        time.sleep(menu.SLOW_SECONDS)
    elif path == "/post":
        body = str(len(environ["wsgi.input"].read(int(environ["CONTENT_LENGTH"])))).encode()
    start_response("200 OK", [*headers, ("Content-Length", str(len(body)))])
    return [body]


def stream() -> Iterator[bytes]:
    """Yield chunks over some seconds."""
    for _ in range(menu.STREAM_CHUNKS):
        time.sleep(menu.STREAM_SECONDS / menu.STREAM_CHUNKS)
        yield menu.CHUNK


application = MemGuardMiddleware(app)
