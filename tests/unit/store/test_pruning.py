from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memguard.model import WorkerId
from memguard.store import pruning
from memguard.store.bounds import DAY, Bounds
from memguard.store.connection import MEMORY, Database
from memguard.store.pruning import PRUNE_EVERY
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import ME, NOW, event, finding, judged, point, stats, told, unit

GONE = WorkerId("here", 7, NOW - 60)


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Return a store in memory."""
    made = SqliteStore(Database(MEMORY), "shop")
    yield made
    made.close()


def after(store: SqliteStore, at: float) -> None:
    """Let the clock reach a moment: who has slept until then prunes the next time."""
    store.flush(told(at=at))
    store.flush(told(at=at + PRUNE_EVERY))


def rows(store: SqliteStore, table: str) -> int:
    """Return how many rows a table has."""
    with store._database.session() as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])


def test_a_worker_of_last_week_goes_with_all_it_told(store: SqliteStore) -> None:
    """Rows of a worker outlive it by seven days, and none of them is left without it."""
    store.flush(
        told(
            GONE, operations=(stats(),), findings=(finding(),), units=(unit(),), timeline=(point(),), events=(event(),)
        )
    )
    after(store, NOW + 7 * DAY - PRUNE_EVERY - 1)
    assert rows(store, "worker") == 2

    store.flush(told(at=NOW + 7 * DAY + PRUNE_EVERY))

    assert [state.id for state in store.read().workers] == [ME]
    assert [rows(store, table) for table in ("operation", "finding", "unit", "curve", "event")] == [0] * 5


def test_counts_of_a_worker_that_is_gone_outlive_it_by_a_day(store: SqliteStore) -> None:
    """Its operations are added up for a day, its findings are kept for the week."""
    store.flush(told(GONE, operations=(stats(),), findings=(finding(),)))
    after(store, NOW + DAY - PRUNE_EVERY - 1)
    assert rows(store, "operation") == 1

    store.flush(told(at=NOW + DAY + PRUNE_EVERY))

    assert (rows(store, "operation"), rows(store, "finding")) == (0, 1)


def test_how_long_rows_stay_is_a_setting(tmp_path: Path) -> None:
    """A day instead of a week."""
    with closing(SqliteStore(Database(str(tmp_path / "a.sqlite")), "shop", Bounds(retention=DAY))) as store:
        store.flush(told(GONE, findings=(finding(),), timeline=(point(),)))
        after(store, NOW + DAY + 1)

        assert [state.id for state in store.read().workers] == [ME]
        assert [rows(store, table) for table in ("finding", "curve")] == [0, 0]


def test_a_clock_that_is_wrong_for_a_moment_loses_nothing(store: SqliteStore) -> None:
    """One worker's clock is a year ahead, and is set right again: what others told is still there."""
    store.flush(told(GONE, findings=(finding(),), units=(unit(),), timeline=(point(),), events=(event(),)))
    for at in (NOW + 365 * DAY, NOW + 365 * DAY + 1, NOW + 2, NOW + 3, NOW - 365 * DAY, NOW + 4, NOW + PRUNE_EVERY):
        store.flush(told(at=at))

    assert {state.id for state in store.read().workers} == {ME, GONE}
    assert [rows(store, table) for table in ("finding", "unit", "event")] == [1] * 3


SMALL = 1_000_000


def fill(store: SqliteStore, first: int, workers: int) -> None:
    """Have workers tell as much as workers tell, one after the other."""
    for number in range(first, first + workers):
        of, at = WorkerId("here", number, NOW + number), NOW + number * 30
        operations = tuple(stats(judged(f"GET /{each}", reasons=("it stays " * 20,))) for each in range(100))
        points = tuple(point(at + second) for second in range(0, 600, 20))
        units = tuple(unit(at) for _ in range(100))
        store.flush(told(of, at=at, operations=operations, timeline=points, units=units, events=(event(at),) * 20))


def test_the_file_grows_no_further_than_its_size(tmp_path: Path) -> None:
    """However many workers come and go: the oldest make room, the newest is whole, and nobody hears of an error."""
    path = tmp_path / "a.sqlite"
    with closing(SqliteStore(Database(str(path)), "shop", Bounds(size=SMALL))) as store:
        fill(store, 0, 150)
        found = store.read()
        newest = max(found.workers, key=lambda state: state.last_seen).id

        assert newest.pid == 149
        assert 3 < len(found.workers) < 150
        assert len([of for of, _ in found.operations if of == newest]) == 100
    assert path.stat().st_size <= SMALL


def test_a_file_that_is_larger_than_its_size_grows_no_further(tmp_path: Path) -> None:
    """As after a setting was lowered: it makes room within itself."""
    path = tmp_path / "a.sqlite"
    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        fill(store, 0, 100)
    before = path.stat().st_size
    with closing(SqliteStore(Database(str(path)), "shop", Bounds(size=SMALL))) as store:
        fill(store, 100, 100)
        assert max(state.id.pid for state in store.read().workers) == 199

    assert before > SMALL
    assert path.stat().st_size <= before


def test_units_are_bounded_at_every_flush(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come by the thousand in trace mode: the newest stay, whoever told them."""
    monkeypatch.setattr(pruning, "UNITS_KEPT", 10)
    for turn in range(5):
        store.flush(told(units=tuple(unit(NOW + turn * 4 + each) for each in range(4))))

    assert [ended.at - NOW for _, ended in store.units()] == [*range(10, 20)]


@pytest.mark.parametrize(
    ("constant", "table"),
    [("EVENTS_KEPT", "event"), ("FINDINGS_KEPT", "finding"), ("WORKERS_KEPT", "worker")],
)
def test_every_kind_of_row_has_a_number_beyond_which_the_oldest_go(
    constant: str, table: str, store: SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Workers that crash and start again all day long do not fill the disk."""
    monkeypatch.setattr(pruning, constant, 3)
    for number in range(9):
        store.flush(
            told(
                WorkerId("here", number, NOW),
                at=NOW + number,
                operations=(stats(judged(f"GET /{number}")),),
                findings=(finding(f"{number:016x}", last_seen=NOW + number),),
                events=(event(NOW + number),),
                timeline=(point(NOW + number),),
            )
        )
    store.flush(told(WorkerId("here", 9, NOW), at=NOW + PRUNE_EVERY))

    assert rows(store, table) == 3
    if table == "worker":
        assert [state.id.pid for state in store.read().workers] == [7, 8, 9]
        assert rows(store, "operation") == 2


def test_it_is_done_now_and_then_by_whoever_comes_first(store: SqliteStore) -> None:
    """Not at every flush, and not by every worker; a clock that was set back does not stop it for ever."""
    with store._database.session() as connection:
        due = [
            pruning.prune_if_due(connection, now, Bounds())
            for now in (NOW, NOW + 1, NOW + PRUNE_EVERY - 1, NOW + PRUNE_EVERY, NOW - DAY, NOW - DAY + 1)
        ]

    assert due == [False, False, False, True, True, False]
