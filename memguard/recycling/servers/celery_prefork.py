"""Celery's prefork pool: this child leaves once its task's result is sent, and its parent forks another.

After each result `billiard.pool.Worker.workloop` compares the process's *peak* with the worker object's
`max_memory_per_child`, and ends the child in order when it is over that. The limit is read once, when the loop begins;
so at `worker_process_init`, just before, something is put in its place that compares as Celery's own limit does,
and as exceeded once this child is asked to leave. Where the loop asks for no limit, or the system tells no peak, the
function by which the loop waits for its next task is wrapped instead.
"""

import sys
from typing import Any

from memguard.recycling.servers.protocol import Replacing

NAME = "celery-prefork"
UNPREPARED = (
    "this pool process was not prepared when it started: Celery did not send worker_process_init, or memguard was added "
    "to the application only later; add it where the application is made"
)
NOT_AS_KNOWN = (
    "this version of billiard runs its pool processes otherwise than memguard knows, so this one is not asked to leave"
)


class Limit:
    """A child's memory limit in KiB as the pool's loop reads it.

    Attributes:
        own: The limit that Celery itself was given, None without one.
        is_read: The loop has looked at it.
        is_leaving: It counts as exceeded.
    """

    def __init__(self, own: int | None) -> None:
        self.own = own or None
        self.is_read = self.is_leaving = False

    def __bool__(self) -> bool:
        self.is_read = True
        return True

    def __gt__(self, zero: float) -> bool:
        return True  # the loop asks whether there is a limit at all

    def __lt__(self, peak: float) -> bool:
        return self.is_leaving or (self.own is not None and peak > self.own)

    def __format__(self, form: str) -> str:
        # billiard's log line: "exceeding memory limit (123456KiB / …KiB)"
        return "the ceiling memguard keeps, in " if self.is_leaving else format(self.own or 0, form)


class Waiting:
    """What the pool's loop waits for its next task by, and ends by where the child is to leave.

    Attributes:
        own: The limit that Celery itself was given, which it goes on to keep, None without one.
        is_read: The loop has called it.
        is_leaving: The next wait ends the child in order.
    """

    def __init__(self, wait_for_job: Any, code: int, own: int | None) -> None:
        self.own = own or None
        self._wait_for_job = wait_for_job
        self._code = code
        self.is_read = self.is_leaving = False

    def __call__(self, *args: Any, **options: Any) -> Any:
        """Wait for a task and return it."""
        self.is_read = True
        if self.is_leaving:
            sys.exit(self._code)  # by its name in the module: billiard has put its own there, which notes the code
        return self._wait_for_job(*args, **options)


class PreforkChild:
    """This process is a child of a prefork pool."""

    name = NAME
    keeps_listening = True
    """Tasks wait in their queue."""
    leaves_with_its_unit = True
    closes_by_header = False

    def __init__(self, asked: Limit | Waiting | None, why_not: str = "", *, workers: int | None = None) -> None:
        self.workers = workers
        self._asked = asked
        self._why_not = why_not

    @property
    def own_limit(self) -> int | None:
        """The limit in KiB that Celery itself keeps for this process, None without one."""
        return self._asked.own if self._asked is not None else None

    def replacing(self) -> Replacing:
        """Return nobody: a pool says it to nobody."""
        return ""

    def refusal(self, *, supervised: bool) -> str:  # noqa: ARG002 - the pool itself starts another
        """Return why this child cannot leave, empty where it can."""
        if self._asked is None:
            return self._why_not
        return "" if self._asked.is_read else NOT_AS_KNOWN

    def stop_accepting(self) -> None:
        """Do nothing: a child takes one task at a time, and the parent knows when it is gone."""

    def connections(self) -> int:
        """Return 0."""
        return 0

    def leave(self) -> None:
        """Let the pool's loop end once the result of the task in hand is sent."""
        if self._asked is not None:
            self._asked.is_leaving = True


def prepare(*, workers: int | None) -> PreforkChild | None:
    """Return this pool process as a server, to be called before its loop begins; None where it is none.

    A second call returns one that leaves by the same limit.

    Args:
        workers: How many processes the pool keeps up, None where that changes.
    """
    worker = pool_worker()
    if worker is None:
        return None
    limit = getattr(worker, "max_memory_per_child", None)
    waiting = vars(worker).get("wait_for_job")
    if isinstance(limit, Limit):
        return PreforkChild(limit, workers=workers)
    if isinstance(waiting, Waiting):
        return PreforkChild(waiting, workers=workers)
    pool = sys.modules["billiard.pool"]
    names = getattr(getattr(type(worker).workloop, "__code__", None), "co_names", ())
    if {"mem_rss", "max_memory_per_child"} <= set(names) and _peak_is_told(pool):
        worker.max_memory_per_child = asked = Limit(limit)
        return PreforkChild(asked, workers=workers)
    if "wait_for_job" in names and callable(waiting) and isinstance(getattr(pool, "EX_RECYCLE", None), int):
        worker.wait_for_job = wait = Waiting(waiting, pool.EX_RECYCLE, limit)
        return PreforkChild(wait, workers=workers)
    return PreforkChild(None, NOT_AS_KNOWN, workers=workers)


def pool_worker() -> Any:
    """Return billiard's worker object where this process is a child of a pool, else None."""
    process, pool = sys.modules.get("billiard.process"), sys.modules.get("billiard.pool")
    if process is None or pool is None:
        return None
    target = getattr(process.current_process(), "_target", None)
    return target if isinstance(target, pool.Worker) else None


def _peak_is_told(pool: Any) -> bool:
    # Where there is none, billiard would log an error after every task as soon as there is a limit.
    try:
        return bool(pool.mem_rss() > 0)
    except (ImportError, OSError, AttributeError):
        return False
