"""What every store does, wherever it keeps what it is told: one suite over SQLite, in memory and in a file, and Redis."""

import itertools
import os
from dataclasses import replace

import pytest

from memguard.model import Known, Stored, TimelinePoint, WorkerId
from memguard.store import Bounds, Store, connection
from tests.unit.store.children import ended_well, forked
from tests.unit.store.kinds import Make, services_of
from tests.unit.telling import ME, NOW, event, finding, judged, point, stats, told, unit

OTHER = WorkerId("there", 4711, NOW - 60)


def test_what_a_worker_tells_is_what_is_read(store: Store) -> None:
    """State, operations, findings and events come back as they were told, each with its worker."""
    flush = told(operations=(stats(),), findings=(finding(),), events=(event(rss=1),))
    store.flush(flush)

    assert store.read() == Stored(
        workers=(flush.worker,),
        operations=((ME, flush.operations[0]),),
        findings=((ME, flush.findings[0]),),
        events=((ME, flush.events[0]),),
        known=(Known(finding().fingerprint, finding().first_seen),),
    )


def test_a_worker_that_tells_again_replaces_what_is_whole_and_adds_what_is_new(store: Store) -> None:
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


def test_workers_are_told_apart_by_host_pid_and_start(store: Store) -> None:
    """Another host's worker, and a later one with the same pid, are workers of their own."""
    again = WorkerId(ME.host, ME.pid, ME.started_at + 1)
    for of in (ME, OTHER, again):
        store.flush(told(of, operations=(stats(),)))
    found = store.read()

    assert {state.id for state in found.workers} == {ME, OTHER, again}
    assert {of for of, _ in found.operations} == {ME, OTHER, again}


def test_services_in_one_place_do_not_see_each_other(make: Make) -> None:
    """A path or an address that two services were given holds both, and each report speaks of one."""
    shop, blog = (make(service) for service in ("shop", "blog"))
    for store in (shop, blog):
        store.flush(told(operations=(stats(),), units=(unit(),), timeline=(point(),), events=(event(),)))
    shop.flush(told(OTHER, findings=(finding(),)))

    assert len(shop.read().workers) == 2
    assert (len(blog.read().workers), blog.read().findings) == (1, ())
    assert (len(blog.units()), len(blog.timeline()), len(blog.read().events)) == (1, 1, 1)
    assert services_of(shop) == ["blog", "shop"]


def test_units_and_timeline_are_asked_for_by_time_number_and_name(store: Store) -> None:
    """The newest come, the oldest of them first."""
    names = itertools.cycle(["GET /a", "GET /b"])
    units = tuple(unit(NOW + second, next(names)) for second in range(10))
    points = tuple(point(NOW + 2 * second) for second in range(10))
    events = tuple(event(NOW + second) for second in range(10))
    store.flush(told(units=units, timeline=points, events=events, at=NOW + 18))

    assert [ended.at - NOW for _, ended in store.units(limit=3)] == [7, 8, 9]
    assert [ended.at - NOW for _, ended in store.units(since=NOW + 6)] == [7, 8, 9]
    assert [ended.at - NOW for _, ended in store.units(operation="GET /b", limit=2)] == [7, 9]
    assert store.units(operation="GET /c") == []
    assert [moment.at - NOW for _, moment in store.timeline(since=NOW + 4, limit=2)] == [16, 18]
    assert [moment.at - NOW for _, moment in store.timeline(since=NOW + 4, until=NOW + 10)] == [6, 8, 10]
    assert [happened.at - NOW for _, happened in store.events(since=NOW + 4, limit=2)] == [8, 9]
    assert [happened.at - NOW for _, happened in store.events(since=NOW + 4, until=NOW + 6)] == [5, 6]


def test_a_worker_that_tells_the_same_again_changes_nothing(store: Store) -> None:
    """What is whole is told each second."""
    flush = told(operations=(stats(),), findings=(finding(),))
    store.flush(flush)
    before = store.read()
    store.flush(flush)

    assert store.read() == before


