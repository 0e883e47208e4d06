"""Histories of a service: who ran when, what each said of the one operation, and what the report makes of it."""

from dataclasses import dataclass
from typing import Any

import pytest

from memguard.dashboard.merging import moment
from memguard.dashboard.report import build
from memguard.evidence import Holder
from memguard.model import Known, Stored, VerdictName, WorkerId
from memguard.residue.ageing import LEAKS_EXPECTED, OVERLAP_SECONDS, UNITS_ENOUGH
from memguard.store.connection import MEMORY, Database
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import ME, NOW, finding, judged, stats, told, worker

HOUR = 3600.0
DAY = 24 * HOUR


@dataclass(frozen=True)
class Ran:
    """A worker that ran from one hour before now to another (0 is alive), and its verdict on `GET /leak`."""

    pid: int
    start: float
    end: float
    verdict: VerdictName | None = None
    units: int = 1000
    rate: float = 2.0
    kind: str = "web"
    accused: float | None = None
    """Hours before now; a quarter of an hour after its start if it is not said."""
    growth: float = 0.0


def report(*ran: Ran, known: tuple[Known, ...] = (), now: float = NOW) -> dict[str, Any]:
    """Return the report of a history."""
    workers, operations, findings = [], [], []
    for each in ran:
        of = WorkerId("there", each.pid, NOW - each.start * HOUR)
        last_seen = NOW - each.end * HOUR
        workers.append(worker(of, last_seen=last_seen, kind=each.kind))
        if each.verdict is None:
            continue
        accuses = each.verdict in {"leak", "suspect"}
        judgement = judged("GET /leak", each.verdict, objects=each.rate if accuses else 0.0, reasons=(each.verdict,))
        operations.append((of, stats(judgement, units=each.units, sampled_units=each.units, last_seen=last_seen)))
        if each.verdict == "leak":
            since = NOW - (each.start - 0.25 if each.accused is None else each.accused) * HOUR
            holder = Holder("shop.views._caches", "module shop.views", "module", (), 9, each.growth)
            found = finding(
                judgement=judgement, first_seen=since, last_seen=last_seen, units_observed=each.units, holder=holder
            )
            findings.append((of, found))
    stored = Stored(tuple(workers), tuple(operations), tuple(findings), known=known)
    return build(stored, service="shop", answered_by=ME, now=now)


def verdicts(*ran: Ran) -> tuple[str, str]:
    """Return the verdict on the operation and that of the finding, "" where there is none."""
    made = report(*ran)
    return (
        next((row["verdict"] for row in made["operations"]), ""),
        next((row["verdict"] for row in made["findings"]), ""),
    )


LEAKED = Ran(1, start=9, end=3, verdict="leak")


def test_a_leak_that_a_deploy_mended_has_stopped() -> None:
    """The worker after the deploy found nothing on as many units as would have shown it; the report says so."""
    made = report(LEAKED, Ran(2, 2.99, 0, "clean"))
    (row,) = made["findings"]
    said = "no worker started since 2027-01-15 05:00 UTC leaves anything: mended, or not driven the same way"

    assert (row["verdict"], row["reasons"], row["new"], row["back"]) == ("plateau", [said], True, False)
    assert (row["workers"], row["units_observed"], row["rate"]["objects_per_unit"]) == (1, 1000, 2.0)
    (operation,) = made["operations"]
    assert (operation["verdict"], operation["reasons"]) == ("plateau", [said])
    assert operation["units"] == 2000, "counts are counts, whoever counted"
    assert operation["objects_per_unit"] == 0.0


@pytest.mark.parametrize("verdict", ["clean", "plateau"])
def test_only_a_firm_verdict_overrules(verdict: VerdictName) -> None:
    """Of a worker that started later than the accusing one was last seen."""
    assert verdicts(LEAKED, Ran(2, 2, 0, verdict)) == ("plateau", "plateau")


@pytest.mark.parametrize(
    ("after", "left"),
    [
        ((), "leak"),
        ((Ran(2, 2, 0, None),), "leak"),
        ((Ran(2, 2, 0, "warming"),), "leak"),
        ((Ran(2, 2, 0, "suspect"),), "leak"),
        ((Ran(2, 2, 0, "leak"),), "leak"),
        ((Ran(2, 2, 0, "clean", units=9),), "leak"),
        ((Ran(2, 2, 0, "clean"), Ran(3, 2, 0, "suspect")), "leak"),
        ((Ran(2, 2, 0, "clean"), Ran(3, 2, 0, "leak")), "leak"),
        ((Ran(2, 8, 0, "clean"),), "leak"),
        ((Ran(2, 2, 0, "clean", kind="celery"),), "leak"),
    ],
    ids=[
        "nobody came", "it was not driven since", "warming up", "suspected", "it leaks", "on too few units",
        "another one suspects", "another one accuses", "it ran beside it", "of another kind",
    ],
)  # fmt: skip
def test_an_accusation_stands_while_nobody_refutes_it(after: tuple[Ran, ...], left: str) -> None:
    """A recycled worker runs the same code: that it started says nothing."""
    assert verdicts(LEAKED, *after) == (left, left)


