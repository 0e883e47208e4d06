import sqlite3
import threading
from contextlib import closing
from pathlib import Path

import pytest

from memguard.model import Known, WorkerId
from memguard.store import Store, known, open_file
from memguard.store.bounds import DAY
from memguard.store.connection import Database
from memguard.store.pruning import PRUNE_EVERY
from memguard.store.schema import SCHEMA, WrongFileError, examine, examine_file
from memguard.store.sqlite import SqliteStore
from tests.unit.store.kinds import Make
from tests.unit.store.version_1 import write
from tests.unit.telling import NOW, event, finding, judged, stats, told

FINGERPRINT = finding().fingerprint
WEEK = 7 * DAY


def tell(store: Store, pid: int, first_seen: float, last_seen: float) -> None:
    """Have a worker tell the finding, as accused from one moment to another."""
    found = finding(first_seen=first_seen, last_seen=last_seen)
    store.flush(told(WorkerId("here", pid, first_seen), at=last_seen, findings=(found,)))


@pytest.mark.parametrize("make", ["memory", "file"], indirect=True)
def test_the_first_time_is_kept_beyond_the_workers(store: Store) -> None:
    """The row of each worker goes after a week; since when the leak is known stays."""
    for day in range(20):
        tell(store, day, NOW + day * DAY, NOW + (day + 1) * DAY)

    assert store.read().known == (Known(FINGERPRINT, NOW),)
    assert len(store.read().findings) < 10


def test_the_first_time_is_the_earliest_whoever_tells_it_first(store: Store) -> None:
    """A host whose clock or network is behind tells of an earlier moment later."""
    tell(store, 1, NOW, NOW + 9)
    tell(store, 2, NOW - 500, NOW - 400)
    tell(store, 1, NOW + 5, NOW + 9)

    assert store.read().known == (Known(FINGERPRINT, NOW - 500),)


def test_what_is_told_again_after_a_week_of_silence_has_returned(store: Store) -> None:
    """A gap of less than that is a weekend."""
    tell(store, 1, NOW, NOW + 100)
    tell(store, 2, NOW + 100 + WEEK, NOW + 200 + WEEK)
    assert store.read().known == (Known(FINGERPRINT, NOW),)

    back = NOW + 300 + 2 * WEEK
    tell(store, 3, back, back + 1)
    tell(store, 4, back + 50, back + 60)

    assert store.read().known == (Known(FINGERPRINT, NOW, back),)


def test_services_in_one_place_know_their_own(make: Make) -> None:
    """The same route of another service is another leak."""
    tell(make("shop"), 1, NOW, NOW + 1)
    blog = make("blog")
    tell(blog, 1, NOW + 50, NOW + 51)

    assert blog.read().known == (Known(FINGERPRINT, NOW + 50),)