@pytest.mark.parametrize("make", ["file", "redis"], indirect=True)
def test_workers_of_many_processes_write_while_one_reads(make: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    """Six processes that flush at once lose nothing, and whoever reads meanwhile sees whole flushes only."""
    monkeypatch.setattr(connection, "BUSY_SECONDS", 20.0)
    rounds, children = 60, 6

    def work() -> None:
        mine = make()
        of = WorkerId("here", os.getpid(), NOW)
        for turn in range(1, rounds + 1):
            operations = (stats(judged("GET /a"), units=turn), stats(judged("GET /b"), units=turn))
            mine.flush(told(of, units_total=turn, at=NOW + turn, operations=operations, units=(unit(NOW + turn),)))
        mine.close()

    reader = make()
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


@pytest.mark.parametrize("make", ["file", "redis"], indirect=True)
def test_it_goes_on_after_it_was_closed(make: Make) -> None:
    """A late thread that still tells something finds the store open again."""
    store = make()
    store.flush(told())
    store.close()
    store.flush(told(units_total=11))

    assert store.read().workers[0].units_total == 11


STRANGE = ["\udcff", "\x00", "a'b\"c", "", "x" * 5_000, "{shop}:*|1|2", "snow \N{SNOWMAN}"]


@pytest.mark.parametrize("text", STRANGE, ids=range(len(STRANGE)))
def test_names_of_the_host_may_be_any_text(store: Store, text: str) -> None:
    """Of operations, types, hosts and reasons; what UTF-8 cannot hold is escaped, all else comes back as it was."""
    kept = text.encode("utf-8", "backslashreplace").decode()
    of = WorkerId(text, 1, NOW)
    store.flush(
        told(
            of,
            operations=(stats(judged(text, reasons=(text,))),),
            units=(unit(NOW, text),),
            events=(event(NOW, text, note=text),),
            timeline=(point(),),
        )
    )
    found = store.read()
    ((whose, counted),) = found.operations

    assert whose == WorkerId(kept, 1, NOW)
    assert (counted.judgement.operation.name, counted.judgement.reasons) == (kept, (kept,))
    assert [each.operation.name for _, each in store.units(operation=text)] == [kept]
    assert [(each.type, each.detail) for _, each in found.events] == [(kept, {"note": kept})]
    assert [at for at, _ in store.timeline()] == [whose]


def test_numbers_that_are_none_are_kept_as_nought(store: Store) -> None:
    """JSON has neither infinities nor NaN."""
    store.flush(told(operations=(stats(replace(judged(), objects_per_unit=float("nan")), last_seen=float("inf")),)))
    ((_, counted),) = store.read().operations

    assert (counted.judgement.objects_per_unit, counted.last_seen) == (0.0, 0.0)


def test_all_of_a_worker_and_of_a_judgement_is_kept(store: Store) -> None:
    """Also what came to them later than their first columns."""
    flush = told(operations=(stats(replace(judged(), objects_error=0.25)),))
    flush = replace(
        flush,
        worker=replace(
            flush.worker,
            hard_ceiling_bytes=7,
            rss_floor_bytes=9,
            notes=("a", "b"),
            release="1.0",
            supervisor_started_at=5.5,
        ),
    )
    store.flush(flush)
    found = store.read()

    assert found.workers == (flush.worker,)
    assert [counted for _, counted in found.operations] == list(flush.operations)


class TestTimeline:
    """The tiers of a timeline: the newest part as it came, older ones more coarsely, all of it in a fixed size."""

    def tell(self, store: Store, seconds: range, of: WorkerId = ME, *, batch: int = 500) -> None:
        """Have a worker tell a point each so many seconds, whose RSS is the number of the second."""
        for start in range(0, len(seconds), batch):
            some = seconds[start : start + batch]
            points = tuple(point(NOW + second, rss=1_000 + second) for second in some)
            store.flush(told(of, at=NOW + some[-1], timeline=points))

    def test_the_newest_part_is_as_it_came(self, store: Store) -> None:
        """A quarter of an hour, in steps of two seconds."""
        self.tell(store, range(0, 1000, 2))
        kept = [moment.at - NOW for _, moment in store.timeline(since=NOW + 998 - 900, limit=10_000)]

        assert kept == list(range(100, 1000, 2))

    def test_what_comes_more_often_is_kept_as_the_highest_of_its_step(self, store: Store) -> None:
        """With the moment of the latest."""
        for second, rss in ((0.0, 5), (0.5, 9), (1.5, 7), (2.0, 3)):
            store.flush(told(at=NOW + second, timeline=(point(NOW + second, rss=rss),)))

        assert [(moment.at - NOW, moment.rss_bytes) for _, moment in store.timeline()] == [(1.5, 9), (2.0, 3)]

    def test_older_parts_are_coarser_and_keep_their_peaks(self, store: Store) -> None:
        """Before that steps of twenty seconds; a peak of a moment is not lost in any of them."""
        self.tell(store, range(0, 600, 2))
        store.flush(told(at=NOW + 601, timeline=(point(NOW + 601, rss=77_777),)))
        self.tell(store, range(602, 3000, 2))
        old = [moment for _, moment in store.timeline(limit=10_000) if moment.at < NOW + 2_998 - 900]

        assert 100 <= len(old) <= 2_098 // 20 + 1
        assert max(moment.rss_bytes for moment in old) == 77_777

    def test_steps_are_answered_from_the_tier_that_suits_them(self, store: Store) -> None:
        """One point a step, at its begin, with the highest figures of it, all through the tiers."""
        self.tell(store, range(0, 12_000, 20))
        steps = [(moment.at - NOW, moment.rss_bytes) for _, moment in store.timeline(step=360.0, limit=10_000)]

        assert [at for at, _ in steps] == list(range(0, 12_000, 360))
        assert [rss for _, rss in steps[:-1]] == [1_000 + at + 340 for at, _ in steps[:-1]]

    def test_steps_of_all_workers_begin_together(self, store: Store) -> None:
        """So that what they used can be added up."""
        for pid in range(3):
            self.tell(store, range(pid, 120, 2), WorkerId("here", pid, NOW))
        found = store.timeline(step=30.0)

        assert {(of.pid, moment.at - NOW) for of, moment in found} == {
            (pid, at) for pid in range(3) for at in (0, 30, 60, 90)
        }
        assert [moment.at for _, moment in found] == sorted(moment.at for _, moment in found)

    def test_it_is_bounded_whatever_comes(self, make: Make) -> None:
        """Three days of a point every ten seconds are as many rows as the tiers have slots, and reach back as set."""
        bounds = Bounds(retention=2 * 86400.0)
        store = make(bounds=bounds)
        self.tell(store, range(0, 3 * 86400, 240))
        kept = store.timeline(limit=100_000)

        assert len(kept) <= sum(tier.slots for tier in bounds.tiers)
        assert 2 * 86400 <= NOW + 3 * 86400 - min(moment.at for _, moment in kept) <= 2.2 * 86400

    def test_a_clock_that_jumps_neither_breaks_nor_stops_it(self, store: Store) -> None:
        """Set back by an hour, and by a year forth and back, what comes then is kept and shown."""
        for start in (0, -3600, 31_536_000, 100):
            self.tell(store, range(start, start + 20, 2))
            kept = [moment.at - NOW for _, moment in store.timeline(since=NOW + start - 1, until=NOW + start + 20)]

            assert [at for at in kept if at >= start] == list(range(start, start + 20, 2))

    def test_what_is_not_traced_is_not_nought(self, store: Store) -> None:
        """Of a step in which something was, the highest."""
        for second, traced in enumerate((None, 5, None, 3)):
            store.flush(told(timeline=(TimelinePoint(NOW + second / 4, 1, traced, 1),)))
        store.flush(told(timeline=(TimelinePoint(NOW + 4, 1, None, 1),)))

        assert [moment.traced_bytes for _, moment in store.timeline()] == [5, None]


def test_what_nobody_accuses_may_come_as_sums(store: Store) -> None:
    """A day of recycled workers leaves thousands of rows; those of operations that were ever accused come one by one."""
    for pid in range(1, 5):
        of = WorkerId("here", pid, NOW)
        clean = replace(judged("GET /clean"), blocks_per_unit=float(pid))
        accused = judged("GET /leak", "leak" if pid == 1 else "clean")
        mended = judged("GET /mended", "clean")
        operations = tuple(
            stats(each, units=pid, sampled_units=pid, last_seen=NOW + pid) for each in (clean, accused, mended)
        )
        store.flush(told(of, at=NOW + pid, operations=operations))
    store.flush(told(OTHER, findings=(finding(judgement=judged("GET /mended", "leak")),), at=NOW + 9))
    whole, folded = store.read(), store.read(folded=True)

    def totals(rows: Stored, name: str) -> tuple[int, int, float]:
        counted = [each for _, each in rows.operations if each.judgement.operation.name == name]
        sampled = sum(each.sampled_units for each in counted)
        blocks = sum(each.sampled_units * each.judgement.blocks_per_unit for each in counted) / sampled
        return sum(each.units for each in counted), sum(each.errors for each in counted), blocks

    for name in ("GET /clean", "GET /leak", "GET /mended"):
        assert totals(folded, name) == pytest.approx(totals(whole, name))
        assert len([1 for _, each in folded.operations if each.judgement.operation.name == name]) in {1, 4}
    for name in ("GET /leak", "GET /mended"):
        assert len([1 for _, each in folded.operations if each.judgement.operation.name == name]) == 4
    assert max(each.last_seen for _, each in folded.operations) == NOW + 4
    assert (folded.workers, folded.findings, folded.known) == (whole.workers, whole.findings, whole.known)


def test_workers_are_counted_by_their_last_sign_of_life(store: Store) -> None:
    """Those that told something after a moment."""
    for pid in range(4):
        store.flush(told(WorkerId("here", pid, NOW), at=NOW + pid))

    assert [store.count_workers(since) for since in (0.0, NOW, NOW + 2.5, NOW + 3)] == [4, 3, 1, 0]
