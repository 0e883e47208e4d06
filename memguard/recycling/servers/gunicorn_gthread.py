"""gunicorn's gthread worker: it has a poller for its connections, which a drain tells to take no new ones.

Since gunicorn 24 the poller is told through a queue that its main loop reads; before that the listeners are taken out
of it. Up to 27.0.0 the worker's own exit drops connections that are open, even fresh ones; that is why it is drained.
"""

from collections import deque
from time import monotonic
from typing import Any

from memguard.recycling.servers.gunicorn_worker import GunicornWorker
from memguard.recycling.servers.looking import lacking

SETTLING_SECONDS = 0.1
"""How long after the stop a connection that was just being accepted may not be counted yet."""

WORKER = "gunicorn's gthread worker"


class ThreadWorker(GunicornWorker):
    """A gthread worker of any version from 20 on."""

    def __init__(self, worker: Any, name: str) -> None:
        super().__init__(worker, name)
        self._queue = getattr(worker, "method_queue", None)
        self._stopped_at = 0.0

    def refusal(self, *, supervised: bool) -> str:
        """Return why not; the worker's parts are looked at besides what all workers have."""
        worker = self._worker
        return (
            super().refusal(supervised=supervised)
            or lacking(WORKER, worker, nr_conns=int, max_keepalived=int, worker_connections=int)
            or (
                lacking(f"{WORKER}'s queue", self._queue, "defer")
                if self._queue is not None
                else lacking(WORKER, worker, _keep=deque)
                or lacking(f"{WORKER}'s lock", getattr(worker, "_lock", None), "__enter__", "__exit__")
                or lacking(f"{WORKER}'s poller", worker.poller, "unregister")
            )
        )

    def stop_accepting(self) -> None:
        """Take no new connections, and let each response close its own."""
        worker = self._worker
        self._stopped_at = monotonic()
        worker.max_keepalived = 0
        if self._queue is not None:
            worker.worker_connections = 0
            self._wake()
            return
        with worker._lock:
            for listening in worker.sockets:
                worker.poller.unregister(listening)

    def connections(self) -> int:
        """Return how many are open; 1 at least while the listeners settle."""
        is_settling = monotonic() - self._stopped_at < SETTLING_SECONDS
        return max(int(self._worker.nr_conns), int(is_settling))

    def leave(self) -> None:
        """Let the worker's main loop end."""
        self._worker.alive = False
        self._wake()

    def _wake(self) -> None:
        if self._queue is not None:
            self._queue.defer(_nothing)


def _nothing() -> None:
    """Be what the queue calls: its poller wakes up for it, and looks at what has changed."""
