import os
import sqlite3
import subprocess
import sys
import textwrap
import threading
from pathlib import Path

import pytest

from memguard.store import connection
from memguard.store.connection import MEMORY, Database, InheritedError
from memguard.store.sqlite import SqliteStore
from tests.unit.store.children import ended_well, forked, until
from tests.unit.telling import ME, told


def marks(database: Database) -> list[float]:
    """Return what was marked."""
    with database.session() as opened:
        return [at for (at,) in opened.execute("SELECT at FROM timeline ORDER BY id")]


def mark(database: Database, at: float) -> None:
    """Write one row."""
    with database.session() as opened:
        opened.execute("INSERT INTO timeline (worker, at, rss_bytes, units_total) VALUES (1, ?, 0, 0)", (at,))


def test_what_is_not_committed_is_rolled_back(tmp_path: Path) -> None:
    """A failure inside a session leaves no transaction open for the next one."""
    database = Database(str(tmp_path / "a.sqlite"))

    def fail() -> None:
        with database.session() as opened:
            opened.execute("BEGIN IMMEDIATE")
            opened.execute("INSERT INTO timeline (worker, at, rss_bytes, units_total) VALUES (1, 2, 0, 0)")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()

    assert marks(database) == []
    database.close()


def test_the_file_and_its_journal_are_closed_to_others(tmp_path: Path) -> None:
    """What memguard writes is for its own user, whatever the directory."""
    database = Database(str(tmp_path / "a.sqlite"))
    mark(database, 1)

    assert {path.name: path.stat().st_mode & 0o777 for path in tmp_path.iterdir()} == {
        "a.sqlite": 0o600,
        "a.sqlite-wal": 0o600,
        "a.sqlite-shm": 0o600,
    }
    database.close()


