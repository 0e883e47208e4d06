"""What people write to have a worker replaced that has grown: each by hand, at the end of a task.

They are what memguard is compared with, and why it does none of it.
"""

import os
import signal
import sys
from collections.abc import Callable
from typing import Any, NoReturn

from celery import signals
from celery.exceptions import WorkerShutdown

from memguard.instruments.rss import RssReader


def _terminate() -> None:
    os.kill(os.getpid(), signal.SIGTERM)


def _shut_down() -> NoReturn:
    raise WorkerShutdown(0)


METHODS: dict[str, Callable[[], object]] = {
    "SIGTERM to itself": _terminate,
    "sys.exit": lambda: sys.exit(0),
    "os._exit": lambda: os._exit(0),
    "raise WorkerShutdown": _shut_down,
}


def arm(name: str, ceiling: int) -> None:
    """Let every process that runs tasks do so at the end of a task when its RSS is over the ceiling in bytes."""
    leave, rss = METHODS[name], RssReader()

    def look(**_: Any) -> None:
        if rss.read() > ceiling:
            leave()

    signals.task_postrun.connect(look, weak=False)
