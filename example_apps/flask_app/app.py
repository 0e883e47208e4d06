"""A small Flask application with one mistake in it: nobody ever empties `_request_caches`."""

import itertools
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from flask import Flask, Response, request

from memguard.flask import MemGuard

app = Flask(__name__)
MemGuard(app)

BIG_BYTES = 100_000_000
CACHE_ENTRIES = 64


@dataclass
class Context:
    """What a request was about: who asked for what, and the rows it was shown."""

    number: int
    request: dict[str, str]
    rows: list[str]


@dataclass
class Node:
    """A part of a tree that knows its parent, so the two keep each other alive until the collector comes."""

    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)


_numbers = itertools.count(1)
_request_caches: list[Context] = []
_recent: OrderedDict[int, Context] = OrderedDict()


def make_context() -> Context:
    """Return the context of the request at hand: some kilobytes."""
    return Context(next(_numbers), {"path": request.path}, [f"row {n}" for n in range(80)])


@app.get("/health")
def health() -> dict[str, Any]:
    return {"status": "ok", "pid": os.getpid()}


@app.get("/clean")
def clean() -> dict[str, Any]:
    context = make_context()
    return {"rows": len(context.rows)}


@app.get("/leak")
def leak() -> dict[str, Any]:
    context = Context(next(_numbers), {"path": request.path}, [f"row {n}" for n in range(80)])  # the line that leaks
    _request_caches.append(context)
    return {"rows": len(context.rows)}


@app.get("/bounded_cache")
def bounded_cache() -> dict[str, Any]:
    context = make_context()
    _recent[context.number] = context
    if len(_recent) > CACHE_ENTRIES:
        _recent.popitem(last=False)
    return {"rows": len(context.rows)}


@app.get("/cycle")
def cycle() -> dict[str, Any]:
    root = Node()
    root.children = [Node(parent=root) for _ in range(5)]
    return {"children": len(root.children)}


@app.get("/stream")
def stream() -> Response:
    def rows() -> Iterator[str]:
        for row in range(20):
            yield f"row {row}\n"

    return Response(rows(), mimetype="text/plain")


@app.get("/boom")
def boom() -> dict[str, Any]:
    raise RuntimeError("this view always fails")


@app.get("/big")
def big() -> dict[str, Any]:
    image = bytearray(BIG_BYTES)
    return {"bytes": len(image)}
