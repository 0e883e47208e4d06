"""Where a store really is, for the one that does not fail: how it is opened, and what may go wrong with it."""

import os
import sqlite3
from collections.abc import Callable
from typing import Protocol

from memguard.store.bounds import Bounds
from memguard.store.connection import Database, InheritedError
from memguard.store.protocol import Store
from memguard.store.schema import WrongFileError
from memguard.store.sqlite import SqliteStore

RETRY_SECONDS = 30.0
"""Between two tries to use a file again."""
RETRY_BUSY_SECONDS = 2.0
"""The same where another process merely held its lock for too long."""

_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)


def is_busy(error: Exception) -> bool:
    """Tell whether another process merely holds the lock of a file."""
    return isinstance(error, sqlite3.Error) and (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BUSY


class Origin(Protocol):
    """One kind of store, at one place."""

    name: str
    """What a person calls it: `store file`."""
    kind: str
    """What an event calls it: `file`."""
    faults: tuple[type[Exception], ...]
    """What its methods raise that is no mistake of memguard's."""

    @property
    def place(self) -> str:
        """Its path or address without a password; empty while that is not known."""

    def open(self) -> Store:
        """Return the store, which raises `faults`; nothing need be opened before its first use."""

    def is_brief(self, error: Exception, /) -> bool:
        """Tell whether a fault passes by itself, so that what is open may stay open."""

    def retry_seconds(self, error: Exception, /) -> float:
        """Return how long to leave it alone after a fault."""

    def words(self, error: Exception) -> str:
        """Return a fault in words, without what may be secret."""


class FileOrigin:
    """A SQLite file.

    Args:
        locate: Returns its path, or raises OSError.
        service: Whose rows are written and read.
        bounds: How much is kept.
    """

    name, kind = "store file", "file"
    faults: tuple[type[Exception], ...] = (sqlite3.Error, OSError, WrongFileError, InheritedError)

    def __init__(self, locate: Callable[[], str], service: str, bounds: Bounds) -> None:
        self._locate = locate
        self._service = service
        self._bounds = bounds
        self.place = ""

    def open(self) -> SqliteStore:
        """Find the file anew: workers may run as another user than the process that started them."""
        self.place = self._locate()
        return SqliteStore(Database(self.place), self._service, self._bounds)

    def is_brief(self, error: Exception) -> bool:
        """Tell whether another process merely holds a lock."""
        return is_busy(error)

    def retry_seconds(self, error: Exception) -> float:
        """Return how long to leave the file alone."""
        return RETRY_BUSY_SECONDS if self.is_brief(error) else RETRY_SECONDS

    def words(self, error: Exception) -> str:
        """Return the fault with the path that an operating system's error is about."""
        if isinstance(error, OSError) and error.errno is not None:
            where = f": {os.fspath(error.filename)!r}" if isinstance(error.filename, str) else ""
            return f"{os.strerror(error.errno)}{where}"
        return str(error)