def test_a_worker_that_is_alive_speaks_for_itself() -> None:
    """However many after it say otherwise: a rolling restart has not come to it yet, or it is another version."""
    assert verdicts(Ran(1, 9, 0, "leak"), Ran(2, 2, 0, "clean"), Ran(3, 2, 0, "clean")) == ("leak", "leak")
    assert verdicts(Ran(1, 9, 0, "leak"), Ran(2, 0.05, 0, "clean")) == ("leak", "leak"), "it only just came"


@pytest.mark.parametrize(
    ("accused", "started_before", "verdict"),
    [
        (8.0, OVERLAP_SECONDS - 1, "plateau"),
        (8.0, OVERLAP_SECONDS + 1, "leak"),
        (3.0 + 30 / 3600, 60, "leak"),
        (3.0 + 90 / 3600, 60, "plateau"),
    ],
    ids=["the new come up first", "they ran side by side", "started before the accusation", "started after it"],
)
def test_a_rolling_restart_overlaps_for_a_while(accused: float, started_before: float, verdict: str) -> None:
    """New workers start before the old ones end; one that started with the accused one does not count."""
    old = Ran(1, 9, 3, "leak", accused=accused)

    assert verdicts(old, Ran(2, 3 + started_before / HOUR, 0, "clean"))[1] == verdict


def test_workers_of_the_same_start_do_not_refute_each_other() -> None:
    """One of four met the route that leaks and was killed within minutes; the others are of the same deploy."""
    four = [Ran(pid, 1.0, 0, "clean") for pid in (2, 3, 4)]

    assert verdicts(Ran(1, 1.0, 0.95, "leak", accused=0.96), *four) == ("leak", "leak")


