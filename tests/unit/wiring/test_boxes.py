"""The black box as a whole: real workers that are killed in the middle of something, and what others tell of it."""

import json
import logging
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from memguard.model import Event, WorkerState
from memguard.wiring import boxes
from memguard.wiring.guard import Guard
from tests.unit.store.children import ended_well, forked, unprivileged, until
from tests.unit.wiring.driving import hurry, make_guard, unit_of


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(boxes, "SECONDS_BETWEEN_SEARCHES", 0.0)
    monkeypatch.setattr(boxes, "LONG_SECONDS", 0.02)


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    """A worker that serves, so that it sees what becomes of others."""
    made = make_guard(tmp_path)
    with unit_of(made, "GET /"):
        pass
    return made


def box_of(folder: Path, pid: int) -> dict[str, Any]:
    """Return what is in a worker's box, empty before there is one."""
    for path in folder.glob(f"default.workers/box-{pid}-*"):
        text = path.read_text().partition("\n")[0]
        return dict(json.loads(text)) if text else {}
    return {}


def is_running(folder: Path, pid: int) -> bool:
    """Tell whether a worker has written down that something runs."""
    return bool(box_of(folder, pid).get("running"))


def killed(pid: int) -> None:
    """Kill a process."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def worker(guard: Guard, serve: Callable[[Guard], object]) -> int:
    """Start another worker of the service."""

    def work() -> None:
        serve(guard)
        guard.close()

    return forked(work)


def in_a_unit(name: str, kind: str = "request") -> Callable[[Guard], None]:
    """Return what a worker does that never comes to the end of a unit."""

    def serve(guard: Guard) -> None:
        with unit_of(guard, name, kind):
            signal.pause()

    return serve


def after_a_unit(guard: Guard) -> None:
    """Do what a worker does that has served one unit and waits for the next."""
    with unit_of(guard, "GET /"):
        pass
    signal.pause()


def told(guard: Guard, pid: int) -> tuple[WorkerState, list[Event]]:
    """Return what the store knows of a worker, and what happened to it beside its start."""
    stored = guard.store.read()
    states = [state for state in stored.workers if state.id.pid == pid]
    return states[0], fate(guard, pid)


def fate(guard: Guard, pid: int) -> list[Event]:
    """Return what happened to a worker beside its start."""
    return [event for worker, event in guard.store.read().events if worker.pid == pid and event.type != "started"]


def looks(guard: Guard, until_true: Callable[[], object], what: str) -> None:
    """Have the keeper look until something is true."""

    def looked() -> object:
        guard._look()
        return until_true()

    until(looked, what)


def test_a_worker_killed_in_a_request(guard: Guard, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Another worker names the request that it was running, in the dead one's name, in the log and in the store."""
    pid = worker(guard, in_a_unit("GET /report"))
    until(lambda: is_running(tmp_path, pid), "the box")
    killed(pid)
    with caplog.at_level(logging.WARNING, "memguard"):
        looks(guard, lambda: fate(guard, pid), "the death to be told")
    state, (event,) = told(guard, pid)

    assert (state.state, event.type) == ("died", "died")
    assert event.detail["running"][0].startswith("request GET /report (for ")
    assert event.detail["found_by"] == os.getpid()
    assert state.rss_bytes == event.detail["rss_bytes"] > 10_000_000
    (line,) = [record.message for record in caplog.records if "died" in record.message]
    assert f"worker {pid} (unknown)" in line
    assert "request GET /report" in line


def test_an_orderly_end(guard: Guard, tmp_path: Path) -> None:
    """A worker that ended in order, even in the middle of a unit, has stopped and did not die."""

    def serve(guard: Guard) -> None:
        guard.begin("request", "GET /report")
        until(lambda: is_running(tmp_path, os.getpid()), "the box")

    pid = worker(guard, serve)
    assert ended_well(pid)
    for _ in range(3):
        guard._look()
    state, events = told(guard, pid)

    assert state.state == "stopped"
    assert [event.type for event in events] == ["stopped"]
    assert box_of(tmp_path, pid) == {}


