"""What adapters say while their worker is on its way out: connections close, websockets restart, WSGI stays as it is."""

import asyncio
import contextlib
import http.client
import os
from collections.abc import Callable
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from memguard.asgi import MemGuardMiddleware
from memguard.asgi.sessions import SECONDS_BETWEEN_LOOKS
from memguard.recycling import servers
from memguard.recycling.servers import Refusing
from memguard.wiring.guard import Guard
from memguard.wsgi import MemGuardMiddleware as WsgiMiddleware
from tests.adapters.direct import Head, environ, scope, serve_asgi
from tests.adapters.menu import CASES, BoomError
from tests.adapters.plain import asgi_app
from tests.adapters.servers import Address, fetch, uvicorn_server
from tests.adapters.subjects import SUBJECTS, Settings, Subject
from tests.adapters.truth import counts, eventually

Serving = Callable[[Subject, Settings | None], Address]
SERVICE_RESTART = 1012
ASGI = [subject for subject in SUBJECTS if subject.protocol == "asgi"]
WSGI = [subject for subject in SUBJECTS if subject.protocol == "wsgi"]


def drain(*, draining: bool = True) -> None:
    """Let this process's worker be on its way out, as far as adapters can see."""
    guard = Guard.current()
    assert guard is not None
    guard.draining = draining


@pytest.mark.parametrize("subject", ASGI, ids=lambda subject: subject.name)
@pytest.mark.parametrize("path", ["/clean", "/stream", "/nowhere"])
def test_connections_close(subject: Subject, path: str, serving: Serving) -> None:
    """Over ASGI every response says that its connection ends with it, and it does; before that none says so."""
    connection = http.client.HTTPConnection(*serving(subject, {}), timeout=30)
    said = []
    for draining in (False, True):
        if draining:
            drain()
        connection.request("GET", path)
        answer = connection.getresponse()
        body = answer.read()
        said.append(answer.headers.get_all("connection"))
        assert body or path == "/nowhere"
    assert said == [None, ["close"]]
    assert connection.sock is None
    connection.close()
    drain(draining=False)


@pytest.mark.parametrize("subject", WSGI, ids=lambda subject: subject.name)
def test_wsgi_leaves_connections_to_its_server(subject: Subject, serving: Serving) -> None:
    """Over WSGI, where an application has no say in it, the client receives the same bytes as ever."""
    address = serving(subject, {})
    for case in CASES[:5]:
        before = fetch(address, case.method, case.path, case.body)
        drain()
        assert fetch(address, case.method, case.path, case.body) == before
        drain(draining=False)


