import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from memguard.store.schema import APPLICATION_ID, SCHEMA, WrongFileError, examine, examine_file, prepare


def made(path: Path, *statements: str) -> Path:
    """Return the path once a database lies there."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)
    return path


def test_an_empty_file_becomes_a_store(tmp_path: Path) -> None:
    """The header says whose file it is and of which version, and commits do not wait for the disk each time."""
    with closing(sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)) as connection:
        prepare(connection)

        assert connection.execute("PRAGMA application_id").fetchone() == (APPLICATION_ID,)
        assert connection.execute("PRAGMA user_version").fetchone() == (SCHEMA,)
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
        assert connection.execute("PRAGMA synchronous").fetchone() == (1,)


def test_preparing_twice_changes_nothing(tmp_path: Path) -> None:
    """A store that is there already is used as it is."""
    with closing(sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None)) as connection:
        prepare(connection)
        before = connection.execute("SELECT sql FROM sqlite_master").fetchall()
        prepare(connection)

        assert connection.execute("SELECT sql FROM sqlite_master").fetchall() == before


def test_many_that_come_at_once_make_one_store(tmp_path: Path) -> None:
    """Workers that start together neither fail nor make the tables twice."""
    failures: list[BaseException] = []
    start = threading.Barrier(8)

    def come() -> None:
        with closing(sqlite3.connect(tmp_path / "a.sqlite", isolation_level=None, timeout=10)) as connection:
            start.wait()
            try:
                prepare(connection)
                assert examine(connection)
            except BaseException as error:
                failures.append(error)

    threads = [threading.Thread(target=come) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_the_journal_is_switched_while_another_reads(tmp_path: Path) -> None:
    """A worker that comes while another one reads the file just made waits for it, whatever its busy timeout."""
    path = tmp_path / "a.sqlite"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        prepare(connection)
        connection.execute("PRAGMA journal_mode = DELETE")
    with (
        closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as reader,
        closing(sqlite3.connect(path, isolation_level=None, timeout=0)) as late,
    ):
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM worker").fetchall()
        release = threading.Timer(0.1, reader.execute, ["COMMIT"])
        release.start()
        prepare(late)
        release.join()

        assert late.execute("PRAGMA journal_mode").fetchone() == ("wal",)


WRONG: dict[str, tuple[Callable[[Path], object], str]] = {
    "text": (lambda path: path.write_text("dear diary, " * 500), "it is not a SQLite database"),
    "a few bytes": (lambda path: path.write_text("x"), "it is not a SQLite database"),
    "a header only": (lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 200), "it is not a SQLite database"),
    "someone's tables": (
        lambda path: made(path, "CREATE TABLE customer (name)"),
        "it is a SQLite database of something else",
    ),
    "someone's header": (
        lambda path: made(path, "PRAGMA application_id = 7"),
        "it is a SQLite database of something else",
    ),
    "a later version": (
        lambda path: made(path, f"PRAGMA application_id = {APPLICATION_ID}", "PRAGMA user_version = 99"),
        f"a later memguard wrote it (schema 99, this one knows up to {SCHEMA})",
    ),
}


@pytest.mark.parametrize("kind", WRONG)
def test_something_else_is_refused_and_left_as_it_was(kind: str, tmp_path: Path) -> None:
    """A file that is not memguard's, or of a later one, is told apart before anything is written."""
    make, reason = WRONG[kind]
    path = tmp_path / "a.sqlite"
    make(path)
    before = path.read_bytes()

    with pytest.raises(WrongFileError) as raised:
        examine_file(path)

    assert str(raised.value) == reason
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]


@pytest.mark.parametrize("kind", ["someone's tables", "someone's header", "a later version"])
def test_preparing_refuses_it_too(kind: str, tmp_path: Path) -> None:
    """What could not be examined at start is refused when it is opened to write."""
    make, reason = WRONG[kind]
    path = tmp_path / "a.sqlite"
    make(path)

    with closing(sqlite3.connect(path, isolation_level=None)) as connection, pytest.raises(WrongFileError) as raised:
        prepare(connection)

    assert str(raised.value) == reason


def test_nothing_there_and_an_empty_file_are_both_fine(tmp_path: Path) -> None:
    """A path is free where nothing lies, and where an empty file waits to be filled."""
    empty = tmp_path / "empty"
    empty.touch()

    assert not examine_file(tmp_path / "missing")
    assert not examine_file(empty)


def test_a_database_that_someone_locks_is_left_to_later(tmp_path: Path) -> None:
    """Start does not wait for a locked database, and does not take it for a wrong one."""
    path = made(tmp_path / "a.sqlite", "CREATE TABLE customer (name)")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("BEGIN EXCLUSIVE")

        assert not examine_file(path)


@pytest.mark.parametrize("path", ["/dev/null", "/dev", "/dev/null/a.sqlite"])
def test_neither_devices_nor_directories_are_opened(path: str) -> None:
    """A device could block for ever, and a directory or a file's inside is a slip of the pen."""
    with pytest.raises(WrongFileError):
        examine_file(Path(path))
