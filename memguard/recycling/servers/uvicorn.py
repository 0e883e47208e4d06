"""uvicorn: its server object owns the SIGTERM handler while it serves (`uvicorn/server.py`, capture_signals).

Its own exit closes connections that were accepted and not read yet. So it is drained first, and then left by SIGTERM
to this very process, which it takes as a wish to end in order: the parent of `--workers` notices that at once.
"""

import multiprocessing
import os
import signal
import sys
from typing import Any

from memguard.recycling.servers.draining import Drain
from memguard.recycling.servers.gunicorn import find_worker
from memguard.recycling.servers.gunicorn_worker import GunicornWorker
from memguard.recycling.servers.looking import lacking, modules_of, signal_owner
from memguard.recycling.servers.protocol import Replacing, Server

MODULE = "uvicorn.server"
RELOADS = "uvicorn runs with `--reload`, which is for development: nothing would start a replacement"
ALONE = (
    "uvicorn serves by itself, without `--workers`, so nothing starts a replacement; declare it with "
    "`supervised=True` where systemd or a container does"
)


def detect() -> Server | None:
    """Return the server `uvicorn`, alone or with workers, or `gunicorn-uvicorn`; None where it serves nothing here."""
    if MODULE not in sys.modules:
        return None
    server = signal_owner()
    if modules_of(server)[0] != MODULE:
        return None
    worker = find_worker()
    return Uvicorn(server) if worker is None else UvicornWorker(server, worker)


class Uvicorn:
    """A uvicorn server of its own, or one of the processes of `--workers`."""

    name = "uvicorn"
    leaves_with_its_unit = False
    closes_by_header = False

    def __init__(self, server: Any) -> None:
        self._server = server
        self._drain: Drain | None = None

    @property
    def workers(self) -> int | None:
        """How many processes the parent was told to keep; 1 where there is no parent."""
        return int(self._server.config.workers) if self._has_parent() else 1

    @property
    def keeps_listening(self) -> bool:
        """Whether the listening socket is also a parent's or, as a descriptor that was passed, a supervisor's."""
        return self._has_parent() or self._server.config.fd is not None

    def replacing(self) -> Replacing:
        """Return nobody: the parent tells a process by a signal, which ends it."""
        return ""

    def refusal(self, *, supervised: bool) -> str:
        """Return why not: nothing would start it again, it reloads, or it is not built as expected."""
        wrong = self._lacking()
        if wrong:
            return wrong
        if self._server.config.should_reload:
            return RELOADS
        return "" if supervised or self._has_parent() else ALONE

    def stop_accepting(self) -> None:
        """Take no new connections; the adapter lets each response close its own."""
        server = self._server
        self._drain = Drain(server.servers[0].get_loop(), lambda: len(server.server_state.connections))
        self._drain.stop_accepting(server.servers)

    def connections(self) -> int:
        """Return how many are open."""
        return self._drain.open if self._drain is not None else len(self._server.server_state.connections)

    def leave(self) -> None:
        """Let the server end, if its handler still has the signal; it waits for what is still open."""
        if signal_owner() is self._server:
            os.kill(os.getpid(), signal.SIGTERM)

    def _has_parent(self) -> bool:
        return multiprocessing.parent_process() is not None and self._server.config.workers > 1

    def _lacking(self) -> str:
        server = self._server
        return (
            lacking("uvicorn's server", server, started=bool, should_exit=bool, servers=list)
            or lacking(
                "uvicorn's configuration",
                getattr(server, "config", None),
                workers=int,
                should_reload=bool,
                fd=int | None,
            )
            or lacking("uvicorn's state", getattr(server, "server_state", None), connections=set)
            or next(
                (wrong for each in server.servers if (wrong := lacking("uvicorn's listener", each, "get_loop"))), ""
            )
        )


class UvicornWorker(Uvicorn):
    """A uvicorn server inside gunicorn's worker class `UvicornWorker`: gunicorn's arbiter starts the replacement."""

    name = "gunicorn-uvicorn"
    keeps_listening = True

    def __init__(self, server: Any, worker: Any) -> None:
        super().__init__(server)
        self._worker = GunicornWorker(worker, self.name)

    @property
    def workers(self) -> int:
        """How many workers the arbiter was told to keep."""
        return self._worker.workers

    def refusal(self, *, supervised: bool) -> str:
        """Return why not, of either."""
        return self._lacking() or self._worker.refusal(supervised=supervised)

    def leave(self) -> None:
        """Let the server end by its flag, unlike by the signal, after which the process would not end in order."""
        self._server.should_exit = True
