"""The store: what all workers of a service have told, for any of them to show."""

from functools import partial
from pathlib import Path

from memguard.settings import Settings
from memguard.store.attempts import Limit
from memguard.store.bounds import Bounds
from memguard.store.connection import Database
from memguard.store.origins import FileOrigin, Origin
from memguard.store.places import default_file, explicit_file, is_redis, with_directory
from memguard.store.protocol import Store
from memguard.store.resilient import ResilientStore
from memguard.store.schema import WrongFileError, examine_file
from memguard.store.sqlite import SqliteStore

__all__ = [
    "Bounds", "Limit", "Origin", "SqliteStore", "Store", "WrongFileError", "bounds_of", "open_file", "open_store",
    "origin_of",
]  # fmt: skip


def bounds_of(settings: Settings) -> Bounds:
    """Return how much is kept."""
    return Bounds(settings.store_retention, settings.store_size)


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name. Nothing is written and nothing stays open before its first use.

    Raises:
        SettingsError: `settings.store` is the path of something else, or an address that cannot be read.
    """
    return ResilientStore(origin_of(settings), settings.service, bounds_of(settings))


def origin_of(settings: Settings) -> Origin:
    """Return where that store really is, for whoever wants to hear of it when it cannot be used.

    Raises:
        SettingsError: `settings.store` is the path of something else, or an address that cannot be read.
    """
    bounds = bounds_of(settings)
    if is_redis(settings.store):
        from memguard.store.redis_origin import RedisOrigin

        return RedisOrigin(settings.store or "", settings.service, bounds)
    locate = (
        partial(default_file, settings.service)
        if settings.store is None
        else partial(with_directory, explicit_file(settings))
    )
    return FileOrigin(locate, settings.service, bounds)


def open_file(path: Path, service: str, *, read_only: bool = True) -> SqliteStore:
    """Return a store in an existing file.

    Raises:
        FileNotFoundError: There is none, or an empty one.
        WrongFileError: It is something else.
    """
    if not examine_file(path) and (not path.exists() or path.stat().st_size == 0):
        raise FileNotFoundError(f"there is no memguard store at {path}")
    return SqliteStore(Database(str(path), read_only=read_only), service)
