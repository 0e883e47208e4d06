"""A small consumer with one mistake in it: what `leak` could not deliver waits in `_retry_queue`, which nobody drains."""

import itertools
import os
from collections import OrderedDict
from dataclasses import dataclass, field
from typing import Any

from celery import Celery, Task

from memguard.celery import MemGuard

app = Celery("example", broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True)
MemGuard(app)

BIG_BYTES = 100_000_000
CACHE_ENTRIES = 64


@dataclass
class Delivery:
    """A message to deliver: where it goes, and the lines it is made of."""

    number: int
    address: dict[str, str]
    lines: list[str]


@dataclass
class Node:
    """A part of a tree that knows its parent, so the two keep each other alive until the collector comes."""

    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)


_numbers = itertools.count(1)
_retry_queue: list[Delivery] = []
_recent: OrderedDict[int, Delivery] = OrderedDict()


def make_delivery() -> Delivery:
    """Return a delivery: some kilobytes."""
    return Delivery(next(_numbers), {"town": "Arena"}, [f"line {n}" for n in range(80)])


@app.task
def clean() -> int:
    return len(make_delivery().lines)


@app.task
def leak() -> int:
    delivery = Delivery(next(_numbers), {"town": "Arena"}, [f"line {n}" for n in range(80)])  # the line that leaks
    _retry_queue.append(delivery)
    return len(delivery.lines)


@app.task
def bounded_cache() -> int:
    delivery = make_delivery()
    _recent[delivery.number] = delivery
    if len(_recent) > CACHE_ENTRIES:
        _recent.popitem(last=False)
    return len(delivery.lines)


@app.task
def cycle() -> int:
    root = Node()
    root.children = [Node(parent=root) for _ in range(5)]
    return len(root.children)


@app.task
def boom() -> None:
    raise RuntimeError("this task always fails")


@app.task
def big() -> int:
    return len(bytearray(BIG_BYTES))


@app.task(bind=True, max_retries=2)
def retrying(self: "Task[Any, Any]") -> str:
    """Fail twice, then succeed: three runs for one message."""
    if self.request.retries < 2:
        raise self.retry(countdown=0, exc=RuntimeError("not yet"))
    return "delivered"
