import os
import resource
import shutil
import sqlite3
import subprocess
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from memguard.commands import Command
from memguard.model import WorkerId
from memguard.store import Bounds, SqliteStore, connection
from memguard.store.connection import MEMORY, Database
from memguard.store.origins import RETRY_BUSY_SECONDS, RETRY_SECONDS, FileOrigin
from memguard.store.places import with_directory
from memguard.store.resilient import ResilientStore
from tests.unit.store.children import ended_well, forked, unprivileged
from tests.unit.telling import ME, NOW, event, finding, point, stats, told, unit

OTHER = WorkerId("here", 1, NOW - 60)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def on_file(locate: Callable[[], str], clock: Callable[[], float]) -> ResilientStore:
    """Return a store of the service `shop` in a file."""
    return ResilientStore(FileOrigin(locate, "shop", Bounds()), "shop", clock=clock)


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands."""
    return Clock()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / "shop.sqlite"


@pytest.fixture
def store(path: Path, clock: Clock) -> Iterator[ResilientStore]:
    """Return a store on that file."""
    made = on_file(lambda: with_directory(str(path)), clock)
    yield made
    made.close()


def reread(path: Path) -> SqliteStore:
    """Return the file as another process sees it."""
    return SqliteStore(Database(str(path), read_only=True), "shop")


def full(turn: int = 0) -> dict[str, Any]:
    """Return a row of each kind."""
    return {
        "operations": (stats(units=turn + 10),),
        "findings": (finding(f"{turn:016x}"),),
        "units": (unit(NOW + turn),),
        "timeline": (point(NOW + turn),),
        "events": (event(NOW + turn, "odd"),),
    }


def spoil(path: Path) -> None:
    """Put something else in the file's place."""
    for each in path.parent.glob(f"{path.name}*"):
        each.unlink()
    path.write_text("this is no database, " * 500)


def complaint(path: Path) -> str:
    """Return what is said of a file that was spoilt."""
    return (
        f"The store file {path} cannot be used (file is not a database): this worker goes on in its own memory, other "
        "workers are not shown here, and it is tried again every 30 seconds."
    )


def test_while_the_file_works_it_says_nothing(store: ResilientStore, path: Path) -> None:
    """Its directory is made where it is missing, and there is no note."""
    store.flush(told(**full()))

    assert store.notes == ()
    assert store.place == str(path)
    assert store.read().findings == ((ME, finding(f"{0:016x}")),)


def test_a_file_that_breaks_loses_nothing_of_this_worker(store: ResilientStore, path: Path, clock: Clock) -> None:
    """It goes on in memory, says so with path and reason, and writes what the file missed once that is back."""
    store.flush(told(**full(0)))
    spoil(path)
    store.flush(told(units_total=11, **full(1)))
    store.flush(told(units_total=12, **full(2)))

    assert list(store.notes) == [complaint(path)]
    assert store.place == MEMORY
    assert [state.units_total for state in store.read().workers] == [12]
    assert {found.fingerprint for _, found in store.read().findings} == {f"{turn:016x}" for turn in range(3)}
    assert [ended.at - NOW for _, ended in store.units()] == [1, 2]

    path.unlink()
    clock.now += RETRY_SECONDS
    store.flush(told(units_total=13, **full(3)))

    assert list(store.notes) == []
    assert store.place == str(path)
    there = reread(path)
    found = there.read()
    assert [state.units_total for state in found.workers] == [13]
    assert {each.fingerprint for _, each in found.findings} == {f"{turn:016x}" for turn in range(4)}
    assert [counted.units for _, counted in found.operations] == [13]
    assert [ended.at - NOW for _, ended in there.units()] == [1, 2, 3]
    assert [moment.at - NOW for _, moment in there.timeline()] == [1, 3]
    assert [happened.type for _, happened in found.events] == ["store", "odd", "odd", "odd", "store"]
    assert [happened.detail.get("state") for _, happened in found.events if happened.type == "store"] == [
        "memory",
        "file",
    ]
    there.close()


def test_a_directory_that_is_removed_is_made_again(tmp_path: Path, clock: Clock) -> None:
    """Somebody clears the temporary directory while workers run: all that this one knows is there again after a while."""
    path = tmp_path / "deep" / "deeper" / "shop.sqlite"
    store = on_file(lambda: with_directory(str(path)), clock)
    store.flush(told(**full(0)))
    shutil.rmtree(tmp_path / "deep")
    store.flush(told(units_total=11, **full(1)))
    assert "cannot be used" in store.notes[0]
    assert {each.fingerprint for _, each in store.read().findings} == {f"{turn:016x}" for turn in range(2)}

    clock.now += RETRY_SECONDS
    store.flush(told(units_total=12, **full(2)))
    there = reread(path)

    assert store.notes == ()
    assert {each.fingerprint for _, each in there.read().findings} == {f"{turn:016x}" for turn in range(3)}
    assert [ended.at - NOW for _, ended in there.units()] == [1, 2]
    there.close()
    store.close()


