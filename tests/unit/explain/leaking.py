"""Functions that each leave an object behind, in the way of one pattern; `clear` takes everything away again."""
# ruff: noqa: D103 - their names say it

import asyncio
import atexit
import contextvars
import functools
import io
import logging
import queue
import socket
import threading
import weakref
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import blinker
import django.dispatch

kept: list[Any] = []
errors: list[Any] = []
retry_later: deque[Any] = deque()
waiting: "queue.Queue[Any]" = queue.Queue()
local = threading.local()
strings: contextvars.ContextVar[tuple[Any, ...]] = contextvars.ContextVar("strings", default=())
context = contextvars.copy_context()
order_placed = blinker.Signal()
order_paid = django.dispatch.Signal()
log = logging.getLogger(__name__)
stop = threading.Event()
last_error: Exception | None = None
hooked: "weakref.WeakSet[Order]" = weakref.WeakSet()


class Order:
    """An order."""

    def __init__(self) -> None:
        self.lines = ["line"] * 5

    def settle(self, *_: object, **__: object) -> None:
        """Do nothing."""

    @functools.cache  # noqa: B019 - this is the mistake
    def total(self) -> int:
        """Return how many lines there are."""
        return len(self.lines)


class Bus:
    """Calls back."""

    def __init__(self) -> None:
        self.callbacks: dict[str, list[Callable[[], None]]] = {"paid": []}


bus = Bus()


@functools.cache
def load(number: int) -> Order:
    """Return an order from a cache without a cap."""
    return Order()


def in_a_list(number: int) -> object:
    order = Order()
    kept.append(order)
    return order


def in_a_registered_closure(number: int) -> object:
    order = Order()
    bus.callbacks["paid"].append(lambda: order.settle())  # noqa: PLW0108 - the closure is the point
    return order


def as_a_registered_function(number: int) -> object:
    def callback() -> None:
        order.settle()

    order = Order()
    bus.callbacks["paid"].append(callback)
    return callback


def by_a_bound_method(number: int) -> object:
    order = Order()
    kept.append(order.settle)
    return order


def argument_of_a_partial(number: int) -> object:
    order = Order()
    kept.append(functools.partial(print, order))
    return order


def connected_to_blinker(number: int) -> object:
    def notify(sender: object) -> None:
        order.settle()

    order = Order()
    order_placed.connect(notify, weak=False)
    return order


def connected_to_django(number: int) -> object:
    order = Order()
    order_paid.connect(order.settle, weak=False)
    return order


def in_a_thread_local(number: int) -> object:
    order = Order()
    local.__dict__.setdefault("rows", []).append(order)
    return order


def in_a_context(number: int) -> object:
    order = Order()
    context.run(lambda: strings.set((*strings.get(), order)))
    return order


def as_a_log_handler(number: int) -> object:
    handler = logging.StreamHandler(io.StringIO())
    log.addHandler(handler)
    return handler


def local_of_a_kept_exception(number: int) -> object:
    order = Order()
    try:
        raise ValueError(number)
    except ValueError as error:
        errors.append(error)
    return order


def local_of_chained_exceptions(number: int) -> object:
    global last_error
    order = Order()
    try:
        raise ValueError(number) from last_error
    except ValueError as error:
        last_error = error
    return order


def as_a_class(number: int) -> object:
    made = type("Row", (), {"number": number})
    kept.append(made)
    return made


def as_an_executor(number: int) -> object:
    pool = ThreadPoolExecutor(1)
    pool.submit(abs, number).result()
    kept.append(pool)
    return pool


def as_a_socket(number: int) -> object:
    opened = socket.socket()
    kept.append(opened)
    return opened


def as_an_event_loop(number: int) -> object:
    loop = asyncio.new_event_loop()
    kept.append(loop)
    return loop


def in_a_retry_queue(number: int) -> object:
    order = Order()
    retry_later.append(order)
    return order


def in_a_queue(number: int) -> object:
    order = Order()
    waiting.put(order)
    return order


def as_a_key_of_a_cached_method(number: int) -> object:
    order = Order()
    order.total()
    return order


def in_a_cached_function(number: int) -> object:
    return load(number)


def finalized_by_its_own_method(number: int) -> object:
    order = Order()
    weakref.finalize(order, order.settle)
    return order


def in_an_exit_hook(number: int) -> object:
    order = Order()
    atexit.register(order.settle)
    hooked.add(order)
    return order


def local_of_a_thread(number: int) -> object:
    def wait() -> None:
        stop.wait()
        order.settle()

    order = Order()
    threading.Thread(target=wait, daemon=True).start()
    return order


def clear() -> None:
    """Close, end and forget everything."""
    global last_error
    last_error = None
    stop.set()
    for each in kept:
        if isinstance(each, ThreadPoolExecutor):
            each.shutdown()
        elif isinstance(each, socket.socket | asyncio.AbstractEventLoop):
            each.close()
    for order in list(hooked):
        atexit.unregister(order.settle)
    kept.clear()
    errors.clear()
    retry_later.clear()
    waiting.queue.clear()
    bus.callbacks["paid"].clear()
    log.handlers.clear()
    order_paid.receivers.clear()
    order_placed.receivers.clear()
    local.__dict__.clear()
    context.run(strings.set, ())
    Order.total.cache_clear()
    load.cache_clear()
