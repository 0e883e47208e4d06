"""What every subject of the contract serves, and what must be known of it: paths, operations, errors."""

import threading
import weakref
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

FILE = Path(__file__)
BIG = b"0123456789abcdef" * 131_072
CHUNKS = (b"one ", b"two ", b"three\n")
HEADERS = (("X-First", "1"), ("Set-Cookie", "a=1"), ("X-Second", "2"), ("Set-Cookie", "b=2"))
"""Two of one name with another between them: an order that a dict would not keep."""


class BoomError(Exception):
    """What `/boom` and `/broken` raise."""


PLANTED: list[BaseException] = []
"""Raised by the next `boom`, for a test that wants to see the very object again."""


FOLLOWED: list[tuple[str, "weakref.ref[object]"]] = []
"""What tests want to see go: a name, and the object, held by nobody here."""


def follow(name: str, each: object) -> None:
    """Remember an object as long as it lives."""
    FOLLOWED.append((name, weakref.ref(each)))


class Meeting:
    """Where two requests wait for each other, so that they are in flight at the same time."""

    def __init__(self) -> None:
        self._barrier = threading.Barrier(2)

    def wait(self) -> None:
        """Return when the other one has come too."""
        self._barrier.wait(timeout=20)


MEETING = Meeting()


def boom() -> str:
    """Raise what was planted, or an error of its own."""
    raise PLANTED.pop() if PLANTED else BoomError("boom")


def broken() -> Iterator[bytes]:
    """Yield a part of a body, then fail."""
    yield CHUNKS[0]
    boom()


def endless() -> Iterator[bytes]:
    """Yield until nobody listens."""
    while True:
        yield BIG


@dataclass(frozen=True)
class Case:
    """A request, and how the unit it makes must end.

    Attributes:
        route: The route template, in the words of the plain subjects; None where nothing matches.
        error: The unit ends as an error.
        only: The protocol that has it, or both.
    """

    method: str
    path: str
    route: str | None
    error: bool = False
    body: bytes = b""
    only: str = ""

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


CASES = (
    Case("GET", "/clean", "/clean"),
    Case("HEAD", "/clean", "/clean"),
    Case("GET", "/list", "/list"),
    Case("GET", "/stream", "/stream"),
    Case("HEAD", "/stream", "/stream"),
    Case("GET", "/big", "/big"),
    Case("GET", "/unchanged", "/unchanged"),
    Case("GET", "/file", "/file"),
    Case("HEAD", "/file", "/file"),
    Case("POST", "/echo", "/echo", body=b"said twice"),
    Case("GET", "/items/7", "/items/{number}"),
    Case("GET", "/items/8?q=1", "/items/{number}"),
    Case("GET", "/boom", "/boom", error=True),
    Case("GET", "/broken", "/broken", error=True),
    Case("GET", "/refused", "/refused", error=True),
    Case("GET", "/nowhere", None),
    Case("PROPFIND", "/nowhere", None),
    Case("GET", "/_memguard", None),
    Case("GET", "/_memguard/api/report", None),
    Case("POST", "/_memguard/api/commands", None, body=b'{"command": "collect"}'),
    Case("GET", "/write", "/write", only="wsgi"),
)
