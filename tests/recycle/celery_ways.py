"""A Celery app for every way a run may go, each of which leaves so much behind that its process is soon replaced."""

import os
import time
from typing import Any

from celery import Celery, chord

from memguard.celery import MemGuard

LEAK_BYTES = 60_000_000
SECONDS = 60

app = Celery(
    "ways", broker=os.environ.get("CELERY_BROKER_URL", "memory://"), backend=os.environ.get("CELERY_BROKER_URL"),
    set_as_current=False,
)  # fmt: skip
app.conf.update(
    broker_connection_retry_on_startup=True, worker_hijack_root_logger=False, task_acks_late=True,
    task_reject_on_worker_lost=True, result_expires=600, worker_proc_alive_timeout=60,
)  # fmt: skip
MemGuard(app)

_leaked: list[bytes] = []


def _leak() -> None:
    _leaked.append(b"x" * LEAK_BYTES)


@app.task
def add(one: int, two: int) -> tuple[int, int]:
    """Return the sum, and who made it."""
    _leak()
    return one + two, os.getpid()


@app.task
def more(before: tuple[int, Any]) -> tuple[int, list[int]]:
    """Return one more, and who has made each step."""
    _leak()
    number, pids = before
    return number + 1, [*(pids if isinstance(pids, list) else [pids]), os.getpid()]


@app.task
def total(parts: list[tuple[int, int]]) -> tuple[int, list[int]]:
    """Return the sum of sums, and who made them."""
    _leak()
    return sum(part for part, _ in parts), [pid for _, pid in parts]


@app.task(bind=True, max_retries=3)
def again(self: Any) -> int:
    """Succeed at the fourth time."""
    _leak()
    if self.request.retries < 3:
        raise self.retry(countdown=0.1, exc=ValueError("again"))
    return int(self.request.retries)


@app.task(bind=True)
def split(self: Any, count: int) -> Any:
    """Become many tasks and one that waits for them."""
    _leak()
    return self.replace(chord([add.s(number, 1) for number in range(count)], total.s()))


@app.task
def fail(word: str) -> None:
    """Fail."""
    _leak()
    raise ValueError(word)


@app.task(soft_time_limit=1)
def too_long() -> None:
    """Exceed the limit that a task may catch."""
    _leak()
    time.sleep(SECONDS)


@app.task(time_limit=1, acks_late=False)
def far_too_long() -> None:
    """Exceed the limit at which the process is ended."""
    _leak()
    time.sleep(SECONDS)


@app.task(ignore_result=True, acks_late=False)
def silent() -> None:
    """Leave nothing but memory."""
    _leak()
