"""What the report reads where hundreds of workers have come and gone: the same as row by row, but not as long."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from memguard.evidence import Holder
from memguard.model import OperationStats, Stored, WorkerId
from memguard.store.accusing import KNOWING, NEWEST
from memguard.store.connection import MEMORY, Database
from memguard.store.counted import QUIET_MORE
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import ME, NOW, finding, judged, stats, told

GONE = [WorkerId("here", pid, NOW - 9000) for pid in range(1, QUIET_MORE + 8)]


@pytest.fixture
def store() -> Iterator[SqliteStore]:
    """Return a store in which many workers fell silent an hour ago, and one tells something now."""
    made = SqliteStore(Database(MEMORY), "shop")
    for number, worker in enumerate(GONE):
        made.flush(told(worker, at=NOW - 3600 + number, operations=counted(number)))
    made.flush(told(ME, operations=counted(1)))
    yield made
    made.close()


def counted(number: int) -> tuple[OperationStats, ...]:
    """Return two operations that nobody accuses."""
    return tuple(
        stats(
            replace(judged(name), blocks_per_unit=float(number), objects_error=0.5),
            units=number,
            sampled_units=number + 1,
        )
        for name in ("GET /a", "GET /b")
    )


def totals(found: Stored, name: str) -> tuple[float, ...]:
    """Return what all rows of an operation come to, the squares of their errors too."""
    rows = [each for _, each in found.operations if each.judgement.operation.name == name]
    sampled = sum(each.sampled_units for each in rows)
    return (
        sum(each.units for each in rows), sum(each.errors for each in rows), sampled,
        sum(each.sampled_units * each.judgement.blocks_per_unit for each in rows) / sampled,
        sum((each.sampled_units * (each.judgement.objects_error or 0.0)) ** 2 for each in rows),
    )  # fmt: skip


def assert_same(store: SqliteStore) -> Stored:
    """Hold what is read folded against what is read row by row."""
    whole, folded = store.read(), store.read(folded=True)
    for name in ("GET /a", "GET /b"):
        assert totals(folded, name) == pytest.approx(totals(whole, name))
    assert (folded.workers, folded.known, folded.events) == (whole.workers, whole.known, whole.events)
    assert {worker for worker, _ in folded.operations} <= {state.id for state in whole.workers}
    return folded


def test_the_silent_are_summed_up_once(store: SqliteStore) -> None:
    """What they told does not change; what the living tell is in the next answer."""
    assert len(assert_same(store).operations) == 4
    again: list[str] = []
    with store._database.session() as connection:
        connection.set_trace_callback(again.append)
    store.flush(told(ME, at=NOW + 1, operations=counted(7)))
    folded = assert_same(store)

    assert len(folded.operations) == 4
    assert sum("GROUP BY operation.kind" in statement for statement in again) == 1


def test_one_that_wakes_up_counts_once(store: SqliteStore) -> None:
    """It was summed up with the silent, and tells more now."""
    assert_same(store)
    store.flush(told(GONE[3], at=NOW + 1, operations=counted(50)))
    assert_same(store)
    store.flush(told(ME, at=NOW + 2, operations=counted(8)))
    assert_same(store)


def test_those_that_are_forgotten_are_not_counted(store: SqliteStore) -> None:
    """Nor is a row attributed to a worker that is not there any more."""
    assert_same(store)
    with store._database.session() as connection:
        connection.execute("DELETE FROM operation WHERE worker IN (SELECT id FROM worker WHERE pid < 20)")
        connection.execute("DELETE FROM worker WHERE pid < 20")
    assert_same(store)


def test_others_that_fall_silent_join_them(store: SqliteStore) -> None:
    """A few are summed up each time anew, many are not."""
    assert_same(store)
    for number in range(QUIET_MORE + 1):
        store.flush(told(WorkerId("there", number, NOW), at=NOW + 1, operations=counted(number)))
        assert_same(store)
    store.flush(told(ME, at=NOW + 600, operations=counted(2)))
    assert len(assert_same(store).operations) == 4


def test_an_operation_that_is_accused_comes_one_by_one(store: SqliteStore) -> None:
    """From the very answer on in which it is; of the silent as well, because they may have found it innocent."""
    assert_same(store)
    accused = stats(judged("GET /a", "suspect", objects=1.0))
    store.flush(told(ME, at=NOW + 1, operations=(accused,)))
    folded = assert_same(store)

    assert len([1 for _, each in folded.operations if each.judgement.operation.name == "GET /a"]) == len(GONE) + 1
    assert len([1 for _, each in folded.operations if each.judgement.operation.name == "GET /b"]) == 2


def test_of_many_that_accuse_the_same_some_come_with_their_evidence(store: SqliteStore) -> None:
    """The newest, and those that know most; of the others all that is weighed: verdict, units, since when, growth."""
    knowing = GONE[2]
    for number, worker in enumerate(GONE):
        bare = finding(last_seen=NOW - 600 + number, first_seen=NOW - 900 + number, units_observed=number, holder=None)
        told_now = finding(last_seen=NOW - 1200) if worker == knowing else bare
        store.flush(told(worker, at=NOW - 60, findings=(told_now,)))
    whole, folded = dict(store.read().findings), dict(store.read(folded=True).findings)

    assert folded.keys() == whole.keys()
    evident = [worker for worker, each in folded.items() if each.sites]
    assert NEWEST <= len(evident) <= NEWEST + KNOWING
    assert {GONE[-1], knowing} <= set(evident)
    for worker, each in folded.items():
        full = whole[worker]
        assert each in {full, replace(full, sites=(), types=())}


def test_the_growth_of_a_holder_is_known_without_its_chain(store: SqliteStore) -> None:
    """It says how many units it takes to refute an accusation."""
    for number, worker in enumerate(GONE):
        store.flush(told(worker, at=NOW - 60, findings=(finding(last_seen=NOW - 600 + number),)))
    light = [each for _, each in store.read(folded=True).findings if not each.sites]

    assert len(light) == len(GONE) - KNOWING
    assert {each.holder for each in light} == {Holder("", "", "unknown", (), None, 1.0)}


def test_what_the_silent_accused_is_read_once(store: SqliteStore) -> None:
    """What one tells that wakes up is in the next answer, and what is forgotten in none."""
    for number, worker in enumerate(GONE):
        store.flush(told(worker, at=NOW - 60, findings=(finding(last_seen=NOW - 600 + number, units_observed=1),)))
    store.flush(told(ME, at=NOW, findings=(finding(last_seen=NOW),)))
    first = dict(store.read(folded=True).findings)
    assert dict(store.read(folded=True).findings) == first
    assert set(store._accused._quiet.values()) <= set(first.values()) | {
        replace(each, sites=(), types=(), holder=Holder("", "", "unknown", (), None, 1.0)) for each in first.values()
    }
    assert len(store._accused._quiet) == len(GONE)
    store.flush(told(GONE[3], at=NOW + 1, findings=(finding(last_seen=NOW + 1, units_observed=77),)))
    with store._database.session() as connection:
        connection.execute("DELETE FROM finding WHERE worker IN (SELECT id FROM worker WHERE pid = ?)", (GONE[5].pid,))
    again = dict(store.read(folded=True).findings)

    assert again[GONE[3]].units_observed == 77
    assert again.keys() == first.keys() - {GONE[5]}
    assert len(store._accused._quiet) == len(GONE) - 2


def test_counts_that_were_forgotten_while_a_worker_slept_are_written_whole(store: SqliteStore) -> None:
    """Only its counters changed, but there is no row any more that they could be written into."""
    with store._database.session() as connection:
        connection.execute("DELETE FROM operation")
    flush = told(ME, at=NOW + 1, operations=(*counted(1)[:1], replace(counted(1)[1], units=99)))
    store.flush(flush)

    assert store.read().operations == tuple((ME, each) for each in flush.operations)
