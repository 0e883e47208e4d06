"""The event of a worker that left says who came for it."""

import json
from typing import Any

from memguard.dashboard.succession import events_of, with_successors
from memguard.model import Event, WorkerId
from tests.unit.dashboard.asking import Teller, asked, with_token
from tests.unit.telling import ME, NOW, event, told

Told = tuple[WorkerId, Event]


def left(pid: int, at: float, host: str = "here") -> Told:
    """Return what a worker tells that leaves."""
    return WorkerId(host, pid, at - 60), event(at, "recycle", why="it used too much")


def came(pid: int, at: float, of: int, host: str = "here", seconds: float = 2.5) -> Told:
    """Return what a worker tells that has come for another one."""
    return WorkerId(host, pid, at - 1), event(at, "replaced", worker=of, by=pid, seconds=seconds)


def said(events: list[Told]) -> list[tuple[int, Any, Any]]:
    """Return of each departure who left, who came for it and after how many seconds."""
    return [
        (worker.pid, each.detail.get("replaced_by"), each.detail.get("replaced_after_seconds"))
        for worker, each in events
        if each.type == "recycle"
    ]


def test_each_departure_says_who_came_for_it() -> None:
    """In whatever order the events are; the events stay in theirs."""
    events = [left(1, 10.0), came(3, 12.5, of=1), left(2, 13.0), came(4, 14.0, of=2, seconds=1.0)]

    assert said(with_successors(events)) == [(1, 3, 2.5), (2, 4, 1.0)]
    assert said(with_successors(events[::-1])) == [(2, 4, 1.0), (1, 3, 2.5)]
    assert [each.type for _, each in with_successors(events)] == ["recycle", "replaced"] * 2


def test_who_has_not_told_it_yet_is_not_known() -> None:
    """Nothing is said, nor where a worker of another host has come for one with the same process id."""
    assert said(with_successors([left(1, 10.0), came(3, 12.0, of=1, host="there"), left(2, 13.0)])) == [
        (1, None, None), (2, None, None),
    ]  # fmt: skip


def test_a_process_id_that_is_used_again() -> None:
    """Of two workers that had the same one, who came first came for the first."""
    events = [left(1, 10.0), came(2, 11.0, of=1), left(1, 20.0), came(3, 21.0, of=1), came(4, 22.0, of=1)]

    assert said(with_successors(events)) == [(1, 2, 2.5), (1, 3, 2.5)]


def test_what_another_version_wrote() -> None:
    """A replacement that does not say for whom it has come, or of nobody who is known, is no matter."""
    odd = WorkerId("here", 9, 0.0), event(12.0, "replaced")

    assert said(with_successors([left(1, 10.0), odd, came(3, 13.0, of=8)])) == [(1, None, None)]


def guard() -> Teller:
    """Return one whose store holds a departure and, ten seconds later, a replacement."""
    return Teller(
        told(ME, events=(event(NOW - 100, "recycle", why="it used too much"),)),
        told(WorkerId("here", 8, NOW - 95), events=(event(NOW - 90, "replaced", worker=ME.pid, by=8, seconds=10.0),)),
    )


def test_a_time_that_ends_in_between() -> None:
    """What is told after it is looked for, and is not among its events."""
    events = events_of(guard().store, since=NOW - 200, until=NOW - 95, limit=10)

    assert said(events) == [(ME.pid, 8, 10.0)]
    assert len(events) == 1


def test_everywhere_events_are_shown() -> None:
    """In the report, and so in `memguard report`; with the API's timeline; on the page."""
    joined = {"why": "it used too much", "replaced_by": 8, "replaced_after_seconds": 10.0}
    for path in ("api/report", "api/timeline"):
        data = json.loads(asked(with_token(f"/_memguard/{path}", query=""), guard()).body)
        assert [each["detail"] for each in data["events"] if each["type"] == "recycle"] == [joined]
    for path in ("", "/timeline"):
        page = asked(with_token(f"/_memguard{path}"), guard()).body.decode()
        assert "Worker 4711 left, and worker 8 came for it 10 s later" in page
