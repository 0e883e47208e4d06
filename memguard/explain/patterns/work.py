"""Work that goes on after its unit: executors, threads, tasks."""

import re

from memguard.explain.patterns.entry import Entry
from memguard.explain.patterns.evidence import (
    allocated_in,
    grows_at,
    is_decided,
    keeps,
    owned_by,
    passes,
    path_starts,
    survives,
)
from memguard.explain.patterns.kinds import is_kind
from memguard.readings import Clues

_POOL_FILES = ("concurrent/futures/thread.py", "concurrent/futures/process.py", "multiprocessing/pool.py")
_QUIET = 0.1
"""Tasks of units in flight survive, too; such a share of all survivors is not theirs."""


def _is_executor(clues: Clues) -> bool:
    if keeps("executor", clues) or path_starts(clues, "concurrent.futures.thread._threads_queues"):
        return not _is_backlog(clues)
    is_growing = is_decided(clues.threads, "threading", clues)
    return is_growing and (
        passes("executor", clues) or survives("executor", clues) or allocated_in(clues, *_POOL_FILES)
    )


def _is_backlog(clues: Clues) -> bool:
    """One executor whose queue grows is no leaked executor."""
    return clues.threads == 0.0 and owned_by("queue", clues)


def _is_thread(clues: Clues) -> bool:
    return is_decided(clues.threads, "threading", clues) or keeps("thread", clues)


def _is_task(clues: Clues) -> bool:
    return (
        is_decided(clues.tasks, "task", clues)
        or keeps("task", clues, _QUIET)
        or owned_by("loop", clues)
        or _is_held_by_task(clues)
    )


def _is_held_by_task(clues: Clues) -> bool:
    if clues.holder is None or grows_at(clues) is not None:
        return False
    is_root = re.match(r"asyncio (task|event loop)\b", clues.holder.root) is not None
    return is_root or any(is_kind("task", link.type) for link in clues.holder.chain[:1])


ENTRIES = (
    Entry(
        "executor-leak",
        "Executors that are made per unit and not shut down",
        "Each run makes an executor, and its idle threads wait for work as long as somebody holds it. Make one for the "
        "process, `POOL = ThreadPoolExecutor(max_workers=8)` at module level, or end it with the unit: "
        "`with ThreadPoolExecutor() as pool: ...`.",
        _is_executor,
    ),
    Entry(
        "thread-leak",
        "Threads that are started per unit and do not end",
        "Each run starts a thread that goes on afterwards, and with it its stack and all it can reach. Give its loop a "
        "way out, like `while not stop.wait(1): ...` with a `stop = threading.Event()` that is set when the unit ends, "
        "cancel timers with `timer.cancel()`, or hand the work to one shared `ThreadPoolExecutor`.",
        _is_thread,
    ),
    Entry(
        "async-task",
        "Asyncio tasks that are started per unit and stay",
        "Each run starts a task or a timer that never ends, or keeps tasks that have ended. Await it inside the unit, "
        "`async with asyncio.timeout(5): await task`, or drop it when it is done: `tasks.add(task); "
        "task.add_done_callback(tasks.discard)`. Call `task.cancel()` where the unit can end earlier.",
        _is_task,
    ),
)
