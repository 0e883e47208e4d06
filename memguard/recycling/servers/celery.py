"""Celery's workers. A prefork child leaves by itself; in the other pools the whole worker process shuts down warmly.

A warm shutdown is what SIGTERM asks for: no new tasks, those in hand end, what was only prefetched goes back to the
broker. Celery polls `celery.worker.state.should_stop` for it. The process then ends with code 0, and nothing of
Celery's starts it again.
"""

import os
import sys
import threading
import weakref
from typing import Any

from memguard.recycling.servers.celery_prefork import UNPREPARED, PreforkChild, pool_worker, prepare
from memguard.recycling.servers.protocol import Replacing, Server
from memguard.recycling.servers.refusing import Refusing
from memguard.settings import Settings

POOLS = {"thread": "threads", "gevent": "gevent", "solo": "solo"}
"""Modules of the pools that were seen to lose nothing by a warm shutdown, with the names they are chosen by."""
EX_OK = 0
FORGETS = (
    "in this pool the whole worker is replaced, and which tasks were revoked is only in its memory: start it with --statedb, "
    "else one that was revoked before and comes after may run"
)


class WholeWorker:
    """This process is a Celery worker that runs its tasks itself.

    Args:
        worker: Celery's worker object; it is not kept.
        is_main: It was made in the main thread, so that its end is the end of the process.

    Attributes:
        keeps_revokes: Celery has a file in which the next worker finds which tasks were revoked.
    """

    workers = None
    keeps_listening = True
    """Tasks wait in their queue."""
    leaves_with_its_unit = True
    closes_by_header = False

    def __init__(self, worker: object, *, is_main: bool) -> None:
        module = str(getattr(getattr(worker, "pool_cls", None), "__module__", "unknown"))
        pool = module.rpartition(".")[2]
        program = getattr(sys.modules.get("celery.apps.worker"), "Worker", None)
        self._is_known = pool in POOLS and module == f"celery.concurrency.{pool}"
        self._is_the_program = is_main and program is not None and isinstance(worker, program)
        self.keeps_revokes = bool(getattr(worker, "statedb", None))
        self.name = f"celery-{POOLS[pool] if self._is_known else pool}"

    def replacing(self) -> Replacing:
        """Return nobody: nobody else replaces it."""
        return ""

    def refusal(self, *, supervised: bool) -> str:
        """Return why this worker is not asked to shut down, empty where it can be."""
        if not self._is_known:
            return (
                f"a worker with the pool {self.name.removeprefix('celery-')} was never seen to shut down without loss"
            )
        if not self._is_the_program:
            return "this worker is embedded in a program of something else, which would go on without it"
        state = sys.modules.get("celery.worker.state")
        looks_at = getattr(getattr(getattr(state, "maybe_shutdown", None), "__code__", None), "co_names", ())
        if "should_stop" not in looks_at or not hasattr(state, "should_stop"):
            return "this version of Celery shuts down otherwise than memguard knows"
        if not supervised:
            return (
                "in this pool the whole worker has to end and be started again, and nothing of Celery's does that: have "
                "it done by systemd (Restart=always) or a container's restart policy, and say so by supervised=True"
            )
        return ""

    def stop_accepting(self) -> None:
        """Do nothing: the shutdown itself takes no more tasks."""

    def connections(self) -> int:
        """Return 0: the shutdown itself waits for the tasks in hand."""
        return 0

    def leave(self) -> None:
        """Ask for a warm shutdown; one that was asked for already stays as it is."""
        state: Any = sys.modules.get("celery.worker.state")
        if state is not None and getattr(state, "should_stop", EX_OK) in (None, False):
            state.should_stop = EX_OK


class Process:
    """What this process is for Celery; asked by the one who hears Celery's signals. A fork of it is found anew."""

    def __init__(self) -> None:
        self._worker: weakref.ref[Any] | None = None
        self._is_main = False
        self._child: tuple[int, PreforkChild] | None = None

    def has_worker(self, worker: Any) -> None:
        """Say, at `worker_init`, which worker object this process has made, in the thread that made it."""
        self._worker = weakref.ref(worker)
        self._is_main = threading.current_thread() is threading.main_thread()

    @property
    def was_spawned(self) -> bool:
        """Whether this is a pool process that was not forked from its worker, and knows nothing of it."""
        return self._worker is None and self._child is not None and self._child[0] == os.getpid()

    def is_pool_process(self) -> None:
        """Say, at `worker_process_init`, that this may be a process of a pool."""
        child = prepare(workers=self._concurrency())
        self._child = None if child is None else (os.getpid(), child)

    def server(self) -> Server:
        """Return the server of this process, once it runs tasks."""
        if self._child is not None and self._child[0] == os.getpid():
            return self._child[1]
        if pool_worker() is not None:
            return PreforkChild(None, UNPREPARED)
        worker = self._worker() if self._worker is not None else None
        if worker is None:
            return Refusing(
                "celery-unknown", "memguard does not know the Celery worker that runs tasks in this process"
            )
        return WholeWorker(worker, is_main=self._is_main)

    def notes(self, settings: Settings) -> tuple[str, ...]:
        """Return what a person should know of limits that Celery itself keeps here, and of what it forgets."""
        server = self.server()
        if isinstance(server, WholeWorker):
            leaves = settings.supervised and (settings.rss_ceiling or settings.rss_hard_ceiling)
            return (FORGETS,) if leaves and not server.keeps_revokes else ()
        limit = server.own_limit if isinstance(server, PreforkChild) else None
        if limit is None:
            return ()
        note = (
            f"worker_max_memory_per_child is {limit} KiB: Celery compares it with the highest RSS that this process ever "
            "had and not with what it has now, so one large task is enough; memguard leaves that limit to Celery"
        )
        return (note,)

    def _concurrency(self) -> int | None:
        worker = self._worker() if self._worker is not None else None
        concurrency = getattr(worker, "concurrency", None)
        return concurrency if isinstance(concurrency, int) and not getattr(worker, "autoscale", None) else None