def test_the_file_is_left_alone_between_tries(store: ResilientStore, path: Path, clock: Clock) -> None:
    """A broken file is not opened every second."""
    spoil(path)
    store.flush(told())
    path.unlink()
    clock.now += RETRY_SECONDS - 1
    store.flush(told())
    assert not path.exists()

    clock.now += 1
    store.flush(told())

    assert path.exists()


def test_a_file_that_breaks_under_a_reader_still_gets_an_answer(store: ResilientStore, path: Path) -> None:
    """What this worker last told is there at once."""
    store.flush(told(operations=(stats(),), findings=(finding(),)))
    spoil(path)
    found = store.read()

    assert [state.id for state in found.workers] == [ME]
    assert (len(found.operations), len(found.findings)) == (1, 1)
    assert "is not a database" in store.notes[0]


def test_a_damaged_file_is_no_reason_to_fail(store: ResilientStore, path: Path) -> None:
    """A file whose pages were overwritten is noticed when they are read, and memory takes over."""
    store.flush(told(operations=tuple(stats() for _ in range(3)), units=tuple(unit() for _ in range(500))))
    store.close()
    size = path.stat().st_size
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * (size - 4096))
    store.flush(told(units_total=11))

    assert "malformed" in store.notes[0]
    assert [state.units_total for state in store.read().workers] == [11]


def test_a_store_of_a_later_version_is_left_alone(store: ResilientStore, path: Path) -> None:
    """A deploy that goes back does not touch what the newer one wrote."""
    store.flush(told())
    store.close()
    with closing(sqlite3.connect(path)) as newer:
        newer.execute("UPDATE format SET oldest = 99")
        newer.execute("PRAGMA user_version = 99")
        newer.commit()
    store.flush(told(units_total=11))

    assert "a later memguard wrote it (schema 99" in store.notes[0]


