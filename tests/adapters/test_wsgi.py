"""The WSGI adapter: the protocol's corners, and what else its arguments say."""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any
from wsgiref.types import WSGIApplication
from wsgiref.util import FileWrapper

import pytest

from memguard.adapting import UNIT
from memguard.settings import SettingsError
from memguard.wiring.guard import Guard
from memguard.wsgi import MemGuardMiddleware
from tests.adapters.direct import Head, environ, serve_wsgi
from tests.adapters.menu import BoomError
from tests.adapters.truth import counts, eventually, in_flight


def answering(body: Any, status: str = "200 OK") -> WSGIApplication:
    """Return an application that gives a body as it is."""

    def app(_: Any, start_response: Any) -> Any:
        start_response(status, [])
        return body

    return app


class Chunks:
    """An iterable that says what was done with it."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def __iter__(self) -> Iterator[bytes]:
        self.done.append("iterated")
        return iter([b"one", b"two"])

    def close(self) -> None:
        self.done.append("closed")


def test_until_closed() -> None:
    """The unit lasts until the server closes the response, and the application's own `close` is called, once."""
    body = Chunks()
    result: Any = MemGuardMiddleware(answering(body))(environ(), Head())
    assert list(result) == [b"one", b"two"]
    assert in_flight() == 1

    result.close()
    assert body.done == ["iterated", "closed"]
    assert in_flight() == 0


def test_never_iterated() -> None:
    """A response that the server closes without iterating it, as for a HEAD, ends its unit; its generator never ran."""
    ran = []

    def chunks() -> Iterator[bytes]:
        ran.append("chunks")
        yield b""

    result: Any = MemGuardMiddleware(answering(chunks()))(environ(), Head())
    result.close()

    assert not ran
    assert in_flight() == 0


def test_never_closed() -> None:
    """A server that drops a response without closing it ends the unit too, at once and without a collection."""

    def app(_: Any, start_response: Any) -> Iterator[bytes]:
        start_response("200 OK", [])
        yield b"one"
        yield b"two"

    gc.disable()
    try:
        result: Any = MemGuardMiddleware(app)(environ(), Head())
        assert next(iter(result)) == b"one"
        assert in_flight() == 1
        del result
        assert in_flight() == 0
    finally:
        gc.enable()
    assert counts() == {"GET <wsgi>": (1, 0)}


def test_next_without_iter() -> None:
    """A caller that takes the response for an iterator gets its chunks."""
    result: Any = MemGuardMiddleware(answering(iter([b"one", b"two"])))(environ(), Head())

    assert [next(result), next(result)] == [b"one", b"two"]


@pytest.mark.parametrize("body", [[b"one"], (b"one", b"two"), ()], ids=repr)
def test_length(body: Iterable[bytes]) -> None:
    """A response that has a length keeps it: servers send a Content-Length for a length of 1."""
    result: Any = MemGuardMiddleware(answering(body))(environ(), Head())

    assert len(result) == len(list(body))


def test_no_length() -> None:
    """A response without a length has none."""
    result: Any = MemGuardMiddleware(answering(iter([b"one"])))(environ(), Head())

    assert not hasattr(result, "__len__")


def test_file_wrapper(tmp_path: Any) -> None:
    """A file response reaches the server as it is, and its unit ends when the server lets go of it."""
    file = tmp_path / "file"
    file.write_bytes(b"content")
    body = FileWrapper(file.open("rb"))
    result = MemGuardMiddleware(answering(body), operation=lambda _: "/file")(environ(), Head())
    assert result is body
    assert in_flight() == 1

    body.close()
    del result, body
    eventually(counts, {"GET /file": (1, 0)})
    assert in_flight() == 0


def test_file_wrapper_that_is_a_function(tmp_path: Any) -> None:
    """A server whose file wrapper is a function gets back the very object that it made, like uWSGI's."""
    file = tmp_path / "file"
    file.write_bytes(b"content")
    asked = environ(more={"wsgi.file_wrapper": lambda opened, size: opened})
    with file.open("rb") as opened:
        assert MemGuardMiddleware(answering(opened))(asked, Head()) is opened
        assert in_flight() == 1
    del opened
    asked.clear()
    gc.collect()
    eventually(in_flight, 0)


def test_file_wrapper_that_cannot_be_followed() -> None:
    """Where no weak reference can follow a file response its unit ends at once, rather than never."""

    class Slotted:
        __slots__ = ()

        def __iter__(self) -> Iterator[bytes]:
            return iter([b"one"])

    body = Slotted()
    assert MemGuardMiddleware(answering(body))(environ(more={"wsgi.file_wrapper": Slotted}), Head()) is body
    assert in_flight() == 0


def test_start_response_as_it_was_called() -> None:
    """The server's `start_response` gets what the application gave, `exc_info` only if it gave one; returns `write`."""
    write: Any = None

    def app(asked: Any, start_response: Callable[..., Any]) -> list[bytes]:
        nonlocal write
        write = start_response("200 OK", headers)
        if asked["PATH_INFO"] == "/again":
            try:
                raise BoomError
            except BoomError:
                start_response("500 Sorry", headers, sys.exc_info())
        return []

    headers = [("X-One", "1")]
    head = Head()
    serve_wsgi(MemGuardMiddleware(app), environ())
    MemGuardMiddleware(app)(environ(), head)
    assert (head.status, head.more) == ("200 OK", ())
    assert head.headers is headers
    write(b"legacy")
    assert head.written == [b"legacy"]

    MemGuardMiddleware(app)(environ("/again"), head)
    assert head.status == "500 Sorry"
    assert [kind for kind, _, _ in head.more] == [BoomError]
    assert counts() == {"GET <wsgi>": (3, 1)}


