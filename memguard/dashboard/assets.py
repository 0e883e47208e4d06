"""The page's style sheet, script and icon: files of this package, known by name."""

from functools import cache
from hashlib import sha256
from importlib.resources import files

from memguard.dashboard.messages import Response, response

KINDS = {
    "icon.svg": "image/svg+xml",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
}
CACHING = ("Cache-Control", "private, max-age=86400")


def asset(name: str) -> Response | None:
    """Return a file, None for any other name: nothing is looked up that a client named."""
    kind = KINDS.get(name)
    return None if kind is None else response(200, kind, _content(name), caching=CACHING)


def url(base: str, name: str) -> str:
    """Return the address of a file, which changes with its content, so that it may be cached."""
    return f"{base}/static/{name}?v={sha256(_content(name)).hexdigest()[:12]}"


@cache
def _content(name: str) -> bytes:
    return (files(__package__) / "static" / name).read_bytes()
