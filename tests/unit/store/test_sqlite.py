import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard.model import Stored, WorkerId
from memguard.store.connection import MEMORY, Database
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import ME, NOW, finding, judged, point, stats, told, worker

OTHER = WorkerId("there", 4711, NOW - 60)


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Return a store in memory."""
    made = SqliteStore(Database(MEMORY), "shop")
    yield made
    made.close()


def test_a_worker_that_was_pruned_in_its_sleep_comes_back_whole(store: SqliteStore) -> None:
    """Operations that did not change since are written again when the worker's row is a new one."""
    flush = told(operations=(stats(),))
    store.flush(flush)
    with store._database.session() as opened:
        opened.execute("DELETE FROM worker")
        opened.execute("DELETE FROM operation")
    store.flush(flush)

    assert store.read().operations == ((ME, flush.operations[0]),)


def test_counts_that_were_forgotten_while_a_worker_slept_are_written_whole(store: SqliteStore) -> None:
    """Only its counters changed, but there is no row any more that they could be written into."""
    store.flush(told(operations=(stats(units=1), stats(judged("GET /b")))))
    with store._database.session() as opened:
        opened.execute("DELETE FROM operation")
    flush = told(at=NOW + 1, operations=(stats(units=99), stats(judged("GET /b"))))
    store.flush(flush)

    assert set(store.read().operations) == {(ME, each) for each in flush.operations}


def test_a_flush_that_fails_half_way_leaves_nothing_and_forgets_nothing(store: SqliteStore) -> None:
    """It is one transaction, and what it did not write is written by the next one."""
    flush = told(operations=(stats(),), timeline=(point(rss=2**70),))
    with pytest.raises(OverflowError):
        store.flush(flush)
    assert store.read() == Stored()

    store.flush(told(operations=(stats(),)))

    assert len(store.read().operations) == 1


def test_what_did_not_change_is_not_written_again(store: SqliteStore) -> None:
    """A worker with hundreds of quiet operations and its known findings writes a row or two a second."""
    flush = told(findings=(finding(),), operations=tuple(stats(judged(f"GET /{number}")) for number in range(300)))
    store.flush(flush)
    with store._database.session() as opened:
        before = opened.total_changes
    store.flush(flush)
    with store._database.session() as opened:
        assert opened.total_changes - before < 5


def test_workers_that_are_killed_while_they_write_leave_a_whole_store(tmp_path: Path) -> None:
    """After a thousand `kill -9`, twenty-five at a time and at any moment, it is sound and holds all that was flushed."""
    command = [sys.executable, "-m", "tests.unit.store.killing", str(tmp_path / "a.sqlite"), "40", "25"]
    done = subprocess.run(command, cwd=Path(__file__).parents[3], capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 100, "they had written something"


def test_a_database_that_someone_locks_does_not_hold_a_worker_up(tmp_path: Path) -> None:
    """A lock that another process keeps is waited for shortly, then said; readers do not wait at all."""
    store, holder = (SqliteStore(Database(str(tmp_path / "a.sqlite")), "shop") for _ in range(2))
    store.flush(told())
    with holder._database.session() as opened:
        opened.execute("BEGIN IMMEDIATE")
        began = time.monotonic()
        with pytest.raises(Exception, match="database is locked"):
            store.flush(told(units_total=11))
        assert time.monotonic() - began < 30, "it waited for the lock's holder"
        assert store.read().workers == (worker(),)
    store.flush(told(units_total=12))

    assert store.read().workers == (worker(units_total=12),)
    store.close()
    holder.close()
