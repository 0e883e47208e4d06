"""One file a server: which one runs this process, and how it is asked to let this worker go."""

import os
from collections.abc import Callable

from memguard.recycling.servers import development, granian, gunicorn, hypercorn, uvicorn, uwsgi, waitress
from memguard.recycling.servers.protocol import Server
from memguard.recycling.servers.refusing import UNKNOWN, Refusing

__all__ = ["UNKNOWN", "Refusing", "Server", "detect"]

# uvicorn may run inside a worker of gunicorn's. Servers for development may run in a thread beside another one.
_SERVERS: tuple[Callable[[], Server | None], ...] = (
    uvicorn.detect, gunicorn.detect, hypercorn.detect, granian.detect, uwsgi.detect, waitress.detect, development.detect,
)  # fmt: skip
_found: tuple[int, Server] | None = None


def detect() -> Server:
    """Return the server of this process, remembered until a fork; one that refuses where none is recognised.

    To be called once the process serves: before that, or in a master, the answer would be another one. An answer of
    `unknown` is looked for anew at the next call. From any thread.
    """
    global _found
    if _found is not None and _found[0] == os.getpid():
        return _found[1]
    server = next((server for look in _SERVERS if (server := look()) is not None), None)
    if server is None:
        return Refusing()
    _found = os.getpid(), server
    return server
