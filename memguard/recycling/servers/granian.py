"""granian: its parent replaces workers, the new one first; a worker only asks it to (`granian/server/common.py`).

A worker that ends by itself ends the whole service. What the parent does by SIGHUP is a replacement of all its workers
one after the other, which suits workers that leak alike. When their turn comes they are told to end at once, with the
connections that they keep; so all of them close their connections from the moment that the parent has one more child.
"""

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from time import monotonic
from typing import Any

import psutil

from memguard.recycling.servers.loading import seconds_to_load
from memguard.recycling.servers.looking import lacking, local_of_main, modules_of
from memguard.recycling.servers.protocol import Replacing, Server
from memguard.recycling.servers.refusing import Refusing
from memguard.units import format_seconds

COMMON = "granian.server.common"
NAME = "granian"
RELOADS = "granian runs with `--reload`, which is for development: its workers come and go with the source"
LIMITED = (
    "granian itself replaces workers by their memory (`--workers-max-rss`), without a word to websockets; memguard leaves "
    "that to it and reports"
)
UNREADABLE = (
    "granian has spawned this worker instead of forking it, and so its parent's settings cannot be read here; "
    "`--workers-max-rss` of granian's own replaces workers by their memory"
)
TOO_SOON = (
    "loading the application took {} here, and granian ends an old worker {} after it has started its replacement, which "
    "would not serve yet: set `--respawn-interval` to more than a start takes"
)
ORPHANED = "granian's parent process is gone, so nothing would start a replacement"


class Rolling:
    """What a worker sees of a replacement of all: its parent has one more child meanwhile.

    The parent goes through its workers in order, and ends each some seconds after it has started its replacement. So it
    is a worker's turn when as many as there are workers have been started after it.

    Args:
        me: Process id of the worker.
        workers: How many the parent keeps.
        interval: Seconds that an old worker has beside its replacement. Between two there are as many as ever for a
            moment, so that a replacement of all is over only after as long without one more.
    """

    def __init__(self, me: int, workers: int, interval: float) -> None:
        self._me = me
        self._workers = workers
        self._interval = interval
        self._usual: int | None = None
        self._seen_at: float | None = None

    def look(self, children: dict[int, float], now: float) -> Replacing:
        """Tell whom the parent is replacing: others while the replacement of this worker has not been started.

        Args:
            children: When each child of the parent was started, by its process id.
            now: In seconds.
        """
        mine = (children.get(self._me, 0.0), self._me)
        younger = sum((started, child) > mine for child, started in children.items())
        if younger >= self._workers:
            self._seen_at = now
            return "this"  # also where this worker has never seen the parent at rest, because one follows the other
        # The parent may have started something else besides, which stays.
        self._usual = max(self._workers, min(len(children), self._usual or len(children)))
        if len(children) > self._usual:
            self._seen_at = now
            return "others"
        return "others" if self._seen_at is not None and now - self._seen_at <= self._interval else ""


def _children(pid: int, workers: int) -> dict[int, float]:
    """Return the children of a process's main thread with their starts, none where the system does not tell.

    The starts are read only where there are more than workers.
    """
    found: dict[int, float] = {}
    with suppress(OSError, psutil.Error):
        pids = [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        found = {each: psutil.Process(each).create_time() if len(pids) > workers else 0.0 for each in pids}
    return found


def detect() -> Server | None:
    """Return the server `granian`, or None where this process is no worker of it."""
    if COMMON not in sys.modules:
        return None
    worker = local_of_main(COMMON, "start", "self")
    if worker is not None:
        parent = getattr(worker, "parent", None)
        multithreaded = "granian.server.mp" not in modules_of(parent)
        return Refusing(NAME, "granian's workers are threads of one process here") if multithreaded else Granian(parent)
    import multiprocessing

    return Refusing(NAME, UNREADABLE) if multiprocessing.current_process().name == "granian-worker" else None


class Granian:
    """A worker process of granian's, with what its parent was when the worker was forked."""

    name = NAME
    keeps_listening = True
    leaves_with_its_unit = False
    closes_by_header = True

    def __init__(self, parent: Any) -> None:
        self._parent = parent
        self._rolling: Rolling | None = None

    @property
    def workers(self) -> int:
        """How many workers the parent keeps."""
        return int(self._parent.workers)

    def replacing(self) -> Replacing:
        """Tell whether the parent replaces workers, and whether it is this one's turn."""
        if self._rolling is None:
            self._rolling = Rolling(os.getpid(), self.workers, float(self._parent.respawn_interval))
        return self._rolling.look(_children(self._parent.pid, self.workers), monotonic())

    def refusal(self, *, supervised: bool) -> str:  # noqa: ARG002 - its parent is its supervisor
        """Return why not: granian does it itself, reloads, has no parent any more, or is not built as expected."""
        parent = self._parent
        wrong = lacking(
            "granian's parent", parent, "signal_handler_reload", workers=int, workers_rss=int | None,
            reload_on_changes=bool, respawn_interval=float | int, pid=int,
        )  # fmt: skip
        if wrong:
            return wrong
        if parent.workers_rss:
            return LIMITED
        if parent.reload_on_changes:
            return RELOADS
        if parent.pid != os.getppid():
            return ORPHANED
        took, interval = seconds_to_load(), float(parent.respawn_interval)
        return TOO_SOON.format(format_seconds(took), format_seconds(interval)) if took > interval else ""

    def stop_accepting(self) -> None:
        """Do nothing: the worker serves until its replacement does; the adapter lets each response close its own."""

    def connections(self) -> int:
        """Return 0: the parent's order to end waits for them."""
        return 0

    def leave(self) -> None:
        """Ask the parent, if it still is the one, to replace its workers."""
        if self._parent.pid == os.getppid():
            os.kill(self._parent.pid, signal.SIGHUP)