def test_the_fingerprints_that_were_told_last_are_remembered(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many there ever were."""
    monkeypatch.setattr(known, "KEPT", 3)
    for number in range(6):
        store.flush(told(at=NOW, findings=(finding(f"{number}", last_seen=NOW + number),)))
    store.flush(told(at=NOW + PRUNE_EVERY))

    assert {each.fingerprint for each in store.read().known} == {"3", "4", "5"}


@pytest.mark.parametrize("make", ["memory"], indirect=True)
def test_counts_of_a_leaking_operation_stay_as_long_as_their_worker(store: Store) -> None:
    """A worker that no longer found the leak is what tells that it was mended; nothing else is kept for that."""
    tell(store, 1, NOW, NOW + 10)
    operations = (stats(judged("GET /leak")), stats(judged("GET /other")), stats(judged("GET /leak", kind="task")))
    store.flush(told(WorkerId("here", 2, NOW + 20), at=NOW + 30, operations=operations))
    for seconds in (0, PRUNE_EVERY):
        store.flush(told(at=NOW + 3 * DAY + seconds))
    (kept,) = store.read().operations

    assert (kept[0].pid, kept[1].judgement.operation.name) == (2, "GET /leak")

    for seconds in (0, PRUNE_EVERY):
        store.flush(told(at=NOW + 8 * DAY + seconds))

    assert store.read().operations == ()


def test_a_file_of_version_1_is_upgraded_in_place(tmp_path: Path) -> None:
    """Whatever it held is there as before, since when its findings are known too, and it goes on from there."""
    path = write(tmp_path / "a.sqlite")
    with closing(sqlite3.connect(path)) as connection:
        tables = [name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        before = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
    assert examine_file(path) == 1

    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        with store._database.session() as connection:
            columns = {name: len(rows[0]) for name, rows in before.items()}
            after = {name: connection.execute(f"SELECT * FROM {name}").fetchall() for name in tables}
            kept = {name: [row[: columns[name]] for row in rows] for name, rows in after.items()}
            assert kept == {**before, "timeline": []}, "whose rows are in the timeline's tiers now"
            assert examine(connection) == SCHEMA
        read = store.read()
        store.flush(told(findings=(finding(first_seen=NOW, last_seen=NOW + 1),), events=(event(),)))

        assert read.known == (Known(FINGERPRINT, NOW - 200),)
        assert [found.judgement.reasons for _, found in read.findings] == [("it stays",)] * 2
        assert [(len(store.units()), len(store.timeline()))] == [(2, 2)]
        assert store.read().known == read.known
        assert len(store.read().findings) == 3


def test_a_file_of_version_1_is_read_without_being_upgraded(tmp_path: Path) -> None:
    """The command line shows a file that it must not write; the file stays as it was."""
    path = write(tmp_path / "a.sqlite")
    before = path.read_bytes()
    with closing(open_file(path, "shop")) as store:
        read = store.read()

    assert (len(read.workers), len(read.findings), read.known) == (2, 2, ())
    assert path.read_bytes() == before


def test_workers_that_start_together_upgrade_it_once(tmp_path: Path) -> None:
    """After a deploy all of them find the file of before."""
    path = write(tmp_path / "a.sqlite")
    stores = [SqliteStore(Database(str(path)), "shop") for _ in range(6)]
    failures: list[BaseException] = []
    start = threading.Barrier(len(stores))

    def come(store: SqliteStore) -> None:
        start.wait()
        try:
            store.read()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=come, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []
    assert [store.read().known for store in stores] == [(Known(FINGERPRINT, NOW - 200),)] * len(stores)
    for store in stores:
        store.close()


def test_an_upgrade_that_fails_leaves_the_file_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is one transaction: the next try finds version 1 again."""
    path = write(tmp_path / "a.sqlite")

    def fail(*_: object) -> None:
        raise sqlite3.OperationalError("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(known, "remember", fail)
        with pytest.raises(sqlite3.OperationalError), closing(SqliteStore(Database(str(path)), "shop")) as store:
            store.read()
    assert examine_file(path) == 1

    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        assert len(store.read().findings) == 2


@pytest.mark.parametrize(("oldest", "is_used"), [(SCHEMA, True), (SCHEMA + 1, False)])
def test_a_later_version_is_used_where_it_says_that_this_one_can(tmp_path: Path, oldest: int, is_used: bool) -> None:
    """While a deploy rolls out, workers of both versions use one file; what the later one added stays as it is."""
    path = tmp_path / "a.sqlite"
    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        store.flush(told())
    with closing(sqlite3.connect(path)) as later:
        later.execute("ALTER TABLE worker ADD COLUMN mood TEXT NOT NULL DEFAULT 'calm'")
        later.execute("UPDATE worker SET more = '{\"a_field_of_later\": 1}'")
        later.execute("UPDATE format SET oldest = ?", (oldest,))
        later.execute(f"PRAGMA user_version = {SCHEMA + 1}")
        later.commit()

    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        if not is_used:
            with pytest.raises(WrongFileError, match="a later memguard wrote it"):
                store.read()
            return
        store.flush(told(WorkerId("here", 2, NOW)))
        assert len(store.read().workers) == 2
    assert examine_file(path) == SCHEMA + 1


def test_workers_of_the_version_before_go_on_in_an_upgraded_file(tmp_path: Path) -> None:
    """They have it open while it is upgraded: their statements name their columns, and the new ones have defaults."""
    path = write(tmp_path / "a.sqlite")
    with closing(sqlite3.connect(path, isolation_level=None)) as old:
        with closing(SqliteStore(Database(str(path)), "shop")) as store:
            store.read()
        old.execute(
            "INSERT INTO worker (service, host, pid, started_at, kind, server, mode, state, last_seen, rss_bytes, "
            "units_total, in_flight, windows_total, overhead_ratio, notes) VALUES ('shop', 'here', 7, ?, 'web', 'x', "
            "'watch', 'serving', ?, 1, 1, 0, 0, 0.0, '[]')",
            (NOW, NOW),
        )
    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        assert {state.id.pid for state in store.read().workers} == {1, 2, 7}
