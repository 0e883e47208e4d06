"""The file's format: its tables, how it says whose it is, and how a wrong file is told apart from a broken one."""

import os
import sqlite3
import stat
import time
from contextlib import closing, suppress
from pathlib import Path
from urllib.parse import quote

from memguard.store import tables

APPLICATION_ID = 0x6D656D67
"""`memg` in the file's header: another program's database is never written into."""
SCHEMA = tables.VERSION
"""The version of the tables, in the file's header. An earlier one is upgraded; a later one is used where it says that
this version can, and left alone where not."""
SWITCH_SECONDS = 1.0
"""How long to try for the journal while others make the same file."""
CHECKPOINT_PAGES = 4_000
SMALLEST = 100
"""Bytes of a SQLite header. SQLite takes a shorter file for an empty database, whatever is in it."""


class WrongFileError(Exception):
    """Something else than memguard's store, or a store of a later version, lies at the path."""


def prepare(connection: sqlite3.Connection) -> None:
    """Make the tables in an empty database, upgrade those of an earlier version, and set up this connection.

    Raises:
        WrongFileError: The database is not memguard's, or a later version wrote it.
        sqlite3.Error: It cannot be read or written.
    """
    if examine(connection) < SCHEMA:
        # In one transaction and before WAL: from then on no process ever sees the file half made.
        connection.execute("BEGIN IMMEDIATE")
        try:
            version = _examined(connection)  # again: another process may have been faster
            if version < SCHEMA:
                tables.upgrade(connection, version)
                connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
                connection.execute(f"PRAGMA user_version = {SCHEMA}")
            connection.execute("COMMIT")
        finally:
            _roll_back(connection)
    _switch_to_wal(connection)
    connection.execute("PRAGMA synchronous = NORMAL")
    # Workers write the same pages again and again: the fewer checkpoints, the fewer of those writes reach the file.
    connection.execute(f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}")
    connection.execute("PRAGMA journal_size_limit = 4194304")
    connection.execute("PRAGMA cache_size = -512")
    connection.execute("PRAGMA temp_store = MEMORY")


def _switch_to_wal(connection: sqlite3.Connection) -> None:
    # SQLite's own busy timeout does not cover the switch: of workers that start together it refuses one at once.
    deadline = time.monotonic() + SWITCH_SECONDS
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() >= deadline:
                raise
            time.sleep(0.005)
        else:
            return


def examine(connection: sqlite3.Connection) -> int:
    """Return the version of memguard's tables, 0 for an empty database, and raise for what this version cannot use."""
    connection.execute("BEGIN")  # several questions about one moment: another process may be making the tables
    try:
        return _examined(connection)
    finally:
        _roll_back(connection)


def _roll_back(connection: sqlite3.Connection) -> None:
    if connection.in_transaction:
        connection.execute("ROLLBACK")


def _examined(connection: sqlite3.Connection) -> int:
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application == APPLICATION_ID and 1 <= version <= SCHEMA:
        return int(version)
    if application == APPLICATION_ID and version > SCHEMA:
        if tables.serves(connection):
            return int(version)
        raise WrongFileError(f"a later memguard wrote it (schema {version}, this one knows up to {SCHEMA})")
    (others,) = connection.execute("SELECT count(*) FROM sqlite_master").fetchone()
    if application or version or others:
        raise WrongFileError("it is a SQLite database of something else")
    return 0


def examine_file(path: Path) -> int:
    """Do the same for the file at a path, without writing; 0 where nothing lies there yet.

    What cannot be found out now, because the file is locked or not ours to read, is left to the first write.
    """
    try:
        found = path.stat()
    except NotADirectoryError:
        raise WrongFileError("its directory is a file") from None
    except OSError:
        return 0
    if not stat.S_ISREG(found.st_mode):
        raise WrongFileError("it is neither a file nor a directory")
    if found.st_size == 0:
        return 0
    if found.st_size < SMALLEST:
        raise WrongFileError("it is not a SQLite database")
    try:
        # Through SQLite, never with open(): closing a second descriptor of a database drops the locks that other
        # connections of this process hold on it, and it may be the host's (https://sqlite.org/howtocorrupt.html 2.2).
        with closing(sqlite3.connect(read_only_uri(path), uri=True, timeout=0.1, isolation_level=None)) as connection:
            return examine(connection)
    except sqlite3.Error as error:
        if error.sqlite_errorcode == sqlite3.SQLITE_NOTADB:
            raise WrongFileError("it is not a SQLite database") from None
    return 0


def read_only_uri(path: str | os.PathLike[str], *, immutable: bool = False) -> str:
    """Return the URI that opens a database without writing; immutable also without the files of its journal."""
    return f"file:{quote(os.fspath(path))}?mode=ro{'&immutable=1' if immutable else ''}"


def create_private(path: str) -> None:
    """Make the file before SQLite would, closed to others; its journal files inherit that."""
    with suppress(FileExistsError):
        os.close(os.open(path, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_CLOEXEC", 0), 0o600))
