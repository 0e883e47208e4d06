"""One file a server: which one runs this process, and how it is asked to let this worker go."""

import os
import sys
from importlib import import_module

from memguard.forking import undivided
from memguard.recycling.servers.protocol import Server
from memguard.recycling.servers.refusing import UNKNOWN, Refusing

__all__ = ["UNKNOWN", "Refusing", "Server", "detect"]

# uvicorn may run inside a worker of gunicorn's. Servers for development may run in a thread beside another one.
_SERVERS = (
    ("uvicorn", "uvicorn"), ("gunicorn", "gunicorn"), ("hypercorn", "hypercorn"), ("granian", "granian"),
    ("uwsgi", "uwsgi"), ("waitress", "waitress"), ("socketserver", "development"),
)  # fmt: skip
"""A module that is loaded wherever the server runs, and our file; only the files of those that are loaded get loaded."""
_found: tuple[int, Server] | None = None


def detect() -> Server:
    """Return the server of this process, remembered until a fork; one that refuses where none is recognised.

    To be called once the process serves: before that, or in a master, the answer would be another one. An answer of
    `unknown` is looked for anew at the next call. From any thread.
    """
    global _found
    if _found is not None and _found[0] == os.getpid():
        return _found[1]
    for module, file in _SERVERS:
        if module in sys.modules:
            with undivided():
                look = import_module(f"{__name__}.{file}").detect
            server: Server | None = look()
            if server is not None:
                _found = os.getpid(), server
                return server
    return Refusing()
