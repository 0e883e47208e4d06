"""A stand-in for a guard, and requests to the dashboard as an adapter would make them."""

from typing import Any

from memguard.dashboard import Request, Response, admits, respond
from memguard.model import Flush, WorkerId
from memguard.settings import Settings
from memguard.store import Store
from memguard.store.connection import MEMORY, Database
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import ME

TOKEN = "a-token-of-the-tests"


class Teller:
    """What the dashboard needs of a guard: a worker that tells one thing each time it is asked to flush."""

    def __init__(self, *told: Flush, store: Store | None = None) -> None:
        self.worker_id: WorkerId = ME
        self.store: Store = store or SqliteStore(Database(MEMORY), "shop")
        self.flushes = 0
        for flush in told:
            self.store.flush(flush)

    def flush(self) -> None:
        """Count."""
        self.flushes += 1


def settings(**values: object) -> Settings:
    """Return settings of the service `shop`, with a token unless it is said otherwise."""
    return Settings.load({"service": "shop", "token": TOKEN, **values}, environ={})


def request(path: str = "/_memguard", method: str = "GET", **changed: Any) -> Request:
    """Return the request of a developer on the same machine."""
    sent: dict[str, Any] = {
        "root": "", "query": "", "headers": {"host": "localhost:8000"}, "peer": "127.0.0.1", "scheme": "http",
        "debug": True,
    }  # fmt: skip
    return Request(method=method, path=path, **{**sent, **changed})


def with_token(path: str = "/_memguard", method: str = "GET", **changed: Any) -> Request:
    """Return a request from anywhere that shows the token."""
    headers = {"host": "shop.example", "authorization": f"Bearer {TOKEN}", **changed.pop("headers", {})}
    return request(path, method, **{"peer": "203.0.113.9", "debug": False, "headers": headers, **changed})


def asked(sent: Request, guard: Teller | None = None, using: Settings | None = None) -> Response:
    """Return the answer to a request that must be admitted."""
    using = using or settings()
    assert admits(sent, using)
    return respond(sent, using, guard or Teller())


def header(response: Response, name: str) -> str:
    """Return a header's only value, empty where it is missing."""
    return ", ".join(value for key, value in response.headers if key.lower() == name.lower())