@pytest.mark.parametrize(
    ("rate", "growth", "units", "enough"),
    [
        (2.0, 0.0, 1000, LEAKS_EXPECTED / 2),
        (0.01, 0.0, 50_000, LEAKS_EXPECTED / 0.01),
        (0.01, 0.0, 500, 500),
        (0.0001, 0.0, 10**9, UNITS_ENOUGH),
        (0.0, 0.0, 300, 300),
        (0.0, 0.0, 10**9, UNITS_ENOUGH),
        (0.0, 0.05, 50_000, LEAKS_EXPECTED / 0.05),
    ],
)
def test_a_rare_leak_takes_more_units_to_refute(rate: float, growth: float, units: int, enough: float) -> None:
    """Together, over all later workers, and never more than showed it."""
    old = Ran(1, 9, 3, "leak", units=units, rate=rate, growth=growth)
    half = int(enough // 2)

    assert verdicts(old, Ran(2, 2, 0, "clean", half), Ran(3, 2, 0, "clean", int(enough) - half - 1))[1] == "leak"
    assert verdicts(old, Ran(2, 2, 0, "clean", half), Ran(3, 2, 0, "clean", int(enough) - half))[1] == "plateau"


def test_what_was_refuted_stays_so_while_the_next_worker_warms_up() -> None:
    """The worker that refuted it was recycled itself."""
    history = (LEAKED, Ran(2, 2, 1, "clean"), Ran(3, 0.9, 0, "warming"))

    assert verdicts(*history) == ("plateau", "plateau")


def test_what_stopped_is_listed_for_a_day() -> None:
    """From when it was last seen; its operation goes with the worker's counts, or is what the others say."""
    new = Ran(2, 20, 0, "clean")
    assert verdicts(Ran(1, 40, 23.9, "leak"), new) == ("plateau", "plateau")
    assert verdicts(Ran(1, 40, 24.1, "leak"), new) == ("clean", "")
    assert verdicts(Ran(1, 40, 24.1, "leak")) == ("", "leak"), "nobody has refuted it"


def test_what_a_gone_worker_only_suspected_ages_too() -> None:
    """Since when it did is not known: only who started after it was gone says otherwise."""
    suspected = Ran(1, 9, 3, "suspect")

    assert verdicts(suspected, Ran(2, 2, 0, "clean")) == ("plateau", "")
    assert verdicts(suspected, Ran(2, 3.01, 0, "clean")) == ("suspect", "")
    assert verdicts(suspected, Ran(2, 2, 0, "warming")) == ("suspect", "")


def test_what_is_refuted_for_one_kind_of_worker_stands_for_another() -> None:
    """The web's workers were restarted, Celery's never were: what they saw is all that counts."""
    made = report(LEAKED, Ran(2, 2, 0, "clean"), Ran(3, 4, 1, "leak", units=40, rate=1.0, kind="celery"))
    (row,) = made["findings"]

    assert (row["verdict"], row["workers"], row["units_observed"]) == ("leak", 1, 40)
    assert row["rate"]["objects_per_unit"] == 1.0
    assert row["first_seen"] == moment(NOW - 8.75 * HOUR)


@pytest.mark.parametrize(
    ("history", "back"),
    [
        ((LEAKED, Ran(2, 2, 1.5, "clean"), Ran(3, 1, 0, "leak")), True),
        ((LEAKED, Ran(2, 2, 1.5, "clean"), Ran(3, 1, 0.5, "leak")), True),
        ((LEAKED, Ran(3, 1, 0, "leak")), False),
        ((LEAKED, Ran(2, 2, 1.5, "clean", units=3), Ran(3, 1, 0, "leak")), False),
        ((LEAKED, Ran(2, 2, 0, "clean"), Ran(3, 2, 0, "leak")), False),
        ((LEAKED, Ran(2, 2, 1.5, "clean"), Ran(3, 1, 0, "clean")), False),
        ((Ran(2, 2, 1.5, "clean"), Ran(3, 1, 0, "leak")), False),
    ],
    ids=[
        "mended, then leaking", "and gone again", "recycled in between", "never refuted", "refuted by a neighbour",
        "still mended", "never known",
    ],
)  # fmt: skip
def test_a_leak_that_comes_back_is_marked(history: tuple[Ran, ...], back: bool) -> None:
    """A deploy after the one that mended it brought it again."""
    assert [row["back"] for row in report(*history)["findings"]] in ([back], [])


def test_what_returns_after_weeks_is_marked_for_a_week() -> None:
    """No row of those weeks is left: the store remembers that there was silence."""
    for ago, back in ((0.0, True), (6.9, True), (7.1, False)):
        known = Known(finding().fingerprint, NOW - 40 * DAY, NOW - ago * DAY)
        (row,) = report(Ran(1, 1, 0, "leak"), known=(known,))["findings"]
        assert (row["back"], row["new"]) == (back, False)
        assert row["first_seen"] == moment(NOW - 40 * DAY)
    (row,) = report(LEAKED, Ran(2, 2, 0, "clean"), known=(Known(finding().fingerprint, NOW - 40 * DAY, NOW),))[
        "findings"
    ]
    assert (row["verdict"], row["back"]) == ("plateau", False), "and went again"


def test_a_finding_is_new_for_a_day() -> None:
    """From the first time that any worker of the service told of it, whoever tells of it now."""
    for hours, new in ((23.9, True), (24.1, False)):
        known = Known(finding().fingerprint, NOW - hours * HOUR)
        (row,) = report(Ran(1, 1, 0, "leak"), known=(known,))["findings"]
        assert (row["new"], row["back"]) == (new, False)
        assert row["first_seen"] == moment(NOW - hours * HOUR)
        (row,) = report(Ran(1, hours + 0.25, 0, "leak"))["findings"]
        assert row["new"] == new, "a store of an earlier version knows no more than its workers"


def test_days_of_a_real_store_end_with_a_mended_leak() -> None:
    """What refuted the leak is kept though its counts would be old: the worker of today has no verdict yet."""
    store = SqliteStore(Database(MEMORY), "shop")
    leak = judged("GET /leak", "leak", objects=2.0)
    leaking, mended, warming = (WorkerId("there", pid, NOW - days * DAY) for pid, days in ((1, 6), (2, 5), (3, 1)))
    accused = finding(judgement=leak, first_seen=NOW - 5.9 * DAY, last_seen=NOW - 5 * DAY, units_observed=1000)
    for at, told_ in (
        (5.0, told(leaking, at=NOW - 5 * DAY, operations=(stats(leak),), findings=(accused,))),
        (2.0, told(mended, at=NOW - 2 * DAY, operations=(stats(judged("GET /leak"), sampled_units=1000),))),
        (0.0, told(warming, at=NOW, operations=(stats(judged("GET /leak", "warming")),))),
    ):
        store.flush(told_)
        made = build(store.read(), service="shop", answered_by=ME, now=NOW - at * DAY)
        verdict = {5.0: "leak", 2.0: "clean", 0.0: "warming"}[at]
        assert [row["verdict"] for row in made["operations"]] == [verdict]
        assert [row["verdict"] for row in made["findings"]] == (["leak"] if at == 5.0 else [])
    store.close()


def test_hundreds_of_recycled_workers_are_judged_one_by_one() -> None:
    """Those before the deploy leaked, those after it did not: nothing of the first counts."""
    before = [Ran(each, 100 - each / 10, 99.9 - each / 10, "leak", accused=99.95 - each / 10) for each in range(400)]
    after = [Ran(1000 + each, 50 - each / 10, 49.9 - each / 10, "clean") for each in range(100)]

    assert verdicts(*before) == ("", "leak")
    assert verdicts(*before, *after) == ("", "")
    assert verdicts(*before, *after, Ran(5000, 1, 0, "leak")) == ("leak", "leak")