def test_an_idle_worker_that_was_killed(guard: Guard, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Where nothing ran and memory was not short, it is said that it is gone, and nobody is alarmed."""
    pid = worker(guard, after_a_unit)
    until(lambda: box_of(tmp_path, pid), "the box")
    killed(pid)
    with caplog.at_level(logging.WARNING, "memguard"):
        looks(guard, lambda: fate(guard, pid), "the end to be told")
    state, (event,) = told(guard, pid)

    assert (state.state, event.type) == ("gone", "gone")
    assert caplog.records == []


def test_a_worker_that_was_asked_to_leave(guard: Guard, tmp_path: Path) -> None:
    """However its server ended it, and whatever was written down meanwhile, it has stopped and did not die."""

    def serve(guard: Guard) -> None:
        with unit_of(guard, "GET /"):
            guard.flush()
            assert guard._reporter is not None
            guard._reporter.recycler._machine.leaves(time.monotonic())
            guard._reporter.boxes.goodbye()
            guard._reporter.boxes.look()
            os._exit(0)

    pid = worker(guard, serve)
    os.waitpid(pid, 0)
    looks(guard, lambda: told(guard, pid)[0].state == "stopped", "the end to be told")

    assert fate(guard, pid) == []


def test_an_operation_that_keeps_killing(guard: Guard, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """The third death with the same operation is told: in the log and as an event once, and in the notes of whoever lives."""

    def dies() -> str:
        pid = worker(guard, in_a_unit("GET /report"))
        until(lambda: is_running(tmp_path, pid), "the box")
        killed(pid)
        looks(guard, lambda: fate(guard, pid), "the death")
        return str(fate(guard, pid)[0].detail["why"])

    with caplog.at_level(logging.WARNING, "memguard"):
        whys = [dies() for _ in range(4)]
    guard.flush()
    said = "request GET /report was running at 3 of the 3 deaths of workers in the last day"

    assert "request GET /report was running at 3 deaths in a day" in whys[2]
    assert [said in record.message for record in caplog.records] == [False, False, False, True, False]
    (event,) = [event for _, event in guard.store.read().events if event.type == "killer"]
    assert event.detail == {"why": said, "kind": "request", "name": "GET /report", "deaths": 3, "of": 3}
    assert any("at 4 of the 4 deaths" in note for note in told(guard, os.getpid())[0].notes)


def test_websockets_are_not_blamed(guard: Guard, tmp_path: Path) -> None:
    """A session is open at every death; it is told as running, and not counted."""
    pid = worker(guard, in_a_unit("/talk", "websocket"))
    until(lambda: is_running(tmp_path, pid), "the box")
    killed(pid)
    looks(guard, lambda: fate(guard, pid), "the death")
    (event,) = told(guard, pid)[1]

    assert event.detail["running"][0].startswith("websocket /talk")
    assert event.detail["deaths_in_a_day"] == []


def test_short_of_memory(guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Near the ceiling everything that runs is written down, however short; a death then is one for want of memory."""
    monkeypatch.setattr(boxes, "LONG_SECONDS", 3600.0)
    monkeypatch.setattr(boxes, "HIGH", 0.01)
    pid = worker(guard, in_a_unit("GET /big"))
    until(lambda: is_running(tmp_path, pid), "the box")
    killed(pid)
    looks(guard, lambda: fate(guard, pid), "the death")

    assert "of the memory that is to be had was in use" in told(guard, pid)[1][0].detail["why"]


def test_the_oom_killer(guard: Guard, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the kernel has counted a kill since the box was written, it is said, also of a worker that was idle."""
    pid = worker(guard, after_a_unit)
    until(lambda: box_of(tmp_path, pid), "the box")
    killed(pid)
    monkeypatch.setattr(boxes, "oom_kills", lambda: 10**6)
    looks(guard, lambda: fate(guard, pid), "the death")
    (event,) = told(guard, pid)[1]

    assert event.type == "died"
    assert event.detail["oom_killer"]
    assert "the kernel has killed a process for want of memory" in event.detail["why"]


def test_units_of_one_operation(tmp_path: Path) -> None:
    """What runs is told by operation, with how many and the oldest; names that come late are asked for."""
    guard = make_guard(tmp_path)
    units = [guard.begin("request", "GET <wsgi>") for _ in range(3)]
    for unit in units[:2]:
        unit.naming = lambda: "GET /users/<id>"

    def fails() -> str:
        raise KeyError("route")

    units[2].naming = fails
    until(lambda: len(box_of(tmp_path, os.getpid()).get("running", ())) == 2, "the box")
    running = box_of(tmp_path, os.getpid())["running"]

    assert {(each["name"], each["count"]) for each in running} == {("GET /users/<id>", 2), ("GET <wsgi>", 1)}
    for unit in units:
        guard.end(unit)
        assert unit.naming is None
    until(lambda: not is_running(tmp_path, os.getpid()), "the box to be empty again")


def test_a_directory_that_is_no_use(tmp_path: Path) -> None:
    """Without a place for it there is no black box, and the notes say so; all else goes on."""
    (tmp_path / "default.workers").touch()
    guard = make_guard(tmp_path)
    with unprivileged():
        pass
    with unit_of(guard, "GET /"):
        looks(guard, lambda: guard._reporter is not None and guard._reporter.boxes.notes(), "the note")
    guard.flush()

    assert any("is not written down" in note for note in told(guard, os.getpid())[0].notes)


def test_a_store_that_has_forgotten_it(guard: Guard, tmp_path: Path) -> None:
    """A worker that the store knows nothing of is told from its box alone."""

    def serve(guard: Guard) -> None:
        guard.store.flush = lambda flush: None  # type: ignore[method-assign]  # as where its file was deleted
        in_a_unit("GET /report")(guard)

    pid = worker(guard, serve)
    until(lambda: is_running(tmp_path, pid), "the box")
    killed(pid)
    looks(guard, lambda: any(state.id.pid == pid for state in guard.store.read().workers), "the death")
    state, (event,) = told(guard, pid)

    assert (state.state, state.server, event.type) == ("died", "unknown", "died")
