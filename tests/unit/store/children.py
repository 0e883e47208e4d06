"""Child processes for the store's tests: forked ones that answer by exit code and cannot hang."""

import faulthandler
import os
import signal
import time
import traceback
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager

DEADLINE = 180.0
NOBODY = 65534


def forked(task: Callable[[], object]) -> int:
    """Start a child that does the task and ends; return its pid. It is killed where it takes too long."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # 3.12 warns of forks in a threaded process: the point here
        pid = os.fork()
    if pid:
        return pid
    code = 1
    try:
        signal.alarm(int(DEADLINE))
        task()
        code = 0
    except BaseException:
        traceback.print_exc()
    finally:
        faulthandler.disable()
        os._exit(code)


def ended_well(pid: int) -> bool:
    """Wait for a child and tell whether it did what it was told."""
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status) == 0


def until(condition: Callable[[], object], what: str) -> None:
    """Wait until a condition holds, and fail after a deadline."""
    deadline = time.monotonic() + DEADLINE
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain for {what}"
        time.sleep(0.005)


@contextmanager
def unprivileged() -> Iterator[None]:
    """Do without the superuser's power to write everywhere, where the tests run as one."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)
