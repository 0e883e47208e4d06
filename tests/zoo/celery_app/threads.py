"""Celery with the threads pool: threads, queues and thread-locals that live as long as the worker."""

# ruff: noqa: D103 - views and helpers explain themselves

import functools
import itertools
import os
import queue
import threading
import time
from collections import OrderedDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from celery import Celery, signals

from memguard.celery import MemGuard
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import ordinary_work

app = Celery("zoo", broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True)
MemGuard(app)
signals.task_prerun.connect(ordinary_work)

SECONDS_TO_LIVE = 2.0
_numbers = itertools.count(1)


@dataclass
class Message:
    """Something to send."""

    number: int
    lines: list[str]


def new_message() -> Message:
    return Message(next(_numbers), ["line"] * 40)


_retries: "queue.Queue[Message]" = queue.Queue()


@app.task
@leaks(pattern=("task-retry-queue", "unbounded-container"), holder="_retries", types="Message")
def retry_queue() -> int:
    """A queue of what is to be tried again, and nobody tries."""
    message = Message(next(_numbers), ["line"] * 40)  # leaks
    _retries.put(message)
    return _retries.qsize()


_local = threading.local()


@app.task
@leaks(pattern="thread-local", holder=("_local", "kind:thread-local"), types="Message")
def thread_locals() -> int:
    """A cache in each of the pool's threads, which never end."""
    if not hasattr(_local, "sent"):
        _local.sent = {}
    message = Message(next(_numbers), ["line"] * 40)  # leaks
    _local.sent[message.number] = message
    return len(_local.sent)


_executors: list[ThreadPoolExecutor] = []


@app.task
@leaks(
    pattern=("executor-leak", "thread-leak"),
    holder=("_executors", "_threads_queues", "kind:thread"),
    per_second=8,
    most=390,
)
def executors() -> int:
    """An executor for each run (after https://github.com/mem0ai/mem0/issues/4586)."""
    executor = ThreadPoolExecutor(max_workers=1)  # leaks
    _executors.append(executor)
    return len(executor.submit(new_message).result().lines)  # leaks


_never = threading.Event()


@app.task
@leaks(pattern="thread-leak", holder=("kind:thread", "_active", "_never", "Thread"), per_second=8, most=390)
def threads() -> int:
    """A heartbeat thread for each run that is never told to stop."""
    heartbeat = threading.Thread(target=_never.wait, daemon=True)  # leaks
    heartbeat.start()  # leaks
    return threading.active_count()


class Template:
    """A text to fill in."""

    def __init__(self, number: int) -> None:
        self.text = ["line"] * 40  # leaks: method_caches
        self.number = number

    @functools.lru_cache(maxsize=None)  # noqa: B019, UP033 - this is the mistake
    def length(self) -> int:
        return len(self.text)


@app.task
@leaks(pattern="unbounded-cache", holder=("length", "lru_cache"), types="Template")
def method_caches() -> int:
    """A cache on a method keeps every instance (after https://github.com/PyCQA/flake8/pull/1573)."""
    return Template(next(_numbers)).length()  # leaks


class SendError(Exception):
    """Knows the error before it."""


_last_error: SendError | None = None


@app.task
@leaks(
    pattern="exception-traceback", holder=("_last_error", "kind:exception"), types=("SendError", "traceback", "frame")
)
def chained_errors() -> int:
    """Each error is raised from the last one, so the chain of causes and their frames grows."""
    global _last_error
    message = Message(next(_numbers), ["line"] * 40)  # leaks
    try:
        raise SendError(f"message {message.number}") from _last_error  # leaks
    except SendError as error:
        _last_error = error
    return message.number


_totals: dict[str, list[int]] = {"sent": []}


@app.task
@leaks(pattern="unbounded-container", holder="_totals")
def figures() -> int:
    """Numbers and texts in an old list: nothing that the collector tracks."""
    _totals["sent"].extend(1_000_000 + next(_numbers) * 10 + digit for digit in range(10))  # leaks
    return len(_totals["sent"])


_expiring: OrderedDict[int, tuple[float, Message]] = OrderedDict()
_lock = threading.Lock()


@app.task
@innocent()
def expiring() -> int:
    """Entries expire after two seconds."""
    now = time.monotonic()
    message = new_message()
    with _lock:
        while _expiring and next(iter(_expiring.values()))[0] < now:
            _expiring.popitem(last=False)
        _expiring[message.number] = now + SECONDS_TO_LIVE, message
        return len(_expiring)


_pool: "queue.LifoQueue[dict[str, Any]]" = queue.LifoQueue()


@app.task
@innocent()
def pooled() -> int:
    """Takes a connection from a pool, or opens one more; never more than there are threads."""
    try:
        connection = _pool.get_nowait()
    except queue.Empty:
        connection = {"buffer": bytearray(2000), "uses": []}
    uses = len(connection["uses"])
    _pool.put(connection)
    return uses


@functools.lru_cache(maxsize=128)
def template(number: int) -> Template:
    return Template(number)


@app.task
@innocent()
def cache_of_128() -> int:
    """A cache of 128 entries that every run replaces one of."""
    return template(next(_numbers)).number


@app.task
@innocent()
def fails() -> None:
    """Fails."""
    raise SendError(f"message {new_message().number} always fails")
