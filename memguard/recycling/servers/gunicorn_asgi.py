"""gunicorn's own asgi worker: its listeners are asyncio's, its exit waits for connections (`gunicorn/workers/gasgi.py`)."""

from typing import Any

from memguard.recycling.servers.draining import Drain
from memguard.recycling.servers.gunicorn_worker import GunicornWorker
from memguard.recycling.servers.looking import lacking


class AsgiWorker(GunicornWorker):
    """A worker of the class `asgi`; its loop looks once a second whether it is to leave."""

    def __init__(self, worker: Any, name: str) -> None:
        super().__init__(worker, name)
        self._drain: Drain | None = None

    def refusal(self, *, supervised: bool) -> str:
        """Return why not; the worker's parts are looked at besides what all workers have."""
        import asyncio

        return super().refusal(supervised=supervised) or lacking(
            "gunicorn's asgi worker", self._worker, nr_conns=int, servers=list, loop=asyncio.AbstractEventLoop
        )

    def stop_accepting(self) -> None:
        """Take no new connections; the adapter lets each response close its own."""
        worker = self._worker
        self._drain = Drain(worker.loop, lambda: int(worker.nr_conns))
        self._drain.stop_accepting(worker.servers)

    def connections(self) -> int:
        """Return how many are open."""
        return self._drain.open if self._drain is not None else int(self._worker.nr_conns)

    def leave(self) -> None:
        """Let the worker's main loop end; it waits for what is still open, `graceful_timeout` at most."""
        self._worker.alive = False
