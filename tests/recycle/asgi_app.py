"""An ASGI application whose every request leaks, watched by memguard with the settings of the environment."""

import asyncio
from typing import Any

from memguard.asgi import MemGuardMiddleware
from tests.recycle import menu


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answer one of the menu's paths, echo on a websocket."""
    if scope["type"] == "lifespan":
        await lifespan(receive, send)
    elif scope["type"] == "websocket":
        await echo(receive, send)
    else:
        await answer(scope, receive, send)


async def lifespan(receive: Any, send: Any) -> None:
    """Start and stop when asked."""
    while True:
        message = await receive()
        await send({"type": f"{message['type']}.complete"})
        if message["type"] == "lifespan.shutdown":
            return


async def echo(receive: Any, send: Any) -> None:
    """Send each text back until the session ends."""
    assert (await receive())["type"] == "websocket.connect"
    await send({"type": "websocket.accept"})
    while (message := await receive())["type"] == "websocket.receive":
        await send({"type": "websocket.send", "text": f"{menu.pid_header()} {message['text']}"})


async def answer(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request."""
    menu.leak()
    headers = [(b"content-type", b"text/plain"), (b"x-pid", menu.pid_header().encode())]
    if scope["path"] == "/stream":
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        for _ in range(menu.STREAM_CHUNKS):
            await asyncio.sleep(menu.STREAM_SECONDS / menu.STREAM_CHUNKS)
            await send({"type": "http.response.body", "body": menu.CHUNK, "more_body": True})
        await send({"type": "http.response.body", "body": b""})
        return
    body = menu.SMALL
    if scope["path"] == "/slow":
        await asyncio.sleep(menu.SLOW_SECONDS)
    elif scope["path"] == "/post":
        body = str(await length_of_body(receive)).encode()
    headers.append((b"content-length", str(len(body)).encode()))
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": body})


async def length_of_body(receive: Any) -> int:
    """Read the whole body of a request."""
    length, more = 0, True
    while more:
        message = await receive()
        assert message["type"] == "http.request", message
        length += len(message["body"])
        more = message.get("more_body", False)
    return length


application = MemGuardMiddleware(app)