@contextmanager
def locked(path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Have another process, as it were, hold the lock on the file."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.01)
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        yield
        holder.execute("ROLLBACK")


def test_what_is_told_while_the_file_is_busy_is_told_with_the_next(
    store: ResilientStore, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Sixty workers get into each other's way now and then: nothing is lost, and nobody hears of it."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.01)
    store.flush(told())
    store.close()
    with locked(path, monkeypatch):
        for turn in (1, 2, 3):
            clock.now += 1
            store.flush(told(units_total=10 + turn, **full(turn)))
        assert store.notes == ()
        assert [state.units_total for state in store.read().workers] == [10]
    store.flush(told(units_total=14, **full(4)))
    found = store.read()

    assert [state.units_total for state in found.workers] == [14]
    assert [ended.at - NOW for _, ended in store.units()] == [1, 2, 3, 4]
    assert [happened.at - NOW for _, happened in found.events] == [1, 2, 3, 4]
    assert len(found.findings) == 4
    assert caplog.records == []


def test_what_was_held_back_is_written_at_the_end(
    store: ResilientStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A worker that stops just then still says so."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.01)
    store.flush(told())
    store.close()
    with locked(path, monkeypatch):
        store.flush(told(units_total=11, **full(1)))
    store.close()
    there = reread(path)

    assert [state.units_total for state in there.read().workers] == [11]
    there.close()


def test_a_lock_that_is_held_for_long_is_waited_out_in_memory(
    store: ResilientStore, path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is said then, tried again soon, because it will pass, and nothing is lost."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.01)
    store.flush(told())
    store.close()
    with locked(path, monkeypatch):
        for turn in range(1, 13):
            clock.now += 1
            store.flush(told(units_total=10 + turn, **full(turn)))
        assert "database is locked" in store.notes[0]
        assert store.read().workers[0].units_total == 22
        assert len(store.units()) == 12
    clock.now += RETRY_BUSY_SECONDS
    store.flush(told(units_total=23))

    assert store.notes == ()
    assert [ended.at - NOW for _, ended in store.units()] == list(range(1, 13))


def test_a_command_is_given_although_the_file_is_busy(
    store: ResilientStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is tried some times more; if that does not help, this worker alone hears of it, and the page says why."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.01)
    store.flush(told())
    store.close()
    with locked(path, monkeypatch):
        store.add_commands([Command("0" * 16, "collect", ME, NOW, NOW)])
        assert "database is locked" in store.notes[0]
        assert [each.worker for each in store.take_commands(ME, NOW)] == [ME]


@pytest.fixture
def public() -> Iterator[Path]:
    """A directory that any user can reach, unlike `tmp_path`."""
    directory = Path(tempfile.mkdtemp())
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


@pytest.mark.parametrize("kind", ["directory", "file", "missing directory"])
def test_what_may_not_be_written_is_said(kind: str, public: Path, clock: Clock) -> None:
    """A directory or a file without the right to write, and a directory that cannot be made."""
    path = public / "shop.sqlite"
    if kind == "file":
        first = SqliteStore(Database(str(path)), "shop")
        first.flush(told(OTHER))
        first.close()
        path.chmod(0o444)
    if kind == "missing directory":
        path = public / "deep" / "deeper" / "shop.sqlite"
    public.chmod(0o555)
    store = on_file(lambda: with_directory(str(path)), clock)
    with unprivileged():
        store.flush(told(**full()))
        found = store.read()
    public.chmod(0o755)

    assert [state.id for state in found.workers] == [ME]
    assert store.place == MEMORY
    assert ("readonly database" if kind == "file" else "Permission denied") in store.notes[0]
    store.close()


def test_no_place_at_all_is_said(clock: Clock) -> None:
    """Where even the directory is refused, the note says why."""

    def nowhere() -> str:
        raise PermissionError("/tmp/memguard-1 belongs to another user (uid 2)")

    store = on_file(nowhere, clock)
    store.flush(told())

    assert "(/tmp/memguard-1 belongs to another user (uid 2))" in store.notes[0]
    assert len(store.read().workers) == 1
    store.close()


@contextmanager
def nearly_full(directory: Path) -> Iterator[str]:
    """Make a directory's file system one that is soon full; where that takes a right we lack, the file size is capped.

    Either way it is the operating system that refuses the write. Yields what SQLite then says.
    """
    directory.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(directory)]
    if shutil.which("mount") and subprocess.run(mount, check=False, capture_output=True).returncode == 0:
        try:
            yield "database or disk is full"
        finally:
            subprocess.run(["umount", "--lazy", str(directory)], check=True)
    else:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (128 * 1024, before[1]))
        try:
            yield "disk I/O error"
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_a_disk_that_fills_up_loses_nothing_of_this_worker(tmp_path: Path, clock: Clock) -> None:
    """The flush that no longer fits goes to memory with all it brought, and the file stays readable."""
    directory = tmp_path / "small"
    with nearly_full(directory) as complaint:
        path = directory / "shop.sqlite"
        store = on_file(lambda: str(path), clock)
        store.flush(told(OTHER))
        turns = 0
        while not store.notes and turns < 500:
            turns += 1
            store.flush(told(units_total=turns, at=NOW + turns, units=(unit(),) * 100))
        assert complaint in store.notes[0]
        assert [state.units_total for state in store.read().workers] == [turns]
        clock.now += RETRY_SECONDS
        store.flush(told(units_total=turns + 1))

        assert [state.units_total for state in store.read().workers if state.id == ME] == [turns + 1]
        there = reread(path)
        assert {state.id for state in there.read().workers} == {ME, OTHER}
        there.close()
        store.close()


def test_it_is_logged_once_a_cause(
    store: ResilientStore, path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    """A line when it goes to memory, one when it is back, and none every 30 seconds between."""
    spoil(path)
    for _ in range(8):
        store.flush(told())
        clock.now += RETRY_SECONDS
    path.unlink()
    store.flush(told())

    assert [record.getMessage() for record in caplog.records if record.name == "memguard"] == [
        f"memguard: {complaint(path)}",
        f"memguard: the store file {path} works again",
    ]


def test_a_child_starts_afresh_also_while_a_thread_holds_the_lock(store: ResilientStore, path: Path) -> None:
    """After a fork in the middle of a flush the child writes as the worker it is, with its own connection."""
    store.flush(told())
    inside, leave = threading.Event(), threading.Event()

    def hold() -> None:
        with store._lock:
            inside.set()
            leave.wait(60)

    holder = threading.Thread(target=hold)
    holder.start()
    inside.wait()

    def child() -> None:
        assert store.notes == ()
        store.flush(told(WorkerId("here", os.getpid(), NOW), findings=(finding(),)))
        assert len(store.read().workers) == 2

    pid = forked(child)
    assert ended_well(pid)
    leave.set()
    holder.join()

    assert len(store.read().workers) == 2


def test_a_child_takes_nothing_of_its_parents_memory(store: ResilientStore, path: Path) -> None:
    """What the parent could not write is the parent's to write; the child finds the file anew."""
    spoil(path)
    store.flush(told(findings=(finding(),)))
    assert store.place == MEMORY
    path.unlink()

    def child() -> None:
        mine = WorkerId("here", os.getpid(), NOW)
        store.flush(told(mine))
        assert store.place == str(path)
        assert [state.id for state in store.read().workers] == [mine]
        assert store.read().findings == ()

    pid = forked(child)
    assert ended_well(pid)

    assert len(store.read().findings) == 1


def test_the_place_is_found_anew_in_a_child(tmp_path: Path, clock: Clock) -> None:
    """A worker that runs as another user than the process that forked it has a place of its own."""
    place = [tmp_path / "root.sqlite"]
    store = on_file(lambda: str(place[0]), clock)
    store.flush(told())
    place[0] = tmp_path / "worker.sqlite"

    def child() -> None:
        store.flush(told())
        assert store.place == str(tmp_path / "worker.sqlite")

    pid = forked(child)
    assert ended_well(pid)
    assert store.place == str(tmp_path / "root.sqlite")
    store.close()


def test_closing_is_not_the_end(store: ResilientStore) -> None:
    """A late thread that still tells something finds the store open again."""
    store.flush(told())
    store.close()
    store.flush(told(units_total=11))

    assert store.read().workers[0].units_total == 11