@pytest.mark.parametrize("version", ["1.0", "1.1", "2", "3"])
async def test_versions_of_the_protocol(version: str) -> None:
    """Only HTTP/1 has the header, once, in place of what the application says of the connection; others forbid it."""

    async def app(_asked: Any, _receive: Any, send: Any) -> None:
        headers = [(b"Connection", b"keep-alive"), (b"x-other", b"1")] if version[0] == "1" else [(b"x-other", b"1")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body"})

    sent: list[Any] = []

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return await asyncio.Event().wait()

    watched = MemGuardMiddleware(app)
    await serve_asgi(watched, scope())
    drain()
    await watched(scope(http_version=version), receive, send)
    assert sent[0]["headers"] == [(b"x-other", b"1"), *([(b"connection", b"close")] if version[0] == "1" else [])]


def test_websockets_restart() -> None:
    """Each open session is closed with 1012, service restart, and those that open later at once; none is an error."""
    with uvicorn_server(MemGuardMiddleware(asgi_app)) as (host, port):
        address = f"ws://{host}:{port}/talk/7"
        with connect(address) as one, connect(address) as other:
            for each in (one, other):
                each.send("word")
                assert each.recv() == "word"
            drain()
            assert [code_of(one), code_of(other)] == [SERVICE_RESTART] * 2
        with connect(address) as late:
            assert code_of(late) == SERVICE_RESTART
        eventually(counts, {"<asgi>": (3, 0)})


def code_of(session: Any) -> int | None:
    """Wait for the end of a websocket session and return the code that it was closed with."""
    try:
        session.recv(timeout=30)
    except ConnectionClosed as closed:
        return closed.rcvd.code if closed.rcvd is not None else None
    return None


def test_a_session_that_only_sends() -> None:
    """An application that goes on to send meets an OSError, as from a server whose client has gone.

    It is no error of the operation, and if nobody catches it, it is not the server's to log.
    """
    ended: list[BaseException] = []

    async def app(asked: Any, receive: Any, send: Any) -> None:
        if asked["type"] != "websocket":
            await asgi_app(asked, receive, send)
            return
        await receive()
        await send({"type": "websocket.accept"})
        try:
            while True:
                await send({"type": "websocket.send", "text": "tick"})
                await asyncio.sleep(0.01)
        except OSError as error:
            ended.append(error)
            raise

    with uvicorn_server(MemGuardMiddleware(app)) as (host, port), connect(f"ws://{host}:{port}/talk/7") as session:
        assert session.recv() == "tick"
        drain()
        with pytest.raises(ConnectionClosed) as closed:
            for _ in iter(lambda: session.recv(timeout=30), None):
                pass
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == SERVICE_RESTART
        eventually(counts, {"<asgi>": (1, 0)})
    assert "this worker is being replaced" in str(ended[0])


async def test_a_failure_after_the_end() -> None:
    """What the application raises because its session was ended is the application's, and passes."""

    async def app(_asked: Any, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        drain()
        while True:
            try:
                await send({"type": "websocket.send", "text": "tick"})
                await asyncio.sleep(0)
            except OSError as error:
                raise BoomError from error

    async def channel(*_: Any) -> Any:
        return None

    with pytest.raises(BoomError):
        await MemGuardMiddleware(app)(scope(kind="websocket"), channel, channel)
    assert counts() == {"<asgi>": (1, 0)}


async def test_sessions_that_are_not_open() -> None:
    """A session that was refused, or that the application has closed, is not closed again."""
    sent: list[Any] = []

    async def app(asked: Any, receive: Any, send: Any) -> None:
        if asked["path"] == "/closed":
            await send({"type": "websocket.accept"})
        await send({"type": "websocket.close", "code": 1000})
        drain()
        await asyncio.sleep(3 * SECONDS_BETWEEN_LOOKS)

    async def send(message: Any) -> None:
        sent.append(message["type"])

    async def receive() -> Any:
        return {"type": "websocket.connect"}

    watched = MemGuardMiddleware(app)
    for path in ("/refused", "/closed"):
        await watched(scope(path, kind="websocket"), receive, send)
        drain(draining=False)
    assert sent == ["websocket.close", "websocket.accept", "websocket.close"]


async def test_a_session_whose_client_is_silent() -> None:
    """A server may send nothing while the application waits for a message, as granian does: that waiting is ended first."""
    told: list[Any] = []
    got = iter([{"type": "websocket.connect"}])
    waiting: list[asyncio.Future[Any]] = []

    def receive() -> Any:
        waiting.append(asyncio.get_running_loop().create_future())
        if (first := next(got, None)) is not None:
            waiting[-1].set_result(first)
        return waiting[-1]

    async def send(message: Any) -> None:
        assert all(each.done() for each in waiting), "nobody waits for the client"
        told.append(message.get("code", message["type"]))

    async def app(_asked: Any, receive: Any, send: Any) -> None:
        assert (await receive())["type"] == "websocket.connect"
        await send({"type": "websocket.accept"})
        drain()
        told.append(await receive())
        told.append(await receive())

    await MemGuardMiddleware(app)(scope(kind="websocket"), receive, send)
    end = {"type": "websocket.disconnect", "code": SERVICE_RESTART, "reason": "service restart"}
    assert told == ["websocket.accept", SERVICE_RESTART, end, end]
    assert counts() == {"<asgi>": (1, 0)}


async def test_an_application_that_is_cancelled() -> None:
    """Waiting for a client ends by it as ever, also while the session is being ended."""
    accepted = asyncio.Event()

    def receive() -> Any:
        return asyncio.get_running_loop().create_future()

    async def send(_message: Any) -> None:
        accepted.set()

    async def app(_asked: Any, receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})
        await receive()

    task = asyncio.ensure_future(MemGuardMiddleware(app)(scope(kind="websocket"), receive, send))
    await accepted.wait()
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


def test_a_loop_of_another_library() -> None:
    """Where asyncio does not run the application its websockets pass as they are."""

    async def app(_asked: Any, _receive: Any, send: Any) -> None:
        await send({"type": "websocket.accept"})

    async def channel(*_: Any) -> Any:
        return None

    call = MemGuardMiddleware(app)(scope(kind="websocket"), channel, channel)
    with contextlib.suppress(StopIteration):
        call.send(None)
    assert counts() == {"<asgi>": (1, 0)}


@pytest.mark.parametrize("wanted", [False, True])
def test_a_wsgi_server_that_closes_by_a_header(wanted: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only where the server has no other way does a WSGI response say that its connection ends, and only on the way out."""

    def app(_environ: Any, start_response: Any) -> list[bytes]:
        start_response("200 OK", [("Connection", "keep-alive"), ("X-Other", "1")])
        return [b"hello"]

    monkeypatch.setattr(servers, "_found", (os.getpid(), Refusing(closes_by_header=wanted)))
    watched = WsgiMiddleware(app)
    heads = [Head(), Head()]
    watched(environ(), heads[0])
    drain()
    watched(environ(), heads[1])
    before, after = (head.headers for head in heads)
    assert before == [("Connection", "keep-alive"), ("X-Other", "1")]
    assert after == ([("X-Other", "1"), ("Connection", "close")] if wanted else before)
