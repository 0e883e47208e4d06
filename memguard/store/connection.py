"""This process's own connection to a store's file, and what a fork does to it.

SQLite keeps its locks per process and finds them by inode, so https://sqlite.org/howtocorrupt.html forbids a child
to use, and to close, a connection that its parent opened (2.6). A connection of the child's own is no way out while
an inherited one is there: SQLite finds the parent's locks in its copied memory and takes none of the child's (tried:
the child's journal is deleted under it when the parent closes). Therefore:

- a connection is closed before the process forks, and opened again when it is next used, in parent and child alike;
- where that was not possible (the database was busy for too long, or C code forked), the child keeps the inherited
  connection untouched for ever and does not open that file at all: `InheritedError`.
"""

import atexit
import os
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

from memguard.forking import reset_in_child
from memguard.safety import Part
from memguard.store.schema import create_private, examine, prepare, read_only_uri
from memguard.store.tables import stand_in

MEMORY = ":memory:"
BUSY_SECONDS = 0.25
"""How long one statement waits for another process's lock."""
FORK_SECONDS = 0.5
"""How long a fork waits for a flush that is under way."""

FileKey = tuple[int, int]


class InheritedError(Exception):
    """This process was forked from one that had the file open, so SQLite's locks on it cannot be trusted here."""


@dataclass(frozen=True, slots=True)
class _Held:
    connection: sqlite3.Connection
    pid: int
    key: FileKey | None
    abandoned: bool = False

    @property
    def ours(self) -> bool:
        return self.pid == os.getpid()


_held: dict[int, _Held] = {}
"""Every open connection, by id. Only `Database.close` takes one out, so no other one is ever finalised, which closes."""
_databases: "weakref.WeakSet[Database]" = weakref.WeakSet()
_fork_part = Part("store: closing its file before a fork")


class Database:
    """One SQLite database, opened when it is first used, by one thread of this process at a time.

    Args:
        path: Of the file, or `MEMORY` for one that ends with the process.
        read_only: Never write; the file must exist.
    """

    def __init__(self, path: str, *, read_only: bool = False) -> None:
        self.path = path
        self.opened = 0
        """Counts the connections so far: whatever is remembered of the file's rows is void when it changes."""
        self._read_only = read_only
        self._start()
        _databases.add(self)
        reset_in_child(self._start)

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._mine: _Held | None = None

    @contextmanager
    def session(self) -> Iterator[sqlite3.Connection]:
        """Give this process's connection to one thread; what it began and did not commit is rolled back.

        Raises:
            sqlite3.Error, OSError, WrongFileError, InheritedError: The database cannot be opened.
        """
        if self._pid != os.getpid():  # forked by C code, which runs no hook
            self._start()
        with self._lock:
            connection = self._connected()
            try:
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")

    def close(self) -> None:
        """Close this process's connection; the next use opens another one."""
        if self._pid == os.getpid():
            with self._lock:
                self._close()

    def _close(self) -> None:
        held, self._mine = self._mine, None
        if held is not None and held.ours:
            del _held[id(held.connection)]
            held.connection.close()

    def _connected(self) -> sqlite3.Connection:
        if self._mine is not None and self._mine.key != _key(self.path):
            # The file was deleted or replaced. Closing would delete the journal of the new one, which has its name.
            _held[id(self._mine.connection)] = replace(self._mine, abandoned=True)
            self._mine = None
        if self._mine is None:
            key = _key(self.path)
            if key and any(held.key == key and not held.ours for held in tuple(_held.values())):
                raise InheritedError("this process was forked while its parent had the file open")
            self._mine = self._open()
            self.opened += 1
        return self._mine.connection

    def _open(self) -> _Held:
        if self._read_only:
            connection = _opened_read_only(self.path)
        else:
            if self.path != MEMORY:
                create_private(self.path)
            connection = _connect(self.path)
            try:
                prepare(connection)
            except BaseException:
                connection.close()
                raise
        held = _Held(connection, os.getpid(), _key(self.path))
        _held[id(connection)] = held
        return held

    def let_go(self) -> Callable[[], None] | None:
        """Close the file and keep it closed until the returned function is called; None if it is busy for too long."""
        lock = self._lock
        if not lock.acquire(timeout=FORK_SECONDS):
            return None
        with _fork_part:
            if self.path != MEMORY:
                self._close()
        return lock.release


def _connect(target: str, *, uri: bool = False) -> sqlite3.Connection:
    return sqlite3.connect(target, uri=uri, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)


def _opened_read_only(path: str) -> sqlite3.Connection:
    try:
        connection = _connect(read_only_uri(path), uri=True)
        try:
            _show(connection)
        except BaseException:
            connection.close()
            raise
    except sqlite3.OperationalError:
        # A directory we may not write has no room for the journal's files. Without a journal nobody is writing.
        if os.path.exists(f"{path}-wal"):  # noqa: PTH110 (the path is a text everywhere here)
            raise
        connection = _connect(read_only_uri(path, immutable=True), uri=True)
        _show(connection)
    return connection


def _show(connection: sqlite3.Connection) -> None:
    version = examine(connection)
    if version == 0:  # tables of our own would hide those that a worker is just about to make
        raise sqlite3.OperationalError("no worker has written into it yet")
    stand_in(connection, version)


def _key(path: str) -> FileKey | None:
    if path == MEMORY:
        return None
    try:
        found = os.stat(path)  # noqa: PTH116 (once a flush; the path is a text everywhere here)
    except OSError:
        return None
    return found.st_dev, found.st_ino


_releases: list[Callable[[], None]] = []


def _before_fork() -> None:
    for database in tuple(_databases):
        release = database.let_go()
        if release is not None:
            _releases.append(release)


def _after_fork() -> None:
    while _releases:
        _releases.pop()()


def _keep_inherited() -> None:
    # At the end of the process even this module's references go, and a connection that is finalised closes. One more
    # reference that no one gives back keeps those that are not ours to close.
    foreign = [held.connection for held in _held.values() if held.abandoned or not held.ours]
    if foreign:
        import ctypes

        for connection in foreign:
            ctypes.pythonapi.Py_IncRef(ctypes.py_object(connection))


atexit.register(_keep_inherited)
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before_fork, after_in_parent=_after_fork, after_in_child=_releases.clear)
