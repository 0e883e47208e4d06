import time
from dataclasses import replace
from typing import Any

import pytest

from memguard.dashboard.merging import moment
from memguard.dashboard.report import build
from memguard.model import Finding, OperationStats, Stored, WorkerId, WorkerState
from tests.unit.telling import ME, NOW, event, finding, judged, stats, worker

A, B, C = (WorkerId("here", pid, NOW - 60) for pid in (11, 12, 13))


def report(
    *workers: WorkerState,
    operations: tuple[tuple[WorkerId, OperationStats], ...] = (),
    findings: tuple[tuple[WorkerId, Finding], ...] = (),
    now: float = NOW,
) -> dict[str, Any]:
    """Return the report of what these workers told."""
    stored = Stored(workers, operations, findings)
    return build(stored, service="shop", answered_by=ME, now=now, place="/run/shop.sqlite", notes=("a note",))


def test_it_has_exactly_the_names_of_the_design() -> None:
    """Design §10, field by field, and what was added since."""
    told = build(
        Stored((worker(),), ((ME, stats()),), ((ME, finding()),), ((ME, event(NOW, "recycle", rss_bytes=1)),)),
        service="shop",
        answered_by=ME,
        now=NOW,
    )

    assert list(told) == [
        "schema", "service", "generated_at", "answered_by", "store", "workers", "operations", "findings", "events",
    ]  # fmt: skip
    assert told["schema"] == 1
    assert told["generated_at"] == "2027-01-15T08:00:00.000Z"
    assert told["answered_by"] == {"host": "here", "pid": 4711}
    assert told["workers"] == [
        {
            "host": "here", "pid": 4711, "kind": "web", "server": "gunicorn-gthread", "mode": "watch", "alive": True,
            "state": "serving", "started_at": "2027-01-15T07:59:00.000Z", "release": "",
            "last_seen": "2027-01-15T08:00:00.000Z", "rss_bytes": 81_000_000, "rss_baseline_bytes": 70_000_000, "ceiling_bytes": None,
            "hard_ceiling_bytes": None, "rss_floor_bytes": 0, "units_total": 10,
            "in_flight": 1, "windows_total": 4, "overhead_ratio": 0.004, "leaves": "", "stays_because": "", "inner_adapter": "", "notes": [],
        }
    ]  # fmt: skip
    assert told["operations"] == [
        {
            "kind": "request", "name": "GET /users/<id>", "units": 10, "errors": 1, "sampled_units": 5,
            "objects_per_unit": 0.0, "objects_per_unit_error": None, "blocks_per_unit": 0.0, "bytes_per_unit": 0.0,
            "verdict": "clean", "reasons": [], "last_seen": "2027-01-15T08:00:00.000Z",
        }
    ]  # fmt: skip
    assert told["findings"] == [
        {
            "fingerprint": "00112233aabbccdd",
            "operation": {"kind": "request", "name": "GET /leak"},
            "verdict": "leak",
            "reasons": ["2.0 objects of every unit stay"],
            "first_seen": "2027-01-15T07:59:10.000Z",
            "new": True,
            "back": False,
            "last_seen": "2027-01-15T08:00:00.000Z",
            "units_observed": 40,
            "workers": 1,
            "rate": {"objects_per_unit": 2.0, "bytes_per_unit": 200.0},
            "sites": [
                {
                    "file": "/srv/shop/views.py", "line": 85, "function": "show",
                    "source": "_request_caches.append(context)", "objects": 80, "bytes": 8000, "library": "", "through": "",
                }
            ],
            "types": [{"type": "dict", "count": 40}, {"type": "shop.views.Context", "count": 40}],
            "holder": {
                "path": "shop.views._request_caches[…]", "root": "module shop.views", "root_kind": "module",
                "size": 120, "growth_per_unit": 1.0,
                "chain": (
                    {
                        "type": "dict", "via": "attribute _request_caches of module shop.views", "size": 120,
                        "grows": True,
                    },
                ),
            },
            "attribution": "12 windows covered nothing but this operation",
            "pattern": {
                "id": "unbounded-container", "title": "A container that only grows",
                "advice": "Empty it, or give it a cap.",
            },
        }
    ]  # fmt: skip
    assert told["events"] == [
        {
            "at": "2027-01-15T08:00:00.000Z", "host": "here", "pid": 4711, "started_at": "2027-01-15T07:59:00.000Z",
            "type": "recycle", "detail": {"rss_bytes": 1},
        }
    ]  # fmt: skip


def test_an_operations_counts_are_summed_and_its_rates_weighted() -> None:
    """A worker that sampled nothing has no say in a rate, one that sampled much has most."""
    told = report(
        worker(A), worker(B), worker(C),
        operations=(
            (A, stats(judged(objects=4.0), units=100, errors=1, sampled_units=30)),
            (B, stats(judged(objects=0.0), units=50, errors=2, sampled_units=10)),
            (C, stats(judged(objects=9.0), units=7, errors=0, sampled_units=0)),
        ),
    )  # fmt: skip
    (row,) = told["operations"]

    assert (row["units"], row["errors"], row["sampled_units"]) == (157, 3, 40)
    assert (row["objects_per_unit"], row["blocks_per_unit"], row["bytes_per_unit"]) == (3.0, 3.0, 300.0)


