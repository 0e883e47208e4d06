"""The endpoint over WSGI: an environ read as a request of the dashboard's, its answer sent."""

from collections.abc import Callable
from dataclasses import replace
from http import HTTPStatus
from wsgiref.types import StartResponse, WSGIEnvironment

from memguard.dashboard import BODY_LIMIT, Request, Response, admits
from memguard.settings import Settings

Debug = bool | Callable[[WSGIEnvironment], bool]


def path_of(environ: WSGIEnvironment) -> str:
    """Return the path below the application's root, decoded."""
    path: str = environ.get("PATH_INFO", "")
    return path if path.isascii() else path.encode("latin-1").decode("utf-8", "replace")


def read_request(environ: WSGIEnvironment, *, debug: Debug) -> Request:
    """Return the request of an environ, without its body."""
    headers = {key[5:].replace("_", "-").lower(): text for key, text in environ.items() if key.startswith("HTTP_")}
    for key in ("CONTENT_TYPE", "CONTENT_LENGTH"):
        if environ.get(key):
            headers[key.replace("_", "-").lower()] = environ[key]
    return Request(
        method=environ.get("REQUEST_METHOD", ""),
        path=path_of(environ),
        root=environ.get("SCRIPT_NAME", ""),
        query=environ.get("QUERY_STRING", ""),
        headers=headers,
        peer=environ.get("REMOTE_ADDR"),
        scheme=environ.get("wsgi.url_scheme", "http"),
        debug=bool(debug(environ) if callable(debug) else debug),
    )


def admitted(environ: WSGIEnvironment, settings: Settings, *, debug: Debug) -> Request | None:
    """Return the request with its body where the endpoint answers it, else None with the body unread."""
    request = read_request(environ, debug=debug)
    if not admits(request, settings):
        return None
    length = request.headers.get("content-length", "")
    if request.method == "POST" and length.isascii() and length.isdigit():
        return replace(request, body=environ["wsgi.input"].read(min(int(length), BODY_LIMIT + 1)))
    return request


def send(answered: Response, start_response: StartResponse) -> list[bytes]:
    """Hand an answer to the server."""
    start_response(f"{answered.status} {HTTPStatus(answered.status).phrase}", list(answered.headers))
    return [answered.body]
