import json
from typing import Any

import pytest

from memguard.model import WorkerId
from memguard.snapshots import SiteSize, Snapshot, TypeGrowth, TypeSize
from tests.unit.dashboard.asking import Teller, asked, with_token
from tests.unit.telling import ME, NOW, event, point, told, unit

OTHER = WorkerId("there", 9, NOW - 100)
THERE = {"host": "there", "pid": 9, "started_at": "2027-01-15T07:58:20.000Z"}


def teller() -> Teller:
    """Return a guard whose store holds the last minute of two workers: the test's moment is its end."""
    seconds = range(10)
    guard = Teller(
        told(
            units=tuple(unit(NOW - 60 + each, "GET /a" if each % 2 else "GET /b") for each in seconds),
            timeline=tuple(point(NOW - 60 + 2 * each, rss=100 + each) for each in seconds),
            events=(event(NOW - 55, "ceiling", rss_bytes=1), event(NOW - 7200, "started")),
        ),
        told(OTHER, units=(unit(NOW - 40, "GET /a"),), timeline=(point(NOW - 40, rss=7),)),
    )
    guard.store.add_snapshot(
        OTHER,
        Snapshot(
            at=NOW - 5, before=NOW - 65, objects=12,
            types=(TypeSize("shop.Context", 3, 168), TypeSize("odd", 9, None)),
            growth=(TypeGrowth("shop.Context", 1, 3),), sites=(SiteSize("views.py", 8, "show", 80, 2, None),),
        ),
    )  # fmt: skip
    return guard


def got(path: str, query: str = "", guard: Teller | None = None) -> dict[str, Any]:
    """Return the data of a good answer."""
    answer = asked(with_token(f"/_memguard/api/{path}", query=query), guard or teller())
    assert answer.status == 200, answer.body
    data: dict[str, Any] = json.loads(answer.body)
    return data


def refused(path: str, query: str) -> str:
    """Return the message of a bad answer."""
    answer = asked(with_token(f"/_memguard/api/{path}", query=query), teller())
    assert answer.status == 400
    return str(json.loads(answer.body)["error"])


def test_the_timeline_is_every_workers() -> None:
    """Each point says whose it is and since when that worker runs; what was not measured is null."""
    data = got("timeline", "step=2&since=1799999400")

    assert (data["schema"], data["service"], len(data["points"])) == (1, "shop", 11)
    assert (data["since"], data["until"]) == ("2027-01-15T07:50:00.000Z", "2027-01-15T08:00:00.000Z")
    assert data["points"][-1] == {
        **THERE, "at": "2027-01-15T07:59:20.000Z", "rss_bytes": 7, "traced_bytes": None, "units_total": 10,
    }  # fmt: skip


def test_a_step_of_the_timeline_has_its_highest_figures() -> None:
    """Steps begin at the same moments for all workers, so that their figures can be added up."""
    data = got("timeline", "step=10&since=1799999400")

    assert data["step_seconds"] == 10
    assert [(each["pid"], each["at"][11:19], each["rss_bytes"]) for each in data["points"]] == [
        (ME.pid, "07:59:00", 104), (ME.pid, "07:59:10", 109), (9, "07:59:20", 7),
    ]  # fmt: skip


@pytest.mark.parametrize(("hours", "step"), [(0.1, 6), (1, 20), (24, 360), (168, 2400)])
def test_the_step_suits_the_span(hours: float, step: int) -> None:
    """Some hundred steps at most, none shorter than what is kept of every worker for so far back."""
    assert got("timeline", f"since={NOW - hours * 3600:.0f}")["step_seconds"] == step


