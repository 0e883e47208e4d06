"""What all worker classes of gunicorn's share, and those that need no drain: sync and gevent."""

import os
from typing import Any

from memguard.recycling.servers.looking import lacking
from memguard.recycling.servers.protocol import Replacing

RELOADS = "gunicorn runs with `reload`, which is for development: its workers come and go with the source"
REUSES_PORT = (
    "gunicorn runs with `reuse_port`: each worker has a listening socket of its own, and the connections that wait "
    "in it would be lost with it"
)
ORPHANED = "gunicorn's arbiter is gone, so nothing would start a replacement"


class GunicornWorker:
    """A worker whose arbiter holds the listening sockets and starts a replacement, at once, for each that ends."""

    keeps_listening = True
    leaves_with_its_unit = False
    closes_by_header = False

    def __init__(self, worker: Any, name: str) -> None:
        self._worker = worker
        self.name = name

    @property
    def workers(self) -> int:
        """How many workers the arbiter was told to keep."""
        return int(self._worker.cfg.workers)

    def replacing(self) -> Replacing:
        """Return nobody: the arbiter tells a worker by a signal, which ends it."""
        return ""

    def refusal(self, *, supervised: bool) -> str:  # noqa: ARG002 - its arbiter is its supervisor
        """Return why not: it reloads, or has a socket of its own, or no arbiter, or is not built as expected."""
        worker = self._worker
        wrong = lacking("gunicorn's worker", worker, alive=bool, ppid=int, sockets=list) or lacking(
            "gunicorn's configuration", getattr(worker, "cfg", None), workers=int, reload=bool, reuse_port=bool
        )
        if wrong:
            return wrong
        if worker.cfg.reload:
            return RELOADS
        if worker.cfg.reuse_port:
            return REUSES_PORT
        return "" if worker.ppid == os.getppid() else ORPHANED


class LeavingWorker(GunicornWorker):
    """A sync or gevent worker: told to leave it ends what it has in hand and loses nothing of what comes meanwhile.

    The sync worker has one connection at a time and closes it after its response. The gevent worker announces the end
    of each connection from then on, and goes on to answer on those that are open, for `graceful_timeout`.
    """

    leaves_with_its_unit = True

    def stop_accepting(self) -> None:
        """Do nothing: the exit itself drains."""

    def connections(self) -> int:
        """Return 0: the exit itself waits for them."""
        return 0

    def leave(self) -> None:
        """Let the worker end, as `max_requests` does."""
        self._worker.alive = False
