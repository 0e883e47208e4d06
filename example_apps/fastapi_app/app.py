"""A small FastAPI application with one mistake in it: nobody ever empties `_request_caches`."""

import itertools
import os
from collections import OrderedDict
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import StreamingResponse

from memguard.starlette import MemGuardMiddleware

app = FastAPI(debug=os.environ.get("FASTAPI_DEBUG") == "1")
app.add_middleware(MemGuardMiddleware)

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


def make_context(request: Request) -> Context:
    """Return the context of the request: some kilobytes."""
    return Context(next(_numbers), {"path": request.url.path}, [f"row {n}" for n in range(80)])


@app.get("/health")
async def health() -> dict[str, Any]:
    return {"status": "ok", "pid": os.getpid()}


@app.get("/clean")
async def clean(request: Request) -> dict[str, Any]:
    context = make_context(request)
    return {"rows": len(context.rows)}


@app.get("/leak")
async def leak(request: Request) -> dict[str, Any]:
    path = request.url.path
    context = Context(next(_numbers), {"path": path}, [f"row {n}" for n in range(80)])  # the line that leaks
    _request_caches.append(context)
    return {"rows": len(context.rows)}


@app.get("/bounded_cache")
def bounded_cache(request: Request) -> dict[str, Any]:
    context = make_context(request)
    _recent[context.number] = context
    if len(_recent) > CACHE_ENTRIES:
        _recent.popitem(last=False)
    return {"rows": len(context.rows)}


@app.get("/cycle")
async def cycle() -> dict[str, Any]:
    root = Node()
    root.children = [Node(parent=root) for _ in range(5)]
    return {"children": len(root.children)}


@app.get("/stream")
async def stream() -> StreamingResponse:
    async def rows() -> AsyncIterator[str]:
        for row in range(20):
            yield f"row {row}\n"

    return StreamingResponse(rows(), media_type="text/plain")


@app.get("/boom")
async def boom() -> dict[str, Any]:
    raise RuntimeError("this endpoint always fails")


@app.get("/big")
def big() -> dict[str, Any]:
    image = bytearray(BIG_BYTES)
    return {"bytes": len(image)}
