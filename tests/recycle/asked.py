"""Applications that answer what memguard knows of the server that runs them; they ask it for nothing."""

import json
import os
from collections.abc import Iterable
from typing import Any

from memguard.recycling.servers import detect

SUPERVISED = os.environ.get("ASKED_SUPERVISED") == "1"


def answer() -> bytes:
    """Return the name of the server of this process, how it serves, and why it refuses."""
    server = detect()
    return json.dumps({
        "name": server.name, "workers": server.workers, "keeps_listening": server.keeps_listening,
        "refusal": server.refusal(supervised=SUPERVISED),
    }).encode()  # fmt: skip


def wsgi(_environ: Any, start_response: Any) -> Iterable[bytes]:
    """Answer any request."""
    start_response("200 OK", [("Content-Type", "application/json")])
    return [answer()]


async def asgi(scope: Any, receive: Any, send: Any) -> None:
    """Answer any request."""
    if scope["type"] == "lifespan":
        for moment in ("startup", "shutdown"):
            await receive()
            await send({"type": f"lifespan.{moment}.complete"})
        return
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": answer()})
