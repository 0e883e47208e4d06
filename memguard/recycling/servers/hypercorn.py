"""hypercorn on asyncio or uvloop: what it serves by are locals of a coroutine (`hypercorn/asyncio/run.py`).

A child that ends with another code than 0 ends the whole service, and SIGTERM is no exit in order here. So the worker
is drained, and then left by the event that `max_requests` sets.
"""

import asyncio
import multiprocessing
import sys
from types import SimpleNamespace

from memguard.recycling.servers.draining import Drain
from memguard.recycling.servers.looking import lacking, local_of_main
from memguard.recycling.servers.protocol import Replacing, Server

MODULE = "hypercorn.asyncio.run"
RELOADS = "hypercorn runs with `--reload`, which is for development"
ALONE = (
    "hypercorn serves without workers (`--workers 0`), so nothing starts a replacement; declare it with "
    "`supervised=True` where systemd or a container does"
)


def detect() -> Server | None:
    """Return the server `hypercorn`, or None where it serves nothing here."""
    if MODULE not in sys.modules:
        return None
    runner = local_of_main(MODULE, "_run", "runner")
    if not isinstance(runner, asyncio.Runner):
        return None
    loop = runner.get_loop()
    for task in asyncio.all_tasks(loop):
        coroutine = task.get_coro()
        frame = getattr(coroutine, "cr_frame", None)
        if frame is not None and getattr(coroutine, "__qualname__", "") == "worker_serve":
            # Of the locals only these: the application is among the others.
            wanted = ("config", "context", "servers", "server_tasks")
            return Hypercorn(loop, SimpleNamespace(**{name: frame.f_locals.get(name) for name in wanted}))
    return None


class Hypercorn:
    """A hypercorn worker, with the locals of the coroutine that serves."""

    name = "hypercorn"
    leaves_with_its_unit = False
    closes_by_header = False

    def __init__(self, loop: asyncio.AbstractEventLoop, serving: SimpleNamespace) -> None:
        self._loop = loop
        self._serving = serving
        self._drain: Drain | None = None

    @property
    def workers(self) -> int:
        """How many workers the parent was told to keep; 1 where there is no parent."""
        return max(1, int(self._serving.config.workers))

    @property
    def keeps_listening(self) -> bool:
        """Whether the parent holds the listening socket too."""
        return _has_parent()

    def replacing(self) -> Replacing:
        """Return nobody: the parent tells its workers by an event, which ends them."""
        return ""

    def refusal(self, *, supervised: bool) -> str:
        """Return why not: nothing would start it again, it reloads, or it is not built as expected."""
        serving = self._serving
        wrong = (
            lacking("hypercorn's worker", serving, servers=list, server_tasks=set)
            or lacking("hypercorn's configuration", serving.config, workers=int, use_reloader=bool)
            or lacking("hypercorn's event", getattr(serving.context, "terminate", None), "set")
        )
        if wrong:
            return wrong
        if serving.config.use_reloader:
            return RELOADS
        return "" if supervised or _has_parent() else ALONE

    def stop_accepting(self) -> None:
        """Take no new connections; the adapter lets each response close its own."""
        tasks = self._serving.server_tasks
        self._drain = Drain(self._loop, lambda: len(tasks))
        self._drain.stop_accepting(self._serving.servers)

    def connections(self) -> int:
        """Return how many are open."""
        return self._drain.open if self._drain is not None else len(self._serving.server_tasks)

    def leave(self) -> None:
        """Let the worker end as after `max_requests`; what is still open has hypercorn's `graceful_timeout`."""
        asyncio.run_coroutine_threadsafe(self._serving.context.terminate.set(), self._loop)


def _has_parent() -> bool:
    return multiprocessing.parent_process() is not None