def test_close_that_fails() -> None:
    """An exception of the response's own `close` passes through, and its unit is an error."""

    class Failing(Chunks):
        def close(self) -> None:
            raise BoomError("closing")

    result: Any = MemGuardMiddleware(answering(Failing()))(environ(), Head())
    with pytest.raises(BoomError, match="closing"):
        result.close()

    assert counts() == {"GET <wsgi>": (1, 1)}


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()], ids=repr)
def test_exit(error: BaseException) -> None:
    """What ends the process or a greenlet passes through and ends the unit; it is not an error of the operation."""

    def app(*_: Any) -> Any:
        raise error

    with pytest.raises(type(error)) as caught:
        MemGuardMiddleware(app)(environ(), Head())

    assert caught.value is error
    assert counts() == {"GET <wsgi>": (1, 0)}


@pytest.mark.parametrize(("method", "name"), [("PURGE", "OTHER /x"), ("get", "OTHER /x"), ("PATCH", "PATCH /x")])
def test_methods_are_a_closed_set(method: str, name: str) -> None:
    """A client cannot make operations up by its method."""
    serve_wsgi(MemGuardMiddleware(answering([]), operation=lambda _: "/x"), environ(method=method))

    assert counts() == {name: (1, 0)}


def test_operation_that_fails(swallowed: list[BaseException]) -> None:
    """A naming function that fails costs the name, not the unit."""

    def operation(_: Any) -> str:
        raise BoomError("naming")

    serve_wsgi(MemGuardMiddleware(answering([]), operation=operation, unmatched="/somewhere"), environ())

    assert counts() == {"GET /somewhere": (1, 0)}
    assert [str(error) for error in swallowed] == ["naming"]


def test_application_that_answers_nothing() -> None:
    """A result that is no iterable fails in the server, as it would without memguard."""
    result = MemGuardMiddleware(answering(None))(environ(), Head())
    with pytest.raises(TypeError, match="'NoneType' object is not iterable"):
        iter(result)


def test_environ_used_again() -> None:
    """A server may use an environ again: the mark of a unit that is over does not hide the next one."""
    asked = environ()
    app = MemGuardMiddleware(answering([]))
    serve_wsgi(app, asked)
    assert asked[UNIT].ended
    serve_wsgi(app, asked)

    assert counts() == {"GET <wsgi>": (2, 0)}


@pytest.mark.parametrize(
    ("debug", "host", "open_"),
    [(True, "localhost", True), (lambda asked: asked["REMOTE_ADDR"] == "127.0.0.1", "localhost", True),
     (False, "localhost", False), (True, "evil.example", False)],
)  # fmt: skip
def test_endpoint_in_debug_mode(debug: Any, host: str, open_: bool) -> None:
    """Without a token the page is there for a developer on this machine, in debug mode; else the application answers."""
    app = MemGuardMiddleware(answering([b"the application's"], "404 Not Found"), debug=debug)
    body = serve_wsgi(app, environ("/_memguard/api/report", HTTP_HOST=host, REMOTE_ADDR="127.0.0.1"))

    assert (b'"schema": 1' in body or b'"schema":1' in body) == open_
    assert (body == b"the application's") != open_
    assert len(counts()) == (0 if open_ else 1)


def test_endpoint_elsewhere() -> None:
    """The endpoint's path may hold any characters; servers give them as latin-1."""
    app = MemGuardMiddleware(answering([b"the application's"]), endpoint="/память", debug=True)
    asked = environ("/", HTTP_HOST="localhost", REMOTE_ADDR="127.0.0.1")
    asked["PATH_INFO"] = "/память/api/report".encode().decode("latin-1")

    assert b'"schema"' in serve_wsgi(app, asked)


def test_endpoint_that_fails(monkeypatch: pytest.MonkeyPatch, swallowed: list[BaseException]) -> None:
    """An admitted request whose answer fails gets a 500 without a traceback."""

    def fail(*_: Any) -> Any:
        raise BoomError("answering")

    monkeypatch.setattr("memguard.adapting.respond", fail)
    head = Head()
    app = MemGuardMiddleware(answering([]), debug=True)
    body = app(environ("/_memguard", HTTP_HOST="localhost", REMOTE_ADDR="127.0.0.1"), head)

    assert head.status == "500 Internal Server Error"
    assert list(body) == [b"memguard could not answer; its log says why.\n"]
    assert [str(error) for error in swallowed] == ["answering"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"rss_ceiling": "512 bananas"}, "rss_ceiling='512 bananas': expected"),
        ({"mode": "sleep"}, "mode='sleep': expected one of 'watch', 'trace', 'off'"),
        (
            {"rss_cieling": "512MB"},
            "unknown memguard setting 'rss_cieling'; known settings: alert_cooldown, alert_rules",
        ),
        ({"environ": {}}, "unknown memguard setting 'environ'"),
        ({"settings": 7}, "MEMGUARD=7: expected a mapping"),
        ({"store": __file__}, "expected the path of a file that memguard made"),
    ],
)
def test_wrong_settings(arguments: dict[str, Any], message: str) -> None:
    """A wrong setting is an error where the application is made; it names the setting, the value, what is allowed."""
    with pytest.raises(SettingsError) as caught:
        MemGuardMiddleware(answering([]), **arguments)

    assert message in str(caught.value)
    assert Guard.current() is None


def test_making_it_starts_nothing() -> None:
    """The guard is made by the first request, which is after a fork; not by the application's module."""
    app = MemGuardMiddleware(answering([]))
    assert Guard.current() is None
    serve_wsgi(app, environ())

    assert Guard.current() is not None
