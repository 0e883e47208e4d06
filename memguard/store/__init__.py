"""The store: what all workers of a service have told, for any of them to show."""

from functools import partial
from pathlib import Path
from typing import Protocol

from memguard.model import Flush, Stored, TimelinePoint, UnitRecord, WorkerId
from memguard.settings import Settings
from memguard.store.connection import Database
from memguard.store.places import default_file, explicit_file, with_directory
from memguard.store.resilient import ResilientStore
from memguard.store.schema import WrongFileError, examine_file
from memguard.store.sqlite import SqliteStore

__all__ = ["SqliteStore", "Store", "WrongFileError", "open_file", "open_store"]


class Store(Protocol):
    """Where workers write once a second and the dashboard reads. Any thread may call any method."""

    @property
    def place(self) -> str:
        """The path of the file, or `:memory:`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a person about what does not work, empty while everything does."""

    def flush(self, flush: Flush) -> None:
        """Write all that a worker has to tell."""

    def read(self) -> Stored:
        """Return all that is kept of the service."""

    def timeline(self, *, since: float = 0.0, limit: int = 1000) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the newest points after `since`, oldest first."""

    def units(
        self, *, since: float = 0.0, limit: int = 1000, operation: str | None = None
    ) -> list[tuple[WorkerId, UnitRecord]]:
        """Return the newest units that ended after `since`, oldest first; of one operation's name where it is given."""

    def close(self) -> None:
        """Close what this process has open; the next use opens it again."""


def open_store(settings: Settings) -> Store:
    """Return the store that the settings name. Nothing is written and nothing stays open before its first use.

    Raises:
        SettingsError: `settings.store` is the path of something else.
    """
    if settings.store is None:
        return ResilientStore(partial(default_file, settings.service), settings.service)
    return ResilientStore(partial(with_directory, explicit_file(settings)), settings.service)


def open_file(path: Path, service: str) -> SqliteStore:
    """Return a store that only reads an existing file.

    Raises:
        FileNotFoundError: There is none, or an empty one.
        WrongFileError: It is something else.
    """
    if not examine_file(path) and (not path.exists() or path.stat().st_size == 0):
        raise FileNotFoundError(f"there is no memguard store at {path}")
    return SqliteStore(Database(str(path), read_only=True), service)
