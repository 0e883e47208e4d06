"""The stores that one suite runs over."""

from collections.abc import Callable

from memguard.store import SqliteStore, Store
from memguard.store.redis import RedisStore

KINDS = ("memory", "file", "redis")
Make = Callable[..., Store]
"""Makes a store of a service; all that it makes in one test are in one place."""


def services_of(store: Store) -> list[str]:
    """Return the names of the services that have told something where a store is."""
    assert isinstance(store, SqliteStore | RedisStore)
    return store.services()
