"""Flask: containers that only ever grow, each in another place."""

# ruff: noqa: D103 - views and helpers explain themselves

import itertools
import os
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, ClassVar

from flask import Flask, request

from memguard.flask import MemGuard
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import ordinary_work

app = Flask(__name__)
MemGuard(app)
app.before_request(ordinary_work)

_numbers = itertools.count(1)


@dataclass
class Context:
    """What a request was about."""

    number: int
    rows: list[str] = field(default_factory=list)


def rows(count: int = 40) -> list[str]:
    return [f"row {number}" for number in range(count)]


@app.get("/health")
def health() -> dict[str, Any]:
    return {"pid": os.getpid()}


_request_caches: list[dict[str, Any]] = []


@app.get("/request_dicts")
@leaks(pattern="unbounded-container", holder="_request_caches", types=("dict", "list"))
def request_dicts() -> dict[str, Any]:
    """A dict for each request in a module's list."""
    cache = {"path": request.path, "rows": ["row"] * 40}  # leaks
    _request_caches.append(cache)
    return {"rows": len(cache)}


_by_request_id: dict[str, Context] = {}


@app.get("/by_request_id")
@leaks(pattern="unbounded-container", holder="_by_request_id", types="Context")
def by_request_id() -> dict[str, Any]:
    """A dict by request id that nobody takes anything out of: tracing code that waits for an end that never comes."""
    context = Context(next(_numbers), [f"row {row}" for row in range(40)])  # leaks
    _by_request_id[f"request-{context.number}"] = context
    return {"number": context.number}


_carts: dict[int, dict[str, dict[str, Any]]] = {}


@app.get("/dict_of_dicts")
@leaks(pattern="unbounded-container", holder="_carts", types="dict")
def dict_of_dicts() -> dict[str, Any]:
    """Nested dicts by visitor."""
    cart = {"lines": {"first": {"sku": "a", "tags": []}, "second": {"sku": "b", "tags": []}}}  # leaks
    _carts[next(_numbers)] = cart
    return {"lines": len(cart)}


_bodies: list[bytes] = []


@app.get("/bytes_in_list")
@leaks(pattern="unbounded-container", holder="_bodies")
def bytes_in_list() -> dict[str, Any]:
    """Bytes piling up in an old list: no object that the collector tracks is born."""
    body = os.urandom(3000)  # leaks
    _bodies.append(body)
    return {"bytes": len(body)}


_seen: set[str] = set()


@app.get("/text_in_set")
@leaks(pattern="unbounded-container", holder="_seen")
def text_in_set() -> dict[str, Any]:
    """Texts piling up in an old set, to tell visitors that came before."""
    visitor = f"visitor {next(_numbers)} with some words about them " * 8  # leaks
    _seen.add(visitor)
    return {"seen": len(_seen)}


_events: defaultdict[str, list[Context]] = defaultdict(list)


@app.get("/few_keys")
@leaks(pattern="unbounded-container", holder="_events", types="Context")
def few_keys() -> dict[str, Any]:
    """The dict has four keys for ever; what grows are its lists, of events whose rows a helper has made."""
    event = Context(next(_numbers), rows())  # leaks
    _events[("open", "read", "write", "close")[event.number % 4]].append(event)
    return {"kinds": len(_events)}


class Audit:
    """Keeps its entries for all instances together."""

    entries: ClassVar[list[Context]] = []

    def note(self) -> int:
        entry = Context(next(_numbers), [f"row {row}" for row in range(40)])  # leaks: class_attribute
        self.entries.append(entry)
        return entry.number


@app.get("/class_attribute")
@leaks(pattern="unbounded-container", holder="entries", types="Context")
def class_attribute() -> dict[str, Any]:
    """A list that was meant to be an instance's and is the class's."""
    return {"number": Audit().note()}


def collect(item: Context, collected: list[Context] = []) -> int:  # noqa: B006 - this is the mistake
    collected.append(item)
    return len(collected)


@app.get("/default_argument")
@leaks(pattern="unbounded-container", holder=("collect", "__defaults__"), types="Context")
def default_argument() -> dict[str, Any]:
    """A mutable default argument."""
    return {"collected": collect(Context(next(_numbers), [f"row {row}" for row in range(40)]))}  # leaks


def make_recorder() -> Callable[[Context], int]:
    history: list[Context] = []

    def record(item: Context) -> int:
        history.append(item)
        return len(history)

    return record


record = make_recorder()


@app.get("/closure_cell")
@leaks(pattern=("unbounded-container", "closure-callback"), holder=("history", "record"), types="Context")
def closure_cell() -> dict[str, Any]:
    """A list that only a closure knows."""
    item = Context(next(_numbers), [f"row {row}" for row in range(40)])  # leaks
    return {"history": record(item)}


class Service:
    """Registers each client it opens, and has no way to close one."""

    def __init__(self) -> None:
        self.clients: dict[int, Context] = {}

    def open_client(self) -> Context:
        client = Context(next(_numbers), [f"row {row}" for row in range(40)])  # leaks: instance_registry
        self.clients[id(client)] = client
        return client


service = Service()


@app.get("/instance_registry")
@leaks(pattern="unbounded-container", holder=("service", "clients"), types="Context")
def instance_registry() -> dict[str, Any]:
    """The registry of a service object (after https://github.com/icatproject/python-icat/issues/111)."""
    return {"client": service.open_client().number}


@dataclass
class Version:
    """A version that knows the one before it."""

    number: int
    previous: "Version | None"


_latest_version: Version | None = None


@app.get("/linked_list")
@leaks(pattern=("unbounded-container", "unknown"), holder="_latest_version", types="Version")
def linked_list() -> dict[str, Any]:
    """No container at all: each object holds the one before it."""
    global _latest_version
    _latest_version = Version(next(_numbers), _latest_version)  # leaks
    return {"number": _latest_version.number}


_recent: OrderedDict[int, Context] = OrderedDict()


@app.get("/ordered_lru")
@innocent()
def ordered_lru() -> dict[str, Any]:
    """A cache of 64 entries, written by hand."""
    context = Context(next(_numbers), rows())
    _recent[context.number] = context
    if len(_recent) > 64:
        _recent.popitem(last=False)
    return {"recent": len(_recent)}


_latest: dict[str, Context] = {}


@app.get("/latest_value")
@innocent()
def latest_value() -> dict[str, Any]:
    """One value that each request replaces."""
    _latest["context"] = Context(next(_numbers), rows())
    return {"number": _latest["context"].number}


_by_weekday: dict[str, Context] = {}


@app.get("/bounded_keys")
@innocent()
def bounded_keys() -> dict[str, Any]:
    """A dict whose sixteen keys are overwritten again and again."""
    context = Context(next(_numbers), rows())
    _by_weekday[f"slot {context.number % 16}"] = context
    return {"slots": len(_by_weekday)}
