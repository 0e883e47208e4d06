"""FastAPI, in a process that switched the cyclic collector off to save its pauses: cycles stay for ever.

Not Flask: werkzeug's matching of routes leaves a cycle for each request, so there no operation would be innocent.
"""

# ruff: noqa: D103 - views and helpers explain themselves

import gc
import itertools
import os
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from typing import Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from memguard.starlette import MemGuardMiddleware
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import Working

gc.disable()

app = FastAPI()
app.add_middleware(Working)
app.add_middleware(MemGuardMiddleware)

_numbers = itertools.count(1)


@dataclass
class Node:
    """A part of a tree that knows its parent."""

    number: int
    parent: "Node | None" = None
    children: list["Node"] = field(default_factory=list)


@app.get("/health")
async def health() -> dict[str, Any]:
    return {"pid": os.getpid()}


@app.get("/trees")
@leaks(pattern="uncollected-cycle", types=("Node", "list"))
async def trees() -> dict[str, Any]:
    """Parents and children hold each other."""
    root = Node(next(_numbers))  # leaks
    root.children = [Node(next(_numbers), root) for _ in range(2)]  # leaks
    return {"children": len(root.children)}


class Handler:
    """Holds a function that holds it."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = ["line"] * 40  # leaks: self_closures
        self.handle: Callable[[], int] = lambda: self.number  # leaks: self_closures


@app.get("/self_closures")
@leaks(pattern="uncollected-cycle", types=("Handler", "function", "cell", "list"))
async def self_closures() -> dict[str, Any]:
    """An object whose attribute is a closure over itself."""
    return {"number": Handler(next(_numbers)).handle()}  # leaks


@app.get("/plain")
@innocent()
async def plain() -> dict[str, Any]:
    """Objects without cycles go by themselves."""
    nodes = [Node(number) for number in range(50)]
    return {"nodes": len(nodes)}


@app.get("/few_lines")
@innocent()
async def few_lines() -> StreamingResponse:
    """A streamed answer."""

    async def lines() -> AsyncIterator[str]:
        for number in range(10):
            yield f"line {number}\n"

    return StreamingResponse(lines(), media_type="text/plain")


_slots: dict[int, Node] = {}


@app.get("/slots")
@innocent()
async def slots() -> dict[str, Any]:
    """A dict whose keys are overwritten."""
    number = next(_numbers)
    _slots[number % 32] = Node(number)
    return {"slots": len(_slots)}
