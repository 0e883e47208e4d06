from collections.abc import Iterator

import pytest

from memguard.model import WorkerId
from memguard.store import pruning
from memguard.store.connection import MEMORY, Database
from memguard.store.pruning import DAY, FINE_TIMELINE, PRUNE_EVERY
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import ME, NOW, event, finding, judged, point, stats, told, unit

GONE = WorkerId("here", 7, NOW - 60)


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Return a store in memory."""
    made = SqliteStore(Database(MEMORY), "shop")
    yield made
    made.close()


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
    store.flush(told(at=NOW + 7 * DAY - 1))
    assert rows(store, "worker") == 2

    store.flush(told(at=NOW + 7 * DAY + PRUNE_EVERY))

    assert [state.id for state in store.read().workers] == [ME]
    assert [rows(store, table) for table in ("operation", "finding", "unit", "timeline", "event")] == [0] * 5


def test_counts_of_a_worker_that_is_gone_outlive_it_by_a_day(store: SqliteStore) -> None:
    """Its operations are added up for a day, its findings are kept for the week."""
    store.flush(told(GONE, operations=(stats(),), findings=(finding(),)))
    store.flush(told(at=NOW + DAY - 1))
    assert rows(store, "operation") == 1

    store.flush(told(at=NOW + DAY + PRUNE_EVERY))

    assert (rows(store, "operation"), rows(store, "finding")) == (0, 1)


def test_old_parts_of_the_timeline_are_thinned_to_a_point_a_minute(store: SqliteStore) -> None:
    """The last hour stays as it came; before it the first point of every minute stays, of every worker."""
    start = NOW - NOW % 60
    seconds = range(0, 7200, 2)
    for of in (ME, GONE):
        store.flush(told(of, at=start, timeline=tuple(point(start + second) for second in seconds)))
    now = start + 7200
    store.flush(told(at=now))
    kept = [moment.at - start for of, moment in store.timeline(limit=10_000) if of == ME]

    assert [at for at in kept if at < 7200 - FINE_TIMELINE] == [*range(0, 3600, 60)]
    assert [at for at in kept if at >= 7200 - FINE_TIMELINE] == [*range(3600, 7200, 2)]
    assert rows(store, "timeline") == 2 * len(kept)


def test_a_pause_leaves_no_part_of_the_timeline_unthinned(store: SqliteStore) -> None:
    """What was fine when all workers stopped is thinned when one starts again the next day."""
    start = NOW - NOW % 60
    store.flush(told(at=start))
    store.flush(told(at=start + 300, timeline=tuple(point(start + second) for second in range(300))))
    store.flush(told(at=start + DAY))

    assert len(store.timeline()) == 5


def test_units_are_bounded_at_every_flush(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """They come by the thousand in trace mode: the newest stay, whoever told them."""
    monkeypatch.setattr(pruning, "UNITS_KEPT", 10)
    for turn in range(5):
        store.flush(told(units=tuple(unit(NOW + turn * 4 + each) for each in range(4))))

    assert [ended.at - NOW for _, ended in store.units()] == [*range(10, 20)]


@pytest.mark.parametrize(
    ("constant", "table"),
    [("EVENTS_KEPT", "event"), ("FINDINGS_KEPT", "finding"), ("TIMELINE_KEPT", "timeline"), ("WORKERS_KEPT", "worker")],
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
            pruning.prune_if_due(connection, now)
            for now in (NOW, NOW + 1, NOW + PRUNE_EVERY - 1, NOW + PRUNE_EVERY, NOW - DAY, NOW - DAY + 1)
        ]

    assert due == [True, False, False, True, True, False]