def test_threads_take_turns(tmp_path: Path) -> None:
    """Any thread may use it; none sees another one's half-done work."""
    database = Database(str(tmp_path / "a.sqlite"))

    def write() -> None:
        for _ in range(20):
            mark(database, 1)

    threads = [threading.Thread(target=write) for _ in range(5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(marks(database)) == 100
    database.close()


def test_a_child_opens_its_own_and_the_parents_end_does_not_take_its_journal(tmp_path: Path) -> None:
    """Parent and child write beside each other; what the child writes after the parent closed is there for all."""
    path = str(tmp_path / "a.sqlite")
    database = Database(path)
    mark(database, 1)
    (told, tell), (ready, say) = os.pipe(), os.pipe()

    def child() -> None:
        mark(database, 2)
        os.write(say, b"r")
        os.read(told, 1)
        assert (tmp_path / "a.sqlite-wal").exists(), "the journal was deleted while the child used it"
        mark(database, 3)

    pid = forked(child)
    os.read(ready, 1)
    mark(database, 4)
    database.close()
    os.write(tell, b"g")

    assert ended_well(pid)
    fresh = Database(path)
    assert sorted(marks(fresh)) == [1, 2, 3, 4]
    fresh.close()
    for descriptor in (told, tell, ready, say):
        os.close(descriptor)


def test_a_fork_waits_for_a_session_and_its_lock_is_free_in_the_child(tmp_path: Path) -> None:
    """A fork in the middle of a write happens after it: the child neither hangs nor meets an open transaction."""
    database = Database(str(tmp_path / "a.sqlite"))
    inside, leave = threading.Event(), threading.Event()

    def write() -> None:
        with database.session() as opened:
            opened.execute("BEGIN IMMEDIATE")
            opened.execute("INSERT INTO timeline (worker, at, rss_bytes, units_total) VALUES (1, 1, 0, 0)")
            inside.set()
            leave.wait(0.05)
            opened.execute("COMMIT")

    writer = threading.Thread(target=write)
    writer.start()
    inside.wait()

    def child() -> None:
        assert marks(database) == [1]
        mark(database, 2)

    pid = forked(child)
    assert ended_well(pid)
    writer.join()

    assert marks(database) == [1, 2]
    database.close()


def test_a_child_of_a_busy_parent_leaves_the_file_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the parent could not close before the fork, the child neither uses, closes nor opens that file."""
    monkeypatch.setattr(connection, "FORK_SECONDS", 0.01)
    path = tmp_path / "a.sqlite"
    database = Database(str(path))
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with database.session() as opened:
            opened.execute("BEGIN IMMEDIATE")
            inside.set()
            leave.wait(60)
            opened.execute("COMMIT")

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait()

    def child() -> None:
        with pytest.raises(InheritedError):
            mark(database, 1)
        with pytest.raises(InheritedError):
            mark(Database(str(path)), 1)
        mark(Database(MEMORY), 1)
        mark(Database(str(tmp_path / "b.sqlite")), 1)

    pid = forked(child)
    assert ended_well(pid)
    leave.set()
    holder.join()
    mark(database, 2)

    assert marks(database) == [2]
    database.close()


def test_an_inherited_connection_outlives_the_child_that_ends_in_order(tmp_path: Path) -> None:
    """A child that runs its whole finalisation does not take the journal of its parent, who goes on writing."""
    script = textwrap.dedent("""
        import os, sys, threading
        from memguard.store import connection
        from memguard.store.connection import Database
        connection.FORK_SECONDS = 0.01
        database = Database(sys.argv[1])
        held = database.session()
        opened = held.__enter__()
        if os.fork() == 0:
            sys.exit(0)
        os.wait()
        opened.execute("INSERT INTO timeline (worker, at, rss_bytes, units_total) VALUES (1, 1, 0, 0)")
        held.__exit__(None, None, None)
        opened = None
        assert os.path.exists(sys.argv[1] + "-wal")
        database.close()
    """)
    path = tmp_path / "a.sqlite"
    subprocess.run([sys.executable, "-c", script, str(path)], check=True, timeout=60)

    fresh = Database(str(path))
    assert marks(fresh) == [1]
    fresh.close()


def test_only_inherited_and_abandoned_connections_are_kept_for_ever(tmp_path: Path) -> None:
    """At the end of a process those that are not its to close get a reference that no one gives back."""
    database = Database(str(tmp_path / "a.sqlite"))
    mark(database, 1)
    (tmp_path / "a.sqlite").unlink()
    mark(database, 2)
    abandoned, current = list(connection._held.values())[-2:]
    counts = sys.getrefcount(abandoned.connection), sys.getrefcount(current.connection)

    connection._keep_inherited()

    assert abandoned.abandoned
    assert not current.abandoned
    assert (sys.getrefcount(abandoned.connection), sys.getrefcount(current.connection)) == (counts[0] + 1, counts[1])
    database.close()


def test_a_file_that_was_deleted_is_made_again(tmp_path: Path) -> None:
    """A cleaner of temporary files does not make a worker write into a file that no one can find."""
    path = tmp_path / "a.sqlite"
    database = Database(str(path))
    mark(database, 1)
    for each in tmp_path.iterdir():
        each.unlink()
    opened = database.opened
    mark(database, 2)

    assert database.opened == opened + 1
    other = Database(str(path))
    assert marks(other) == [2]
    database.close()
    other.close()


def test_a_memory_stays_with_the_parent(tmp_path: Path) -> None:
    """A fork closes files only: the parent keeps what it has in memory, and the child starts with nothing."""
    database = Database(MEMORY)
    mark(database, 1)

    def child() -> None:
        assert marks(database) == []

    pid = forked(child)
    assert ended_well(pid)

    assert marks(database) == [1]
    database.close()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    """A store opened to read is not there where its file is not, and refuses to write."""
    missing = Database(str(tmp_path / "a.sqlite"), read_only=True)
    with pytest.raises(sqlite3.OperationalError):
        marks(missing)
    assert list(tmp_path.iterdir()) == []

    writer = Database(str(tmp_path / "a.sqlite"))
    mark(writer, 1)
    writer.close()
    reader = Database(str(tmp_path / "a.sqlite"), read_only=True)
    assert marks(reader) == [1]
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        mark(reader, 2)
    reader.close()


def test_many_forks_at_once_leave_every_lock_free(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads that fork while others write neither hang nor lose a row."""
    monkeypatch.setattr(connection, "FORK_SECONDS", 60.0)  # a busy machine may stop the writer in a write
    database = Database(str(tmp_path / "a.sqlite"))
    stop = threading.Event()
    written: list[int] = []

    def write() -> None:
        while not stop.is_set():
            mark(database, 1)
            written.append(1)

    writer = threading.Thread(target=write)
    writer.start()
    until(lambda: written, "the first row")
    pids: list[int] = []
    forkers = [
        threading.Thread(target=lambda: pids.extend(forked(lambda: marks(database)) for _ in range(5)))
        for _ in range(3)
    ]
    for forker in forkers:
        forker.start()
    for forker in forkers:
        forker.join()
    well = [ended_well(pid) for pid in pids]
    stop.set()
    writer.join()

    assert well == [True] * 15
    assert len(marks(database)) == len(written)
    database.close()


def test_a_reader_that_comes_before_the_tables_sees_them_once_they_are_made(tmp_path: Path) -> None:
    """A worker makes the file, and then the tables in it; the dashboard may have opened it in between."""
    path = tmp_path / "store.sqlite"
    path.touch()
    reader = SqliteStore(Database(str(path), read_only=True), "shop")
    with pytest.raises(sqlite3.OperationalError, match="no worker has written into it yet"):
        reader.read()
    writer = SqliteStore(Database(str(path)), "shop")
    writer.flush(told())

    assert [state.id for state in reader.read().workers] == [ME]
    writer.close()
    reader.close()
