import json
from typing import Any

import pytest

from memguard.model import WorkerId
from tests.unit.dashboard.asking import Teller, asked, with_token
from tests.unit.telling import NOW, point, told, unit

OTHER = WorkerId("there", 9, NOW - 100)


def teller() -> Teller:
    """Return a guard whose store holds ten seconds of two workers."""
    seconds = range(10)
    return Teller(
        told(
            units=tuple(unit(NOW + each, "GET /a" if each % 2 else "GET /b") for each in seconds),
            timeline=tuple(point(NOW + each) for each in seconds),
        ),
        told(OTHER, units=(unit(NOW + 20, "GET /a"),), timeline=(point(NOW + 20, rss=7),)),
    )


def got(path: str, query: str = "") -> dict[str, Any]:
    """Return the data of a good answer."""
    answer = asked(with_token(f"/_memguard/api/{path}", query=query), teller())
    assert answer.status == 200, answer.body
    data: dict[str, Any] = json.loads(answer.body)
    return data


def refused(path: str, query: str) -> str:
    """Return the message of a bad answer."""
    answer = asked(with_token(f"/_memguard/api/{path}", query=query), teller())
    assert answer.status == 400
    return str(json.loads(answer.body)["error"])


def test_the_timeline_is_every_workers() -> None:
    """Each point says whose it is; what was not measured is null."""
    data = got("timeline")

    assert (data["schema"], data["service"], len(data["points"])) == (1, "shop", 11)
    assert data["points"][-1] == {
        "at": "2027-01-15T08:00:20.000Z",
        "host": "there",
        "pid": 9,
        "rss_bytes": 7,
        "traced_bytes": None,
        "units_total": 10,
    }


def test_a_unit_says_all_that_was_measured() -> None:
    """With its operation, and whether others were in flight."""
    assert got("units", "limit=1")["units"] == [
        {
            "at": "2027-01-15T08:00:20.000Z",
            "host": "there",
            "pid": 9,
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
        ("", 11), ("limit=3", 3), ("limit=10000", 11), ("since=1800000005", 5), ("since=1800000005.5", 5),
        ("since=2027-01-15T08:00:05Z", 5), ("since=2027-01-15T08:00:05", 5), ("since=2027-01-15T09:00:05%2B01:00", 5),
        ("since=2027-01-15T09:00:05+01:00", 5), ("since=1800000005&limit=2", 2), ("since=99999999999", 0),
        ("since=0001-01-01T00:00:00%2B14:00", 11),
    ],
)  # fmt: skip
def test_since_and_limit_choose(query: str, count: int) -> None:
    """A moment as seconds or in ISO 8601, in any zone; the newest come."""
    assert len(got("timeline", query)["points"]) == count
    assert len(got("units", query)["units"]) == count


def test_units_of_one_operation() -> None:
    """By its name, as it stands in the report."""
    assert len(got("units", "operation=GET%20/a")["units"]) == 6
    assert len(got("units", "operation=GET+/b&limit=2")["units"]) == 2
    assert got("units", "operation=GET%20/c")["units"] == []


LIMIT = "expected a whole number from 1 to 10000"
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
        ("from=3", "unknown parameter 'from'; known here: since, limit"),
        ("%00=3", "unknown parameter '\\x00'; known here: since, limit"),
        ("=3", "unknown parameter ''; known here: since, limit"),
        ("limit=%ff", "the query is malformed: too many parameters, or not UTF-8"),
        ("&".join(f"limit{each}" for each in range(50)), "the query is malformed: too many parameters, or not UTF-8"),
        ("limit=3;" + "x" * 3000, "the query has 3008 characters; at most 2048 are read"),
        ("limit=\udcff", None),
    ],
)
def test_a_malformed_query_is_told_what_is_wrong(query: str, message: str | None) -> None:
    """With the parameter, its value and what is allowed."""
    told_ = refused("timeline", query)

    assert message is None or told_ == message


@pytest.mark.parametrize("query", ["operation=", "operation=" + "x" * 513, "kind=task"])
def test_a_malformed_operation_is_told_too(query: str) -> None:
    """A name is neither empty nor endless, and nothing else is asked for."""
    assert refused("units", query)


def test_the_report_takes_no_parameters() -> None:
    """One that it does not know would otherwise look as if it had worked."""
    assert refused("report", "since=3") == "unknown parameter 'since'; none is known here"
