"""The views of the menu, with one mistake among them: nobody ever empties `_request_caches`."""

import itertools
import os
from collections import OrderedDict
from collections.abc import Iterator
from dataclasses import dataclass, field

from django.http import HttpRequest, JsonResponse, StreamingHttpResponse

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


def make_context(request: HttpRequest) -> Context:
    """Return the context of the request: some kilobytes."""
    return Context(next(_numbers), {"path": request.path}, [f"row {n}" for n in range(80)])


def health(request: HttpRequest) -> JsonResponse:
    return JsonResponse({"status": "ok", "pid": os.getpid()})


def clean(request: HttpRequest) -> JsonResponse:
    context = make_context(request)
    return JsonResponse({"rows": len(context.rows)})


def leak(request: HttpRequest) -> JsonResponse:
    context = Context(next(_numbers), {"path": request.path}, [f"row {n}" for n in range(80)])  # the line that leaks
    _request_caches.append(context)
    return JsonResponse({"rows": len(context.rows)})


def bounded_cache(request: HttpRequest) -> JsonResponse:
    context = make_context(request)
    _recent[context.number] = context
    if len(_recent) > CACHE_ENTRIES:
        _recent.popitem(last=False)
    return JsonResponse({"rows": len(context.rows)})


def cycle(request: HttpRequest) -> JsonResponse:
    root = Node()
    root.children = [Node(parent=root) for _ in range(5)]
    return JsonResponse({"children": len(root.children)})


def stream(request: HttpRequest) -> StreamingHttpResponse:
    def rows() -> Iterator[str]:
        for row in range(20):
            yield f"row {row}\n"

    return StreamingHttpResponse(rows(), content_type="text/plain")


def boom(request: HttpRequest) -> JsonResponse:
    raise RuntimeError("this view always fails")


def big(request: HttpRequest) -> JsonResponse:
    image = bytearray(BIG_BYTES)
    return JsonResponse({"bytes": len(image)})
