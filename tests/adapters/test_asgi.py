"""The ASGI adapter: cancellation, background work, websockets, other scopes, and what else its arguments say."""

import asyncio
import json
from typing import Any

import pytest
from websockets.sync.client import connect

from memguard.asgi import MemGuardMiddleware
from memguard.settings import SettingsError
from memguard.wiring.guard import Guard
from tests.adapters.direct import scope, serve_asgi
from tests.adapters.menu import BoomError
from tests.adapters.plain import asgi_app
from tests.adapters.servers import uvicorn_server
from tests.adapters.truth import counts, eventually, in_flight


async def hello(_scope: Any, _receive: Any, send: Any) -> None:
    """Answer with one word."""
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"hello"})


async def test_background_work() -> None:
    """Work after the response is part of the unit; the moment the last of the body left is told apart."""

    async def app(asked: Any, receive: Any, send: Any) -> None:
        await hello(asked, receive, send)
        seen.append(in_flight())
        await asyncio.sleep(0.02)

    seen: list[int | None] = []
    await serve_asgi(MemGuardMiddleware(app, mode="trace"), scope())
    assert seen == [1]
    assert counts() == {"GET <asgi>": (1, 0)}
    guard = Guard.current()
    assert guard is not None
    ((_, unit),) = guard.store.units()
    assert unit.body_sent is not None
    assert unit.body_sent + 0.02 <= unit.seconds


async def test_more_body_to_come() -> None:
    """A body whose last message never left has no moment at which it was sent."""

    async def app(_asked: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"hello", "more_body": True})

    await serve_asgi(MemGuardMiddleware(app, mode="trace"), scope())
    assert counts() == {"GET <asgi>": (1, 0)}
    guard = Guard.current()
    assert guard is not None
    assert [unit.body_sent for _, unit in guard.store.units()] == [None]


async def test_cancelled() -> None:
    """A cancelled request ends its unit, is no error of the operation, and stays cancelled."""
    begun = asyncio.Event()

    async def app(_asked: Any, receive: Any, _send: Any) -> None:
        begun.set()
        await receive()
        await receive()

    task = asyncio.ensure_future(serve_asgi(MemGuardMiddleware(app), scope()))
    await begun.wait()
    task.cancel("the server's word")
    with pytest.raises(asyncio.CancelledError, match="the server's word"):
        await task

    assert counts() == {"GET <asgi>": (1, 0)}
    assert in_flight() == 0


def test_dropped() -> None:
    """A call that is dropped before it is done ends its unit too."""

    async def app(_asked: Any, receive: Any, _send: Any) -> None:
        await receive()

    class Pause:
        def __await__(self) -> Any:
            yield

    async def receive() -> Any:
        await Pause()

    call = MemGuardMiddleware(app)(scope(), receive, receive)  # type: ignore[arg-type]  # it sends nothing
    call.send(None)
    assert in_flight() == 1
    call.close()
    assert in_flight() == 0
    assert counts() == {"GET <asgi>": (1, 0)}


async def test_other_scopes() -> None:
    """What is neither a request nor a websocket passes through untouched: the very scope, `receive` and `send`."""
    got: list[Any] = []

    async def app(*passed: Any) -> None:
        got.extend(passed)

    async def channel(*_: Any) -> Any:
        return None

    passed = ({"type": "lifespan"}, channel, channel)
    await MemGuardMiddleware(app)(*passed)
    assert all(one is other for one, other in zip(got, passed, strict=True))
    assert Guard.current() is None


async def test_the_scope_is_the_servers() -> None:
    """The application gets the server's scope, not a copy: what it leaves there the middleware around sees."""

    async def app(asked: Any, receive: Any, send: Any) -> None:
        asked["left"] = "something"
        await hello(asked, receive, send)

    asked = scope()
    await serve_asgi(MemGuardMiddleware(app), asked)
    assert asked["left"] == "something"


async def test_route_in_the_scope() -> None:
    """Without a naming function a unit is named by the route that the application left in the scope."""

    class Route:
        path = "/users/{id}"

    async def app(asked: Any, receive: Any, send: Any) -> None:
        asked["route"] = Route()
        await hello(asked, receive, send)

    await serve_asgi(MemGuardMiddleware(app), scope("/users/7", method="PURGE"))
    assert counts() == {"OTHER /users/{id}": (1, 0)}


