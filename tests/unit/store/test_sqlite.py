import itertools
import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from memguard.model import Stored, WorkerId
from memguard.store import connection
from memguard.store.connection import MEMORY, Database
from memguard.store.sqlite import SqliteStore
from tests.unit.store.children import ended_well, forked, until
from tests.unit.telling import ME, NOW, event, finding, judged, point, stats, told, unit, worker

OTHER = WorkerId("there", 4711, NOW - 60)


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Return a store in memory."""
    made = SqliteStore(Database(MEMORY), "shop")
    yield made
    made.close()


def test_what_a_worker_tells_is_what_is_read(store: SqliteStore) -> None:
    """State, operations, findings and events come back as they were told, each with its worker."""
    flush = told(operations=(stats(),), findings=(finding(),), events=(event(rss=1),))
    store.flush(flush)

    assert store.read() == Stored(
        workers=(flush.worker,),
        operations=((ME, flush.operations[0]),),
        findings=((ME, flush.findings[0]),),
        events=((ME, flush.events[0]),),
    )


def test_a_worker_that_tells_again_replaces_what_is_whole_and_adds_what_is_new(store: SqliteStore) -> None:
    """There is one row for the worker, one an operation and one a finding; units, points and events pile up."""
    store.flush(told(operations=(stats(),), findings=(finding(),), events=(event(),), units=(unit(),)))
    later = told(
        units_total=20,
        operations=(stats(units=20), stats(judged("GET /new"))),
        findings=(finding(units_observed=80),),
        events=(event(NOW + 1, "stopped"),),
        units=(unit(NOW + 1),),
        timeline=(point(NOW + 1),),
    )
    store.flush(later)
    found = store.read()

    assert found.workers == (later.worker,)
    assert {counted for _, counted in found.operations} == set(later.operations)
    assert found.findings == ((ME, later.findings[0]),)
    assert [happened.type for _, happened in found.events] == ["started", "stopped"]
    assert [ended.at for _, ended in store.units()] == [NOW, NOW + 1]
    assert store.timeline() == [(ME, point(NOW + 1))]


def test_workers_are_told_apart_by_host_pid_and_start(store: SqliteStore) -> None:
    """Another host's worker, and a later one with the same pid, are workers of their own."""
    again = WorkerId(ME.host, ME.pid, ME.started_at + 1)
    for of in (ME, OTHER, again):
        store.flush(told(of, operations=(stats(),)))
    found = store.read()

    assert {state.id for state in found.workers} == {ME, OTHER, again}
    assert {of for of, _ in found.operations} == {ME, OTHER, again}


def test_services_in_one_file_do_not_see_each_other(tmp_path: Path) -> None:
    """A path that two services were given holds both, and each report speaks of one."""
    shop, blog = (SqliteStore(Database(str(tmp_path / "a.sqlite")), service) for service in ("shop", "blog"))
    for store in (shop, blog):
        store.flush(told(operations=(stats(),), units=(unit(),), timeline=(point(),), events=(event(),)))
    shop.flush(told(OTHER, findings=(finding(),)))

    assert len(shop.read().workers) == 2
    assert (len(blog.read().workers), blog.read().findings) == (1, ())
    assert (len(blog.units()), len(blog.timeline()), len(blog.read().events)) == (1, 1, 1)
    assert shop.services() == ["blog", "shop"]
    shop.close()
    blog.close()


def test_units_and_timeline_are_asked_for_by_time_number_and_name(store: SqliteStore) -> None:
    """The newest come, the oldest of them first."""
    names = itertools.cycle(["GET /a", "GET /b"])
    units = tuple(unit(NOW + second, next(names)) for second in range(10))
    store.flush(told(units=units, timeline=tuple(point(NOW + second) for second in range(10))))

    assert [ended.at - NOW for _, ended in store.units(limit=3)] == [7, 8, 9]
    assert [ended.at - NOW for _, ended in store.units(since=NOW + 6)] == [7, 8, 9]
    assert [ended.at - NOW for _, ended in store.units(operation="GET /b", limit=2)] == [7, 9]
    assert store.units(operation="GET /c") == []
    assert [moment.at - NOW for _, moment in store.timeline(since=NOW + 4, limit=2)] == [8, 9]


def test_a_worker_that_was_pruned_in_its_sleep_comes_back_whole(store: SqliteStore) -> None:
    """Operations that did not change since are written again when the worker's row is a new one."""
    flush = told(operations=(stats(),))
    store.flush(flush)
    with store._database.session() as opened:
        opened.execute("DELETE FROM worker")
        opened.execute("DELETE FROM operation")
    store.flush(flush)

    assert store.read().operations == ((ME, flush.operations[0]),)


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


def test_workers_of_many_processes_write_while_one_reads(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six processes that flush at once lose nothing, and whoever reads meanwhile sees whole flushes only."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 20.0)
    path, rounds, children = str(tmp_path / "a.sqlite"), 60, 6

    def work() -> None:
        mine = SqliteStore(Database(path), "shop")
        of = WorkerId("here", os.getpid(), NOW)
        for turn in range(1, rounds + 1):
            operations = (stats(judged("GET /a"), units=turn), stats(judged("GET /b"), units=turn))
            mine.flush(told(of, units_total=turn, at=NOW + turn, operations=operations, units=(unit(NOW + turn),)))
        mine.close()

    reader = SqliteStore(Database(path), "shop")
    reader.flush(told(units_total=0))
    pids = [forked(work) for _ in range(children)]
    reads = 0
    while any(state.units_total < rounds for state in reader.read().workers if state.id != ME) or reads < 20:
        seen = reader.read()
        totals = {state.id: state.units_total for state in seen.workers}
        assert all(counted.units == totals[of] for of, counted in seen.operations)
        reads += 1
    assert [ended_well(pid) for pid in pids] == [True] * children

    found = reader.read()
    assert sorted(state.units_total for state in found.workers) == [0] + [rounds] * children
    assert len(reader.units(limit=10_000)) == rounds * children
    reader.close()


def test_a_worker_that_is_killed_while_it_writes_leaves_a_whole_store(tmp_path: Path) -> None:
    """After kill -9 at any moment the file is sound and holds every flush that had returned."""
    path = tmp_path / "a.sqlite"
    script = textwrap.dedent("""
        import itertools, sys
        from memguard.store.connection import Database
        from memguard.store.sqlite import SqliteStore
        from tests.unit.telling import judged, stats, told, unit
        store = SqliteStore(Database(sys.argv[1]), "shop")
        for turn in itertools.count(1):
            operations = tuple(stats(judged(f"GET /{number}"), units=turn) for number in range(50))
            store.flush(told(units_total=turn, operations=operations, units=(unit(),) * 20))
            print(turn, flush=True)
    """)

    def enough(log: Path) -> bool:
        return log.read_text().count("\n") > 20

    for round_ in range(3):
        log = tmp_path / f"{round_}.log"
        with log.open("w") as out:
            child = subprocess.Popen([sys.executable, "-c", script, str(path)], stdout=out)
            until(partial(enough, log), "twenty flushes")
            child.send_signal(signal.SIGKILL)
            child.wait()
        acknowledged = int(log.read_text().rsplit("\n", 2)[-2])

        store = SqliteStore(Database(str(path)), "shop")
        found = store.read()
        with store._database.session() as opened:
            assert opened.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        assert found.workers[0].units_total >= acknowledged
        assert {counted.units for _, counted in found.operations} == {found.workers[0].units_total}
        store.close()


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
