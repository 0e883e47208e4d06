"""Flask: leaks that are rare, or hard to see among all that comes and goes."""

# ruff: noqa: D103 - views and helpers explain themselves

import itertools
import os
import threading
from dataclasses import dataclass
from typing import Any

from flask import Flask, request

from memguard.flask import MemGuard
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import light_work

app = Flask(__name__)
MemGuard(app)
app.before_request(light_work)

_numbers = itertools.count(1)


@dataclass
class Record:
    """What was found out about something."""

    number: int
    notes: list[str]


@dataclass
class Node:
    """A part of a tree that knows its parent."""

    parent: "Node | None"
    children: list["Node"]


@app.get("/health")
def health() -> dict[str, Any]:
    return {"pid": os.getpid()}


_hundredths = itertools.count(1)
_outliers: list[Record] = []


@app.get("/one_in_100")
@leaks(pattern="unbounded-container", holder="_outliers", types="Record", one_in=100, per_second=120)
def one_in_100() -> dict[str, Any]:
    """Keeps a record of every hundredth request: a sampling profiler's that nobody reads."""
    number = next(_hundredths)
    if number % 100 == 0:
        outlier = Record(number, ["note"] * 40)  # leaks
        _outliers.append(outlier)
    return {"number": number}


_twentieths = itertools.count(1)
_unpaid: dict[int, Record] = {}


@app.get("/one_in_20")
@leaks(pattern="unbounded-container", holder="_unpaid", types="Record", one_in=20, per_second=32)
def one_in_20() -> dict[str, Any]:
    """Every twentieth order is not paid, and its record stays."""
    number = next(_twentieths)
    if number % 20 == 0:
        _unpaid[number] = Record(number, ["note"] * 40)  # leaks
    return {"number": number}


_crashes: list[Record] = []


@app.get("/on_error_only")
@leaks(
    pattern="unbounded-container",
    holder="_crashes",
    types="Record",
    one_in=8,
    per_second=16,
    ask=(
        "/on_error_only?fail=1",
        "/on_error_only",
        "/on_error_only",
        "/on_error_only",
        "/on_error_only",
        "/on_error_only",
        "/on_error_only",
        "/on_error_only",
    ),
)
def on_error_only() -> dict[str, Any]:
    """Only what fails leaves something: the record for an error page."""
    if "fail" in request.args:
        crash = Record(next(_numbers), ["note"] * 40)  # leaks
        _crashes.append(crash)
        raise RuntimeError("this request always fails")
    return {"crashes": len(_crashes)}


_drafts: list[Record] = []


@app.get("/one_kind_only")
@leaks(
    pattern="unbounded-container",
    holder="_drafts",
    types="Record",
    one_in=6,
    per_second=14,
    ask=(
        "/one_kind_only?kind=draft",
        "/one_kind_only?kind=sent",
        "/one_kind_only?kind=paid",
        "/one_kind_only?kind=late",
        "/one_kind_only?kind=held",
        "/one_kind_only",
    ),
)
def one_kind_only() -> dict[str, Any]:
    """One value of a parameter leaks, on the same route as all others."""
    record = Record(next(_numbers), ["note"] * 40)  # leaks
    if request.args.get("kind") == "draft":
        _drafts.append(record)
    return {"number": record.number}


_totals: list[Record] = []


@app.get("/under_churn")
@leaks(pattern="unbounded-container", holder="_totals", types="Record")
def under_churn() -> dict[str, Any]:
    """One record stays of five thousand that come and go."""
    passing = [Record(number, []) for number in range(5000)]
    total = Record(sum(record.number for record in passing), ["note"] * 40)  # leaks
    _totals.append(total)
    return {"total": total.number}


def _always_busy() -> None:
    # A thread of the application's own that allocates all the time, as one that polls a queue does.
    kept: list[Record] = []
    pause = threading.Event()
    while not pause.wait(0.004):
        kept = [Record(number, ["note"]) for number in range(60)]
    kept.clear()


_busy = threading.Thread(target=_always_busy, daemon=True)


@app.get("/beside_a_busy_thread")
@innocent()
def beside_a_busy_thread() -> dict[str, Any]:
    """Starts a background thread once, which allocates all the time from then on."""
    if not _busy.is_alive() and _busy.ident is None:
        _busy.start()
    return {"alive": _busy.is_alive()}


@app.get("/big_temporaries")
@innocent()
def big_temporaries() -> dict[str, Any]:
    """Some megabytes that are gone at the end."""
    image = bytearray(4_000_000)
    table = {number: str(number) for number in range(2000)}
    return {"bytes": len(image), "rows": len(table)}


@app.get("/cycles_collected")
@innocent()
def cycles_collected() -> dict[str, Any]:
    """Trees that only the collector frees, and it does."""
    root = Node(None, [])
    root.children = [Node(root, []) for _ in range(20)]
    return {"children": len(root.children)}
