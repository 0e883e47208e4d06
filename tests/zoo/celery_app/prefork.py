"""Celery with the prefork pool: what a child process collects while it lives."""

# ruff: noqa: D103 - views and helpers explain themselves

import itertools
import os
from collections import OrderedDict, deque
from dataclasses import dataclass
from typing import Any, ClassVar

from celery import Celery, Task, signals
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, scoped_session, sessionmaker

from memguard.celery import MemGuard
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import ordinary_work

app = Celery("zoo", broker=os.environ.get("CELERY_BROKER_URL", "redis://127.0.0.1:6379/0"))
app.conf.update(task_ignore_result=True, worker_prefetch_multiplier=4, broker_connection_retry_on_startup=True)
MemGuard(app)
signals.task_prerun.connect(ordinary_work)

_numbers = itertools.count(1)


@dataclass
class Delivery:
    """A message to deliver."""

    number: int
    lines: list[str]


def new_delivery() -> Delivery:
    return Delivery(next(_numbers), ["line"] * 40)


_undelivered: deque[Delivery] = deque()


@app.task
@leaks(pattern=("task-retry-queue", "unbounded-container"), holder="_undelivered", types="Delivery")
def undelivered() -> int:
    """What could not be delivered waits in a queue that nobody drains."""
    delivery = Delivery(next(_numbers), ["line"] * 40)  # leaks
    _undelivered.append(delivery)
    return len(_undelivered)


_failures: list[BaseException] = []


def deliver(delivery: Delivery) -> None:
    raise ConnectionError(f"delivery {delivery.number} failed")  # leaks: failures_kept


@app.task
@leaks(pattern="exception-traceback", holder="_failures", types=("ConnectionError", "Delivery", "frame", "traceback"))
def failures_kept() -> int:
    """Exceptions kept with their tracebacks (after https://github.com/celery/celery/issues/8882)."""
    delivery = Delivery(next(_numbers), ["line"] * 40)  # leaks
    try:
        deliver(delivery)  # leaks
    except ConnectionError as error:
        _failures.append(error)
    return len(_failures)


_runs: list[Any] = []


@app.task(bind=True)
@leaks(pattern="unbounded-container", holder="_runs", types=("Context", "dict"), library="celery/")
def runs_kept(self: "Task[Any, Any]") -> int:
    """The request of each run, for a page of what ran lately."""
    _runs.append(self.request)  # leaks
    return len(_runs)


@app.task
@leaks(pattern="signal-receiver", holder=("receivers", "task_retry", "signal"), types=("function", "Delivery"))
def receivers() -> int:
    """A receiver of one of Celery's signals for each run, connected strongly."""
    delivery = Delivery(next(_numbers), ["line"] * 40)  # leaks

    def unpacked(**_: Any) -> int:  # leaks
        return delivery.number

    signals.task_unknown.connect(unpacked, weak=False)  # leaks
    return delivery.number


_progress: dict[str, dict[str, Any]] = {}


@app.task(bind=True)
@leaks(pattern="unbounded-container", holder="_progress", types=("dict", "list"))
def progress_by_id(self: "Task[Any, Any]") -> int:
    """The progress of each run by its id, which is never taken out."""
    progress = {"done": 1, "steps": [], "errors": {"last": []}}  # leaks
    _progress[str(self.request.id)] = progress
    return len(_progress)


class Base(DeclarativeBase):
    """The tables."""


class Invoice(Base):
    """An invoice in the database."""

    __tablename__ = "invoice"
    number: Mapped[int] = mapped_column(primary_key=True)
    text: Mapped[str] = mapped_column(String(500))


Sessions = scoped_session(sessionmaker(autoflush=False))


@app.task
@leaks(pattern="orm-session", holder=("Sessions", "registry", "kind:thread-local"), types=("Invoice", "InstanceState"))
def session_not_removed() -> int:
    """A scoped session that no run removes (after https://github.com/PnX-SI/GeoNature/pull/3062)."""
    invoice = Invoice(number=next(_numbers), text="for a delivery " * 10)  # leaks
    Sessions().add(invoice)  # leaks
    return len(Sessions().new)


class Remembering(Task):
    """Celery makes one instance of a task for each process, so what is kept in it stays."""

    abstract = True
    parcels: ClassVar[dict[int, Delivery]] = {}


@app.task(bind=True, base=Remembering)
@leaks(pattern="unbounded-container", holder=("parcels", "Remembering"), types="Delivery")
def task_attributes(self: Remembering) -> int:
    """A dict on the task itself."""
    parcel = Delivery(next(_numbers), ["line"] * 40)  # leaks
    self.parcels[parcel.number] = parcel
    return len(self.parcels)


_twentieths = itertools.count(1)
_returned: list[Delivery] = []


@app.task
@leaks(pattern="unbounded-container", holder="_returned", types="Delivery", one_in=20, per_second=32)
def one_in_20() -> int:
    """Every twentieth delivery comes back, and stays."""
    if next(_twentieths) % 20 == 0:
        _returned.append(Delivery(next(_numbers), ["line"] * 40))  # leaks
    return len(_returned)


@app.task(bind=True, max_retries=2)
@innocent(per_second=4)
def retries(self: "Task[Any, Any]") -> str:
    """Fails once, then succeeds."""
    if self.request.retries < 1:
        raise self.retry(countdown=0, exc=ConnectionError("not yet"))
    return "delivered"


@app.task
@innocent()
def fails() -> None:
    """Fails, with something in its frame."""
    delivery = new_delivery()
    raise ConnectionError(f"delivery {delivery.number} always fails")


_recent: OrderedDict[int, Delivery] = OrderedDict()


@app.task
@innocent()
def recent() -> int:
    """A cache of 64 entries."""
    delivery = new_delivery()
    _recent[delivery.number] = delivery
    if len(_recent) > 64:
        _recent.popitem(last=False)
    return len(_recent)


@app.task
@innocent()
def clean() -> int:
    """Keeps nothing."""
    return len(new_delivery().lines)