@pytest.mark.parametrize(
    ("verdicts", "gravest"),
    [
        (("clean", "leak", "suspect"), "leak"),
        (("clean", "suspect", "plateau"), "suspect"),
        (("clean", "plateau", "warming"), "plateau"),
        (("warming", "clean", "warming"), "clean"),
        (("warming", "warming", "warming"), "warming"),
    ],
)
def test_an_operations_verdict_is_the_gravest_of_its_workers(verdicts: tuple[Any, ...], gravest: str) -> None:
    """With the reasons of the worker that gave it."""
    told = report(
        worker(A), worker(B), worker(C),
        operations=tuple(
            (of, stats(judged(verdict=verdict, reasons=(f"{verdict} it is",))))
            for of, verdict in zip((A, B, C), verdicts, strict=True)
        ),
    )  # fmt: skip
    (row,) = told["operations"]

    assert (row["verdict"], row["reasons"]) == (gravest, [f"{gravest} it is"])


def test_operations_of_the_same_name_and_another_kind_are_others() -> None:
    """And the gravest come first, then the busiest."""
    told = report(
        worker(A),
        operations=(
            (A, stats(judged("x", kind="task"), units=5)),
            (A, stats(judged("x"), units=9)),
            (A, stats(judged("y", "leak"), units=1)),
        ),
    )

    assert [(row["kind"], row["name"]) for row in told["operations"]] == [
        ("request", "y"),
        ("request", "x"),
        ("task", "x"),
    ]


def test_a_finding_is_one_over_all_workers() -> None:
    """By its fingerprint: seen from the first to the last, sites and types added up, the newest holder shown."""
    first = finding(first_seen=NOW - 900, last_seen=NOW - 100, units_observed=30, holder=None)
    second = finding(
        judgement=judged("GET /leak", "suspect", objects=6.0),
        first_seen=NOW - 500,
        units_observed=10,
        sites=(replace(finding().sites[0], line=86), finding().sites[0]),
        types=(replace(finding().types[0], count=2),),
    )
    told = report(findings=((A, first), (B, second), (C, finding("ff"))))
    row, other = sorted(told["findings"], key=lambda each: each["fingerprint"])

    assert other["fingerprint"] == "ff"
    assert (row["verdict"], row["workers"], row["units_observed"]) == ("leak", 2, 40)
    assert (row["first_seen"], row["last_seen"]) == (moment(NOW - 900), moment(NOW))
    assert row["rate"] == {"objects_per_unit": 3.0, "bytes_per_unit": 300.0}
    assert [(site["line"], site["objects"]) for site in row["sites"]] == [(85, 160), (86, 80)]
    assert row["types"] == [{"type": "shop.views.Context", "count": 42}, {"type": "dict", "count": 40}]
    assert row["holder"]["root"] == "module shop.views"


def test_the_gravest_findings_come_first() -> None:
    """A leak before what stopped growing, and the fastest leak first."""
    told = report(
        findings=(
            (A, finding("a", judgement=judged(verdict="plateau", objects=9.0))),
            (A, finding("b", judgement=judged(verdict="leak", objects=1.0))),
            (A, finding("c", judgement=judged(verdict="leak", objects=5.0))),
        )
    )

    assert [row["fingerprint"] for row in told["findings"]] == ["c", "b", "a"]


def test_a_dead_worker_is_listed_for_an_hour_and_counted_for_a_day() -> None:
    """Its findings stay as long as the store keeps them."""
    hour, day = 3600, 86400
    gone = worker(A, last_seen=NOW)
    for now, listed, counted in ((NOW + hour, 1, 1), (NOW + hour + 1, 0, 1), (NOW + day, 0, 1), (NOW + day + 1, 0, 0)):
        told = report(gone, operations=((A, stats()),), findings=((A, finding()),), now=now)
        assert (len(told["workers"]), len(told["operations"]), len(told["findings"])) == (listed, counted, 1)


def test_a_dead_workers_units_are_no_longer_in_flight() -> None:
    """What was in flight when it died is not now."""
    assert report(worker(A, last_seen=NOW - 60, in_flight=3))["workers"][0]["in_flight"] == 0


def test_the_living_come_first_and_the_web_before_others() -> None:
    """And a worker keeps its place while others come and go."""
    told = report(
        worker(A, last_seen=NOW - 60), worker(B, kind="celery"), worker(C), worker(ME),
    )  # fmt: skip

    assert [row["pid"] for row in told["workers"]] == [C.pid, ME.pid, B.pid, A.pid]


def test_the_newest_events_come_first() -> None:
    """Whatever order the workers told them in."""
    stored = Stored((worker(A),), (), (), ((A, event(NOW)), (A, event(NOW + 2, "b")), (A, event(NOW + 1, "a"))))
    told = build(stored, service="shop", answered_by=ME, now=NOW)

    assert [row["type"] for row in told["events"]] == ["b", "a", "started"]


@pytest.mark.parametrize(
    ("at", "written"),
    [
        (0.0, "1970-01-01T00:00:00.000Z"),
        (1_800_000_000.1239, "2027-01-15T08:00:00.123Z"),
        (-5.0, "1970-01-01T00:00:00.000Z"),
        (1e300, "9999-12-31T23:59:59.000Z"),
    ],
)
def test_moments_are_iso_8601_in_utc(at: float, written: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever zone the machine is in; one that no calendar holds is the nearest that it does."""
    monkeypatch.setenv("TZ", "Asia/Tokyo")
    time.tzset()
    try:
        assert moment(at) == written
    finally:
        monkeypatch.delenv("TZ")
        time.tzset()