async def test_operation_that_fails(swallowed: list[BaseException]) -> None:
    """A naming function that fails costs the name, not the unit."""

    def operation(_: Any) -> str:
        raise BoomError("naming")

    assert await serve_asgi(MemGuardMiddleware(hello, operation=operation, unmatched="/somewhere"), scope()) == b"hello"
    assert counts() == {"GET /somewhere": (1, 0)}
    assert [str(error) for error in swallowed] == ["naming"]


def test_websocket() -> None:
    """A websocket session is one unit of a kind of its own, from its first message to its last."""
    app = MemGuardMiddleware(asgi_app, operation=lambda asked: "/talk/{room}", mode="trace")
    with uvicorn_server(app) as (host, port), connect(f"ws://{host}:{port}/talk/7") as websocket:
        for word in ("one", "two"):
            websocket.send(word)
            assert websocket.recv() == word
        assert in_flight() == 1
        websocket.close()
        eventually(counts, {"/talk/{room}": (1, 0)})
        guard = Guard.current()
    assert guard is not None
    assert [unit.operation.kind for _, unit in guard.store.units()] == ["websocket"]
    assert Guard.current() is None
    assert [state.state for state in guard.store.read().workers] == ["stopped"], "the lifespan has ended"


def test_websocket_whose_client_goes_away() -> None:
    """A connection that breaks ends its unit."""
    with uvicorn_server(MemGuardMiddleware(asgi_app)) as (host, port):
        with connect(f"ws://{host}:{port}/talk/7") as websocket:
            websocket.send("one")
            assert websocket.recv() == "one"
            websocket.socket.close()
        eventually(counts, {"<asgi>": (1, 0)})
        assert in_flight() == 0


@pytest.mark.parametrize(
    ("root", "path", "concerned"),
    [
        ("", "/_memguard/api/report", True),
        ("/shop", "/shop/_memguard/api/report", True),
        ("/shop", "/_memguard/api/report", True),  # a proxy has taken the root away
        ("/shop", "/shopping/_memguard/api/report", False),
        ("", "/shop/_memguard/api/report", False),
    ],
)
async def test_endpoint_below_the_root(root: str, path: str, concerned: bool) -> None:
    """The endpoint lies below the application's root, wherever that is mounted."""
    asked = scope(path, root_path=root)
    body = await serve_asgi(MemGuardMiddleware(hello, debug=lambda asked: True), asked)

    assert (body != b"hello") == concerned
    if concerned:
        assert json.loads(body)["schema"] == 1


async def test_login_with_a_body_in_parts() -> None:
    """The body of a POST is read as it comes; the answer opens a session."""
    parts = [b"token=a-long", b"-secret"]
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "http.request", "body": parts.pop(0), "more_body": bool(parts)}

    async def send(message: Any) -> None:
        sent.append(message)

    headers = [
        (b"host", b"localhost"),
        (b"origin", b"http://localhost"),
        (b"content-type", b"application/x-www-form-urlencoded"),
    ]
    asked = scope("/_memguard/login", method="POST", headers=headers)
    await MemGuardMiddleware(hello, token="a-long-secret")(asked, receive, send)
    assert sent[0]["status"] == 303
    assert b"set-cookie" in dict(sent[0]["headers"])


async def test_body_beyond_the_limit() -> None:
    """A body that is too long is not read to its end."""
    read = 0

    async def receive() -> Any:
        nonlocal read
        read += 1
        return {"type": "http.request", "body": b"x" * 40_000, "more_body": True}

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    asked = scope("/_memguard/login", method="POST")
    await MemGuardMiddleware(hello, token="a-long-secret")(asked, receive, send)
    assert sent[0]["status"] == 413
    assert read == 2


async def test_client_that_goes_away_while_it_asks() -> None:
    """Nobody is answered when the client has gone before its body was there."""

    async def receive() -> Any:
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        raise AssertionError(message)

    await MemGuardMiddleware(hello, token="a-long-secret")(scope("/_memguard/login", method="POST"), receive, send)


def test_wrong_settings() -> None:
    """A wrong setting is an error where the application is made."""
    with pytest.raises(SettingsError, match="mode='sleep': expected one of"):
        MemGuardMiddleware(hello, mode="sleep")
