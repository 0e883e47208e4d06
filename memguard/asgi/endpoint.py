"""The endpoint over ASGI: a scope read as a request of the dashboard's, its answer sent as messages."""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any

from memguard.adapting import answer
from memguard.dashboard import BODY_LIMIT, Request
from memguard.settings import Settings

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


def split_path(scope: Scope) -> tuple[str, str]:
    """Return where the application is mounted, and the path below that."""
    # Servers and frameworks that mount put the root into the path too; proxies that strip it do not.
    root, path = scope.get("root_path", ""), scope["path"]
    if root and path.startswith(root) and path[len(root) : len(root) + 1] in {"", "/"}:
        path = path[len(root) :]
    return root, path


def read_request(scope: Scope, *, debug: bool) -> Request:
    """Return the request of an HTTP scope, without its body."""
    root, path = split_path(scope)
    headers: dict[str, str] = {}
    for raw, text in scope["headers"]:
        name, value = raw.decode("latin-1").lower(), text.decode("latin-1")
        joint = "; " if name == "cookie" else ", "
        headers[name] = f"{headers[name]}{joint}{value}" if name in headers else value
    client = scope.get("client")
    return Request(
        method=scope["method"],
        path=path,
        root=root,
        query=scope.get("query_string", b"").decode("latin-1"),
        headers=headers,
        peer=client[0] if client else None,
        scheme=scope.get("scheme", "http"),
        debug=debug,
    )


async def serve(request: Request, settings: Settings, receive: Receive, send: Send) -> None:
    """Read the body of a request that was admitted, and send its answer."""
    body, more = b"", request.method == "POST"
    while more and len(body) <= BODY_LIMIT:
        message = await receive()
        if message["type"] == "http.disconnect":
            return
        body += message.get("body", b"")
        more = message.get("more_body", False)
    request = replace(request, body=body[: BODY_LIMIT + 1])
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:  # another library runs the loop, like trio
        answered = answer(request, settings)
    else:
        answered = await loop.run_in_executor(None, answer, request, settings)
    headers = [(name.lower().encode("latin-1"), text.encode("latin-1")) for name, text in answered.headers]
    await send({"type": "http.response.start", "status": answered.status, "headers": headers})
    await send({"type": "http.response.body", "body": answered.body})
