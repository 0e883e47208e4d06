"""Where a store in Redis is, and how it is reached without making anybody wait for it."""

from urllib.parse import urlsplit

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from memguard.store.bounds import Bounds
from memguard.store.redis import RedisStore

CONNECT_SECONDS, ANSWER_SECONDS = 0.5, 1.0
"""How long a connection and an answer are waited for, in the keeper's thread; after that it is away."""
RETRY_SECONDS = 5.0


class RedisOrigin:
    """A Redis, by its URL.

    Args:
        url: `redis://`, `rediss://` (TLS) or `unix://`, as the client reads it.
        service: Whose rows are written and read.
        bounds: How much is kept.
    """

    name, kind = "Redis store", "redis"
    faults: tuple[type[Exception], ...] = (redis.RedisError, OSError)

    def __init__(self, url: str, service: str, bounds: Bounds) -> None:
        self._url = url
        self._service = service
        self._bounds = bounds
        self.place = without_password(url)

    def open(self) -> RedisStore:
        """Return the store; nothing connects before its first use."""
        return RedisStore(connect(self._url), self.place, self._service, self._bounds)

    def is_brief(self, _: Exception) -> bool:
        """Every fault is a reason to connect anew."""
        return False

    def retry_seconds(self, _: Exception) -> float:
        """Return how long to leave it alone."""
        return RETRY_SECONDS

    def words(self, error: Exception) -> str:
        """Return the fault; the client puts no password into it."""
        return str(error).strip().rstrip(".") or type(error).__name__


def connect(url: str) -> "redis.Redis":
    """Return a client that answers in text, gives up soon and tries nothing twice; raise ValueError for a bad URL."""
    return redis.Redis.from_url(
        url,
        decode_responses=True,
        encoding_errors="backslashreplace",
        socket_connect_timeout=CONNECT_SECONDS,
        socket_timeout=ANSWER_SECONDS,
        retry=Retry(NoBackoff(), 0),
        client_name="memguard",
    )


def without_password(url: str) -> str:
    """Return an address as it may be shown: neither password nor what stands in its query."""
    parts = urlsplit(url)
    user, at, host = parts.netloc.rpartition("@")
    shown = f"{user.partition(':')[0]}:…@" if at and ":" in user else f"{user}{at}"
    return f"{parts.scheme}://{shown}{host}{parts.path}"
