"""What goes in and out of the dashboard, in no framework's terms."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol
from urllib.parse import quote

from memguard.model import WorkerId
from memguard.settings import Settings
from memguard.store import Store

BODY_LIMIT = 65_536
"""Bytes of a POST body that an adapter reads; what is longer is refused."""
QUERY_LIMIT = 2048
"""Characters of a query that are looked at; what is longer is refused."""

_POLICY = (
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types memguard"
)
SECURITY = (
    ("Content-Security-Policy", _POLICY),
    ("X-Content-Type-Options", "nosniff"),
    ("X-Frame-Options", "DENY"),
    ("Referrer-Policy", "no-referrer"),
    ("Cross-Origin-Resource-Policy", "same-origin"),
    ("Cross-Origin-Opener-Policy", "same-origin"),
    ("X-Robots-Tag", "noindex, nofollow"),
)
NO_STORE = ("Cache-Control", "no-store")
HTML, JSON, TEXT = "text/html; charset=utf-8", "application/json", "text/plain; charset=utf-8"
PYTHON, MARKDOWN = "text/x-python; charset=utf-8", "text/markdown; charset=utf-8"
DOT = "text/vnd.graphviz; charset=utf-8"


class Source(Protocol):
    """The part of a guard that the dashboard needs."""

    @property
    def worker_id(self) -> WorkerId:
        """This process."""

    @property
    def store(self) -> Store:
        """What all workers have told."""

    def flush(self) -> None:
        """Write this worker's own state to the store now."""


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request.

    Attributes:
        method: As it came.
        path: Decoded, below the application's root: `/_memguard/api/report`.
        root: Where the application is mounted: empty, or like `/shop`.
        query: Not decoded, without its question mark.
        headers: By lower-case name.
        peer: The other end's address; None where there is none, as on a Unix socket.
        scheme: `http` or `https`.
        debug: The framework is in its debug mode.
        body: Of a POST, up to `BODY_LIMIT` bytes and one more where it is longer.
    """

    method: str
    path: str
    root: str
    query: str
    headers: Mapping[str, str]
    peer: str | None
    scheme: str
    debug: bool
    body: bytes = b""


@dataclass(frozen=True, slots=True)
class Response:
    """An HTTP response; a header may occur more than once."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def response(
    status: int, kind: str, body: str | bytes, *more: tuple[str, str], caching: tuple[str, str] = NO_STORE
) -> Response:
    """Return a response with everything that each of them carries."""
    sent = body if isinstance(body, bytes) else body.encode("utf-8", "replace")
    headers = (("Content-Type", kind), ("Content-Length", str(len(sent))), caching, *SECURITY, *more)
    return Response(status, headers, sent)


def base_of(request: Request, settings: Settings) -> str:
    """Return the endpoint's own path as a browser must ask for it: the root, the endpoint, percent-encoded."""
    # A root that begins with two slashes would be read as another host's name.
    root = request.root.strip("/")
    return quote((f"/{root}" if root else "") + (settings.endpoint or ""), safe="/", errors="replace")
