"""Work that is done in a thread of its own, where tracemalloc has little to note of each allocation.

It notes 25 calls for each, and looks up the line that each of them is at. A test is forty calls deep: looking at a heap
while tracing is on then takes six times as long as in a thread that has just begun.
"""

import _thread
import tracemalloc
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


def aside(work: Callable[[], Result]) -> Result:
    """Return what it returns, raise what it raises; while nothing is traced it is simply called."""
    if not tracemalloc.is_tracing():
        return work()
    results: list[Result] = []
    errors: list[BaseException] = []
    is_done = _thread.allocate_lock()
    is_done.acquire()

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            errors.append(error)
        finally:
            is_done.release()

    _thread.start_new_thread(run, ())  # `threading` puts three calls more under each allocation
    is_done.acquire()
    if errors:
        raise errors.pop()
    return results.pop()
