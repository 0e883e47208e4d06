"""Flask: what registers itself somewhere else and is never taken back."""

# ruff: noqa: D103 - views and helpers explain themselves

import atexit
import io
import itertools
import logging
import os
import threading
import weakref
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from blinker import Signal
from flask import Flask, request

from memguard.flask import MemGuard
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import ordinary_work

app = Flask(__name__)
MemGuard(app)
app.before_request(ordinary_work)

_numbers = itertools.count(1)


@dataclass(eq=False)
class Order:
    """An order of some lines."""

    number: int
    lines: list[str]

    def settle(self) -> int:
        return len(self.lines)


def new_order() -> Order:
    return Order(next(_numbers), ["line"] * 40)


@app.get("/health")
def health() -> dict[str, Any]:
    return {"pid": os.getpid()}


order_placed = Signal()


@app.get("/signal_closures")
@leaks(pattern="signal-receiver", holder=("order_placed", "receivers"), types=("function", "Order"))
def signal_closures() -> dict[str, Any]:
    """A receiver connected inside a view, strongly (after https://github.com/e-valuation/EvaP/issues/1361)."""
    order = Order(next(_numbers), ["line"] * 40)  # leaks

    def notify(sender: object, **_: object) -> None:  # leaks
        order.settle()

    order_placed.connect(notify, weak=False)  # leaks
    return {"number": order.number}


class Bus:
    """Calls back whoever asked for it."""

    def __init__(self) -> None:
        self._callbacks: dict[str, list[Callable[[], int]]] = {"paid": []}

    def on(self, event: str, callback: Callable[[], int]) -> None:
        self._callbacks[event].append(callback)


bus = Bus()


@app.get("/callbacks")
@leaks(pattern="closure-callback", holder=("bus", "_callbacks"), types=("function", "Order"))
def callbacks() -> dict[str, Any]:
    """A lambda for each request on a bus that lives as long as the process."""
    order = Order(next(_numbers), ["line"] * 40)  # leaks
    bus.on("paid", lambda: order.settle())  # noqa: PLW0108 - the closure is the point  # leaks
    return {"number": order.number}


_shop_log = logging.getLogger("zoo.shop")


@app.get("/log_handlers")
@leaks(pattern="logging-handler", holder=("handlers", "_shop_log"), types="Handler")
def log_handlers() -> dict[str, Any]:
    """A handler for each request (after https://github.com/PaddleHQ/paddle-python-sdk/issues/144)."""
    handler = logging.StreamHandler(io.StringIO())  # leaks
    handler.setFormatter(logging.Formatter(f"request {next(_numbers)}: %(message)s"))  # leaks
    _shop_log.addHandler(handler)
    return {"handlers": len(_shop_log.handlers)}


_local = threading.local()


@app.get("/thread_locals")
@leaks(pattern="thread-local", holder=("_local", "kind:thread-local"), types="Order")
def thread_locals() -> dict[str, Any]:
    """A list in a thread-local, in a pool whose threads never end (after https://github.com/Uninett/nav/issues/97)."""
    if not hasattr(_local, "history"):
        _local.history = []
    order = Order(next(_numbers), ["line"] * 40)  # leaks
    _local.history.append(order)
    return {"history": len(_local.history)}


_pools: list[ThreadPoolExecutor] = []


@app.get("/executors")
@leaks(
    pattern=("executor-leak", "thread-leak"),
    holder=("_pools", "_threads_queues", "kind:thread"),
    per_second=8,
    most=390,
)
def executors() -> dict[str, Any]:
    """An executor for each request that is never shut down (after https://github.com/mem0ai/mem0/issues/4586)."""
    pool = ThreadPoolExecutor(max_workers=1)  # leaks
    _pools.append(pool)
    return {"lines": pool.submit(new_order().settle).result()}  # leaks


class Uploader:
    """Flushes what it still has when the process ends."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.waiting = ["part"] * 40  # leaks: exit_hooks, finalizers

    def flush(self) -> None:
        self.waiting.clear()


@app.get("/exit_hooks")
@leaks(pattern="exit-hook", holder=("atexit", "kind:interpreter"), types="Uploader")
def exit_hooks() -> dict[str, Any]:
    """An exit hook for each object (after https://github.com/google/adk-python/pull/6379)."""
    uploader = Uploader(next(_numbers))  # leaks
    atexit.register(uploader.flush)  # leaks
    return {"number": uploader.number}


@app.get("/finalizers")
@leaks(pattern="exit-hook", holder=("finalize", "_registry"), types=("Uploader", "finalize", "_Info"))
def finalizers() -> dict[str, Any]:
    """A finalizer that holds the object it waits for (after https://github.com/DiamondLightSource/httomo/pull/265)."""
    uploader = Uploader(next(_numbers))  # leaks
    weakref.finalize(uploader, uploader.flush)  # leaks
    return {"number": uploader.number}


_slow_requests: list[Any] = []


@app.get("/requests_kept")
@leaks(
    pattern="unbounded-container", holder="_slow_requests", types=("Request", "dict"), library=("flask/", "werkzeug/")
)
def requests_kept() -> dict[str, Any]:
    """The request objects themselves, for a page of slow ones (after https://github.com/fastapi/fastapi/issues/4649)."""
    slow = request._get_current_object()  # type: ignore[attr-defined]  # werkzeug's proxy has it, Flask's type has not
    _slow_requests.append(slow)  # leaks
    return {"kept": len(_slow_requests)}


_quiet_log = logging.getLogger("zoo.quiet")
_quiet_log.addHandler(logging.StreamHandler(io.StringIO()))
_quiet_log.propagate = False


@app.get("/logs")
@innocent()
def logs() -> dict[str, Any]:
    """Writes to a log whose buffer is emptied now and then."""
    (handler,) = _quiet_log.handlers
    assert isinstance(handler, logging.StreamHandler)
    if next(_numbers) % 50 == 0:
        handler.setStream(io.StringIO())
    order = new_order()
    _quiet_log.warning("order %d of %d lines", order.number, len(order.lines))
    return {"number": order.number}


_weakly: "weakref.WeakValueDictionary[int, Order]" = weakref.WeakValueDictionary()


@app.get("/weak_cache")
@innocent()
def weak_cache() -> dict[str, Any]:
    """A cache that keeps nothing alive."""
    order = new_order()
    _weakly[order.number] = order
    return {"known": len(_weakly)}


class _Connected:
    """Connects itself for as long as it lives."""

    def __init__(self) -> None:
        order_placed.connect(self.heard)

    def heard(self, sender: object) -> None:
        raise NotImplementedError


@app.get("/weak_receivers")
@innocent()
def weak_receivers() -> dict[str, Any]:
    """Receivers that are connected weakly go with their object."""
    return {"connected": bool(_Connected())}
