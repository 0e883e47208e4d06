"""The API that dies after 72 hours: each request gets an entry in `_request_caches`, and nobody ever takes one out."""

from dataclasses import dataclass, field
from uuid import uuid4

from flask import Flask, g

from memguard.flask import MemGuard

app = Flask(__name__)
MemGuard(app)

LINES = 40


@dataclass
class RequestCache:
    """What a request has looked up, so that it asks for nothing twice."""

    prices: dict[str, str] = field(default_factory=dict)


_request_caches: dict[str, RequestCache] = {}


def cache() -> RequestCache:
    """Return the cache of the request at hand."""
    if "request_id" not in g:
        g.request_id = uuid4().hex
        _request_caches[g.request_id] = RequestCache()  # the line that leaks
    return _request_caches[g.request_id]


def price(article: str) -> str:
    """Return what an article costs, from the request's cache where it was asked for before."""
    known = cache().prices
    if article not in known:
        known[article] = f"{article}: {len(article)}.99 EUR"
    return known[article]


@app.get("/orders/<int:number>")
def order(number: int) -> dict[str, list[str]]:
    """Return an order with its prices."""
    return {"lines": [price(f"article {number % 50}-{line}") for line in range(LINES)]}


@app.get("/catalogue")
def catalogue() -> dict[str, list[str]]:
    """Return what there is; it needs no prices."""
    return {"articles": [f"article {number}" for number in range(LINES)]}


@app.get("/health")
def health() -> dict[str, str]:
    """Say that it serves."""
    return {"status": "ok"}
