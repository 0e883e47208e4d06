"""A Celery app whose tasks leak for real, and write down every run, so that a lost or a repeated one is seen.

Its environment says which broker it uses and where the journal is; `RECYCLE_*` names what its own load needs.
"""

import os
import time
from typing import Any

from celery import Celery, signals

from memguard.celery import MemGuard
from tests.recycle.celery_by_hand import arm

LEAK_BYTES = int(os.environ.get("RECYCLE_LEAK_BYTES", "0"))
SPIKE_BYTES = int(os.environ.get("RECYCLE_SPIKE_BYTES", "0"))
TASKS_PER_SPIKE = 20
SLOW_SECONDS = 0.3
PAGE = 4096

app = Celery(
    "recycle", broker=os.environ.get("CELERY_BROKER_URL", "memory://"), backend=os.environ.get("RECYCLE_BACKEND"),
    set_as_current=False,
)  # fmt: skip
app.conf.update(
    broker_connection_retry_on_startup=True, worker_hijack_root_logger=False, worker_prefetch_multiplier=4,
    task_reject_on_worker_lost=os.environ.get("RECYCLE_REJECTS", "1") == "1", result_expires=600,
    worker_proc_alive_timeout=60, worker_pool_start_method=os.environ.get("RECYCLE_START", "fork"),
)  # fmt: skip
if os.environ.get("RECYCLE_WATCHED") == "1":
    MemGuard(app)
if method := os.environ.get("RECYCLE_BY_HAND"):
    arm(method, int(os.environ["RECYCLE_CEILING"]))

_leaked: list[bytearray] = []


def note(*words: object) -> None:
    """Write a line to the journal; lines of all processes are whole, as each is one short write at the end."""
    journal = os.open(os.environ["RECYCLE_JOURNAL"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.write(journal, (" ".join(map(str, words)) + "\n").encode())
    os.close(journal)


@signals.task_failure.connect
def _failed(task_id: str, exception: BaseException, **_: Any) -> None:
    # In the pool's parent, too: there it tells of children that were lost.
    note("failed", task_id, os.getpid(), type(exception).__name__)


def _used(size: int) -> bytearray:
    block = bytearray(size)
    block[::PAGE] = b"x" * len(range(0, size, PAGE))
    return block


def work(self: Any, number: int, *, slow: bool) -> int:
    """Do one piece of work, and leak; now and then use much more memory for a moment."""
    time.sleep(SLOW_SECONDS if slow else 0.0)
    _leaked.append(_used(LEAK_BYTES))
    if number % TASKS_PER_SPIKE == 0:
        _used(SPIKE_BYTES)
    note("ran", self.request.id, os.getpid())
    return number


VARIANTS = {
    "early-kept": {"acks_late": False, "ignore_result": False},
    "early-ignored": {"acks_late": False, "ignore_result": True},
    "late-kept": {"acks_late": True, "ignore_result": False},
    "late-ignored": {"acks_late": True, "ignore_result": True},
}
for _name, _options in VARIANTS.items():
    app.task(work, bind=True, name=_name, **_options)