def test_a_week_of_many_workers_is_no_more_points_than_can_be_drawn() -> None:
    """Where steps would give too many points they are made longer, and the answer says so; the highest stay."""
    guard = Teller()
    for pid in range(64):
        points = tuple(point(NOW - 600 + each, rss=1000 + each) for each in range(600))
        guard.store.flush(told(WorkerId("here", pid, NOW - 900), timeline=points))
    data = got("timeline", "step=2&since=1799999200", guard)

    assert len(data["points"]) <= 6000
    assert data["step_seconds"] > 2
    last = [each for each in data["points"] if each["at"] == data["points"][-1]["at"]]
    assert {(each["pid"], each["rss_bytes"]) for each in last} == {(pid, 1599) for pid in range(64)}


def test_events_come_with_the_timeline() -> None:
    """Those of the same span, to be marked in it."""
    assert [each["type"] for each in got("timeline")["events"]] == ["ceiling"]
    assert [each["type"] for each in got("timeline", f"since={NOW - 86400:.0f}")["events"]] == ["ceiling", "started"]
    assert got("timeline", f"until={NOW - 56:.0f}")["events"] == []


def test_a_unit_says_all_that_was_measured() -> None:
    """With its operation, and whether others were in flight."""
    assert got("units", "limit=1")["units"] == [
        {
            **THERE,
            "at": "2027-01-15T07:59:20.000Z",
            "operation": {"kind": "request", "name": "GET /a"},
            "seconds": 0.25,
            "body_sent_seconds": 0.1,
            "error": False,
            "overlapped": True,
            "traced_bytes": 4096,
            "traced_peak_bytes": 9000,
            "objects": 3,
            "blocks": 5,
            "rss_bytes": None,
        }
    ]


@pytest.mark.parametrize(
    ("query", "count"),
    [
        ("", 11), ("limit=3", 3), ("limit=10000", 11), ("since=1799999945", 5), ("since=1799999945.5", 5),
        ("since=2027-01-15T07:59:05Z", 5), ("since=2027-01-15T07:59:05", 5), ("since=2027-01-15T08:59:05%2B01:00", 5),
        ("since=2027-01-15T08:59:05+01:00", 5), ("since=1799999945&limit=2", 2), ("since=99999999999", 0),
        ("since=0001-01-01T00:00:00%2B14:00", 11),
    ],
)  # fmt: skip
def test_since_and_limit_choose(query: str, count: int) -> None:
    """A moment as seconds or in ISO 8601, in any zone; the newest come."""
    assert len(got("units", query)["units"]) == count


@pytest.mark.parametrize(
    ("query", "count"),
    [("since=1799999945", 8), ("since=1799999945&until=1799999948", 2), ("since=1799999900&until=2027-01-15T07:59:04Z", 3),
     ("since=99999999999", 0), ("since=1800000000&until=1700000000", 0)],
)  # fmt: skip
def test_since_and_until_choose(query: str, count: int) -> None:
    """What came after the one and up to the other."""
    assert len(got("timeline", f"step=2&{query}")["points"]) == count


def test_units_of_one_operation() -> None:
    """By its name, as it stands in the report."""
    assert len(got("units", "operation=GET%20/a")["units"]) == 6
    assert len(got("units", "operation=GET+/b&limit=2")["units"]) == 2
    assert got("units", "operation=GET%20/c")["units"] == []


def test_objects_are_what_a_snapshot_saw() -> None:
    """Of every worker that was asked for one."""
    assert got("objects")["workers"] == [
        {
            **THERE,
            "at": "2027-01-15T07:59:55.000Z",
            "before": "2027-01-15T07:58:55.000Z",
            "objects": 12,
            "types": [
                {"type": "shop.Context", "count": 3, "bytes": 168}, {"type": "odd", "count": 9, "bytes": None},
            ],
            "growth": [{"type": "shop.Context", "before": 1, "after": 3}],
            "sites": [
                {"file": "views.py", "line": 8, "function": "show", "bytes": 80, "count": 2, "bytes_growth": None}
            ],
            "is_sampled": False,
        }
    ]  # fmt: skip


