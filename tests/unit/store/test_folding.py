"""What the report reads where hundreds of workers have come and gone: the same as row by row, but not as long."""

from dataclasses import replace

import pytest

from memguard.evidence import Holder
from memguard.model import OperationStats, Stored, WorkerId
from memguard.store import SqliteStore, Store
from memguard.store.counted import QUIET_MORE
from memguard.store.folding import KNOWING, NEWEST
from memguard.store.redis import RedisStore
from tests.unit.store.kinds import Make
from tests.unit.telling import ME, NOW, finding, judged, stats, told

GONE = [WorkerId("here", pid, NOW - 9000) for pid in range(1, QUIET_MORE + 8)]


@pytest.fixture
def store(make: Make) -> Store:
    """Return a store in which many workers fell silent an hour ago, and one tells something now."""
    made = make()
    for number, worker in enumerate(GONE):
        made.flush(told(worker, at=NOW - 3600 + number, operations=counted(number)))
    made.flush(told(ME, operations=counted(1)))
    return made


def forget(store: Store, *, operations: bool = False, findings: bool = False, least: int = 0, most: int) -> None:
    """Take out of the store what those workers told whose pids are from `least` to `most`: all, or one kind."""
    if isinstance(store, RedisStore):
        for me in store._client.zrange(store._keys.workers, 0, -1):
            if least <= int(me.split("|")[1]) <= most:
                kinds = ("operations",) * operations + ("findings",) * findings or ("worker",)
                store._client.delete(*(store._keys.of(me, kind) for kind in kinds))
        return
    assert isinstance(store, SqliteStore)
    tables = ("operation",) * operations + ("finding",) * findings or ("operation", "finding", "worker")
    with store._database.session() as connection:
        for table in tables:
            column = "id" if table == "worker" else "worker"
            connection.execute(
                f"DELETE FROM {table} WHERE {column} IN (SELECT id FROM worker WHERE pid BETWEEN ? AND ?)",
                (least, most),
            )


def silent_remembered(store: Store) -> int:
    """Return of how many silent workers it is remembered what they accuse."""
    if isinstance(store, RedisStore):
        return len(store._heard._quiet.findings)
    assert isinstance(store, SqliteStore)
    return len(store._accused._quiet)


def reads_of_rows(store: Store) -> int:
    """Return how often a Redis was asked for all that a worker counted."""
    assert isinstance(store, RedisStore)
    calls: int = store._client.info("commandstats").get("cmdstat_hvals", {}).get("calls", 0)
    return calls


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


def assert_same(store: Store) -> Stored:
    """Hold what is read folded against what is read row by row."""
    whole, folded = store.read(), store.read(folded=True)
    for name in ("GET /a", "GET /b"):
        assert totals(folded, name) == pytest.approx(totals(whole, name))
    assert (folded.workers, folded.known, folded.events) == (whole.workers, whole.known, whole.events)
    assert {worker for worker, _ in folded.operations} <= {state.id for state in whole.workers}
    return folded


def test_the_silent_are_summed_up_once(store: Store) -> None:
    """What they told does not change; what the living tell is in the next answer."""
    rows = 2 if isinstance(store, RedisStore) else 4
    assert len(assert_same(store).operations) == rows
    again: list[str] = []
    if isinstance(store, SqliteStore):
        with store._database.session() as connection:
            connection.set_trace_callback(again.append)
    store.flush(told(ME, at=NOW + 1, operations=counted(7)))
    read_before = reads_of_rows(store) if isinstance(store, RedisStore) else 0
    folded = store.read(folded=True)

    assert len(folded.operations) == rows
    if isinstance(store, RedisStore):
        assert reads_of_rows(store) - read_before == 2, "the one that speaks: its operations and its findings"
    else:
        assert sum("GROUP BY operation.kind" in statement for statement in again) == 1
    assert_same(store)


def test_one_that_wakes_up_counts_once(store: Store) -> None:
    """It was summed up with the silent, and tells more now."""
    assert_same(store)
    store.flush(told(GONE[3], at=NOW + 1, operations=counted(50)))
    assert_same(store)
    store.flush(told(ME, at=NOW + 2, operations=counted(8)))
    assert_same(store)


def test_those_that_are_forgotten_are_not_counted(store: Store) -> None:
    """Nor is a row attributed to a worker that is not there any more."""
    assert_same(store)
    forget(store, most=19)
    assert len(assert_same(store).workers) == len(GONE) - 19 + 1


def test_others_that_fall_silent_join_them(store: Store) -> None:
    """A few are summed up each time anew, many are not."""
    assert_same(store)
    for number in range(QUIET_MORE + 1):
        store.flush(told(WorkerId("there", number, NOW), at=NOW + 1, operations=counted(number)))
        assert_same(store)
    store.flush(told(ME, at=NOW + 600, operations=counted(2)))
    assert len(assert_same(store).operations) in {2, 4}


def test_an_operation_that_is_accused_comes_one_by_one(store: Store) -> None:
    """From the very answer on in which it is; of the silent as well, because they may have found it innocent."""
    assert_same(store)
    accused = stats(judged("GET /a", "suspect", objects=1.0))
    store.flush(told(ME, at=NOW + 1, operations=(accused,)))
    folded = assert_same(store)

    assert len([1 for _, each in folded.operations if each.judgement.operation.name == "GET /a"]) == len(GONE) + 1
    assert len([1 for _, each in folded.operations if each.judgement.operation.name == "GET /b"]) in {1, 2}


def test_of_many_that_accuse_the_same_some_come_with_their_evidence(store: Store) -> None:
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


def test_the_growth_of_a_holder_is_known_without_its_chain(store: Store) -> None:
    """It says how many units it takes to refute an accusation."""
    for number, worker in enumerate(GONE):
        store.flush(told(worker, at=NOW - 60, findings=(finding(last_seen=NOW - 600 + number),)))
    light = [each for _, each in store.read(folded=True).findings if not each.sites]

    assert len(light) == len(GONE) - KNOWING
    assert {each.holder for each in light} == {Holder("", "", "unknown", (), None, 1.0)}


def test_what_the_silent_accused_is_read_once(store: Store) -> None:
    """What one tells that wakes up is in the next answer, and what is forgotten in none."""
    for number, worker in enumerate(GONE):
        store.flush(told(worker, at=NOW - 60, findings=(finding(last_seen=NOW - 600 + number, units_observed=1),)))
    store.flush(told(ME, at=NOW, findings=(finding(last_seen=NOW),)))
    first = dict(store.read(folded=True).findings)
    assert dict(store.read(folded=True).findings) == first
    assert silent_remembered(store) == len(GONE)
    store.flush(told(GONE[3], at=NOW + 1, findings=(finding(last_seen=NOW + 1, units_observed=77),)))
    forget(store, least=GONE[5].pid, most=GONE[5].pid)
    again = dict(store.read(folded=True).findings)

    assert again[GONE[3]].units_observed == 77
    assert again.keys() == first.keys() - {GONE[5]}
    assert silent_remembered(store) == len(GONE) - 2
