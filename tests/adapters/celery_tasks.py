"""A Celery app with a task for each way a run may end; watched if the environment says so."""

import os
import threading
import time
from typing import Any

from celery import Celery
from celery.exceptions import Ignore, Reject

from memguard.celery import MemGuard

SECONDS = 60

app = Celery(
    "contract", broker=os.environ.get("CELERY_BROKER_URL", "memory://"), backend=os.environ.get("CELERY_BROKER_URL"),
    set_as_current=False,
)  # fmt: skip
app.conf.update(
    worker_prefetch_multiplier=1, broker_connection_retry_on_startup=True, worker_hijack_root_logger=False,
    task_default_retry_delay=0, task_acks_late=False, result_expires=SECONDS, worker_proc_alive_timeout=SECONDS,
)  # fmt: skip
if method := os.environ.get("CONTRACT_START"):
    app.conf.worker_pool_start_method = method
if ceiling := os.environ.get("CONTRACT_CEILING"):
    app.conf.memguard_rss_ceiling = ceiling
if os.environ.get("CONTRACT_WATCHED", "1") == "1":
    MemGuard(app, service="contract")


@app.task
def add(one: int, two: int) -> int:
    """Succeed."""
    return one + two


@app.task
def fail(*words: str) -> None:
    """Fail."""
    raise ValueError(*words)


@app.task(bind=True, max_retries=2)
def again(self: Any) -> int:
    """Succeed at the third time."""
    if self.request.retries < 2:
        raise self.retry(countdown=0, exc=ValueError("again"))
    return int(self.request.retries)


@app.task(bind=True, max_retries=1)
def in_vain(self: Any) -> None:
    """Try again until there are no retries left."""
    raise self.retry(countdown=0, exc=ValueError("in vain"))


@app.task
def ignored() -> None:
    """End without a result."""
    raise Ignore


@app.task
def rejected() -> None:
    """Refuse the message."""
    raise Reject("no", requeue=False)


@app.task
def outer() -> int:
    """Run another task within this one."""
    return int(add.apply(args=(1, 2)).result) + int(add(3, 4))


@app.task(soft_time_limit=1)
def too_long() -> None:
    """Exceed the time limit."""
    time.sleep(SECONDS)


@app.task
def endless() -> None:
    """Go on until someone ends it."""
    time.sleep(SECONDS)


_meeting = threading.Barrier(2)


@app.task
def meet() -> str:
    """Go on once another run has come."""
    _meeting.wait(SECONDS)
    return "met"