LIMIT = "expected a whole number from 1 to 10000"
STEP = "expected a whole number from 1 to 86400"
SINCE = 'expected seconds since 1970, or a moment like "2027-01-15T08:00:00Z"'


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("limit=0", f"limit='0': {LIMIT}"),
        ("limit=10001", f"limit='10001': {LIMIT}"),
        ("limit=-1", f"limit='-1': {LIMIT}"),
        ("limit=", f"limit='': {LIMIT}"),
        ("limit", f"limit='': {LIMIT}"),
        ("limit=1_0", f"limit='1_0': {LIMIT}"),
        ("limit=1e3", f"limit='1e3': {LIMIT}"),
        ("limit=%D9%A3", f"limit='\u0663': {LIMIT}"),
        ("limit=3%0A", f"limit='3\\n': {LIMIT}"),
        (f"limit={'9' * 500}", f"limit='{'9' * 64}': {LIMIT}"),
        ("limit=1&limit=2", "limit: given twice"),
        ("since=yesterday", f"since='yesterday': {SINCE}"),
        ("since=nan", f"since='nan': {SINCE}"),
        ("since=inf", f"since='inf': {SINCE}"),
        ("since=1e999", f"since='1e999': {SINCE}"),
        ("since=-5", f"since='-5': {SINCE}"),
        ("since=", f"since='': {SINCE}"),
        ("since=2027-13-01", f"since='2027-13-01': {SINCE}"),
        (f"since={'1' * 12}", f"since='{'1' * 12}': {SINCE}"),
        ("from=3", "unknown parameter 'from'; known here: since, limit, operation"),
        ("%00=3", "unknown parameter '\\x00'; known here: since, limit, operation"),
        ("=3", "unknown parameter ''; known here: since, limit, operation"),
        ("limit=%ff", "the query is malformed: too many parameters, or not UTF-8"),
        ("&".join(f"limit{each}" for each in range(50)), "the query is malformed: too many parameters, or not UTF-8"),
        ("limit=3;" + "x" * 3000, "the query has 3008 characters; at most 2048 are read"),
        ("limit=\udcff", None),
    ],
)
def test_a_malformed_query_is_told_what_is_wrong(query: str, message: str | None) -> None:
    """With the parameter, its value and what is allowed."""
    told_ = refused("units", query)

    assert message is None or told_ == message


@pytest.mark.parametrize(
    ("query", "message"),
    [("step=0", f"step='0': {STEP}"), ("step=86401", f"step='86401': {STEP}"), ("until=now", f"until='now': {SINCE}")],
)
def test_a_malformed_query_of_the_timeline_is_told_too(query: str, message: str) -> None:
    """The same for what only the timeline takes."""
    assert refused("timeline", query) == message


@pytest.mark.parametrize("query", ["operation=", "operation=" + "x" * 513, "kind=task"])
def test_a_malformed_operation_is_told_too(query: str) -> None:
    """A name is neither empty nor endless, and nothing else is asked for."""
    assert refused("units", query)


@pytest.mark.parametrize("path", ["report", "objects", "openapi.json", "findings/ff/issue", "findings/ff/reproduction"])
def test_what_takes_no_parameters_says_so(path: str) -> None:
    """One that it does not know would otherwise look as if it had worked."""
    assert refused(path, "since=3") == "unknown parameter 'since'; none is known here"


def test_an_operation_says_how_certain_its_figure_is() -> None:
    """The standard error of what several workers measured together; null where one of them does not know."""
    from dataclasses import replace

    from tests.unit.telling import judged, stats

    guard = Teller()
    for pid, error in ((1, 0.3), (2, 0.4)):
        found = stats(replace(judged(objects=1.0), objects_error=error), sampled_units=10)
        guard.store.flush(told(WorkerId("here", pid, NOW), operations=(found,)))
    (row,) = got("report", guard=guard)["operations"]
    assert (row["objects_per_unit"], row["objects_per_unit_error"]) == (1.0, 0.25)

    guard.store.flush(told(WorkerId("here", 3, NOW), operations=(stats(sampled_units=5),)))
    (row,) = got("report", guard=guard)["operations"]
    assert row["objects_per_unit_error"] is None
