"""Recycling as a whole in one process: real memory, real slots, a real store, and a server that notes what it is asked."""

import gc
import logging
import mmap
import os
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Any

import pytest

from memguard.instruments.native import trim
from memguard.instruments.process import started
from memguard.instruments.rss import RssReader
from memguard.model import Event, WorkerState
from memguard.recycling import coordinator as coordinating
from memguard.recycling import locks
from memguard.recycling.limits import JITTER
from memguard.recycling.record import Recycle
from memguard.recycling.servers import Refusing
from memguard.settings import Settings
from memguard.wiring import leaving, recycler
from memguard.wiring.guard import Guard
from memguard.wiring.recycler import Recycler
from tests.unit.recycling.test_coordinator import coordinator, in_a_child
from tests.unit.store.children import ended_well, forked, unprivileged, until
from tests.unit.wiring.driving import hurry, unit_of

MB = 1_000_000
ROOM = 40 * MB


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)
    monkeypatch.setattr(recycler, "SECONDS_BETWEEN_ASKS", 0.0)


@dataclass(frozen=True)
class Noting(Refusing):
    """A server that notes what it is asked, and in which thread; its connections end after so many looks."""

    name: str = "noting"
    reason: str = ""
    workers: int | None = 2
    keeps_listening: bool = True
    leaves_with_its_unit: bool = True
    open: list[int] = field(default_factory=lambda: [0])
    asked: list[tuple[str, int]] = field(default_factory=list)
    then: Callable[[], object] = lambda: None

    def stop_accepting(self) -> None:
        self._note("stop")

    def connections(self) -> int:
        self._note("count")
        return self.open.pop(0) if len(self.open) > 1 else self.open[0]

    def leave(self) -> None:
        self._note("leave")
        self.then()

    def _note(self, what: str) -> None:
        self.asked.append((what, threading.get_ident()))

    @property
    def said(self) -> list[str]:
        """What it was asked, in order."""
        return [what for what, _ in self.asked]


def resting() -> int:
    """Return what this process uses, in bytes, without what earlier tests have left: that must not be what relief gives back."""
    gc.collect()
    trim()
    return RssReader().read()


class Host:
    """A worker whose memory grows by what its units keep.

    Attributes:
        guard: What watches it.
        kept: What its units keep.
    """

    def __init__(self, folder: Path, server: Noting, **settings: object) -> None:
        chosen: dict[str, object] = {
            "store": str(folder / "store.sqlite"), "rss_ceiling": resting() + ROOM, "recycle_samples": 2,
            "recycle_min_uptime": "1ms", "recycle_min_interval": "1ms", **settings,
        }  # fmt: skip
        self.guard = Guard.for_process(Settings.load(chosen, environ={}), server=server)
        self.kept: list[mmap.mmap] = []

    def serve(self, size: int = 0) -> None:
        """Run one unit that keeps so many bytes."""
        with unit_of(self.guard, "GET /leak"):
            if size:
                self.kept.append(mmap.mmap(-1, size))
                self.kept[-1].write(b"x" * size)

    def leak(self) -> None:
        """Be over the ceiling, after a unit that was not."""
        self.serve()
        self.serve(2 * ROOM)

    def let_go(self) -> None:
        """Give back what was kept."""
        while self.kept:
            self.kept.pop().close()

    def looks(self, until_true: Callable[[], object], what: str) -> None:
        """Serve and have the keeper look until something is true."""

        def looked() -> object:
            self.serve()
            self.guard._look()
            return until_true()

        until(looked, what)

    def looks_idly(self, until_true: Callable[[], object], what: str) -> None:
        """Have the keeper look, while nothing runs, until something is true."""

        def looked() -> object:
            self.guard._look()
            return until_true()

        until(looked, what)

    @property
    def recycler(self) -> Recycler:
        """What has it replaced."""
        assert self.guard._recycler is not None
        return self.guard._recycler

    def notes(self) -> str:
        """Return what its notes say."""
        return "\n".join(self.told()[0].notes)

    def look_often(self, times: int = 8) -> None:
        """Serve and have the keeper look so often."""
        for _ in range(times):
            self.serve()
            self.guard._look()

    def told(self) -> tuple[WorkerState, list[Event]]:
        """Return what the store knows of this worker."""
        self.guard.flush()
        stored = self.guard.store.read()
        (state,) = [state for state in stored.workers if state.id.pid == os.getpid()]
        return state, [event for worker, event in stored.events if worker.pid == os.getpid()]

    def event(self, kind: str) -> dict[str, Any]:
        """Return the detail of the one event of a kind."""
        (found,) = [event.detail for event in self.told()[1] if event.type == kind]
        return found


@pytest.fixture
def host(tmp_path: Path) -> Iterator[Callable[..., Host]]:
    """Make a host; its memory is given back after the test."""
    made: list[Host] = []

    def make(server: Noting, **settings: object) -> Host:
        made.append(Host(tmp_path, server, **settings))
        return made[-1]

    yield make
    for each in made:
        each.let_go()


def test_a_worker_that_leaves_with_its_unit(host: Callable[..., Host], caplog: pytest.LogCaptureFixture) -> None:
    """Over its ceiling it goes at the end of a unit, in that unit's thread; the store and the log say why, once."""
    server = Noting()
    one = host(server)
    with caplog.at_level(logging.WARNING, "memguard"):
        one.leak()
        one.looks(lambda: server.said, "the worker to leave")
    assert server.asked == [("leave", threading.get_ident())]
    assert one.guard.draining
    one.look_often(3)
    state, _ = one.told()
    detail = one.event("recycle")

    assert server.said == ["leave"], "it is asked once"
    assert state.state == "recycling"
    assert any("is being replaced" in note for note in state.notes)
    assert state.ceiling_bytes == one.recycler.ceiling
    assert detail["used_bytes"] > detail["ceiling_bytes"] > detail["used_bytes"] - 2 * ROOM
    assert {"collect_gave_bytes", "trim_gave_bytes", "relief_seconds", "holds_seconds"} <= detail.keys()
    assert detail["server"] == "noting"
    assert "GET /leak" in detail["grown"][0]
    (line,) = [record.message for record in caplog.records if "leaves" in record.message]
    assert detail["why"] in line


def test_a_worker_that_drains(host: Callable[..., Host]) -> None:
    """A server that has to drain stops accepting, waits until nothing is open, and leaves: not in a unit's thread."""
    server = Noting(leaves_with_its_unit=False, open=[3, 2, 0])
    one = host(server)
    one.leak()
    one.looks(lambda: "leave" in server.said, "the worker to leave")

    assert server.said == ["stop", "count", "count", "count", "leave"]
    assert threading.get_ident() not in {thread for _, thread in server.asked}
    assert one.guard.draining
    assert one.event("recycle")["connections_left"] == 0


def test_a_drain_that_takes_too_long(host: Callable[..., Host]) -> None:
    """What is still open after the timeout is left to the server, and told."""
    server = Noting(leaves_with_its_unit=False, open=[2])
    one = host(server, drain_timeout="100ms")
    one.leak()
    one.looks(lambda: "leave" in server.said, "the worker to leave")

    assert one.event("recycle")["connections_left"] == 2


def test_the_store_knows_before_the_server_is_asked(host: Callable[..., Host]) -> None:
    """Some servers' exits run nothing of Python's: all is written by then, and no death will be seen in the end."""
    seen: list[tuple[str, list[str]]] = []

    def note() -> None:
        stored = one.guard.store.read()
        seen.append((stored.workers[0].state, [event.type for _, event in stored.events]))

    server = Noting(leaves_with_its_unit=False, then=note)
    one = host(server)
    one.leak()
    one.looks(lambda: seen, "the worker to leave")
    ((state, events),) = seen
    (box,) = Path(one.guard.store.place).parent.glob("default.workers/box-*")

    assert state == "recycling"
    assert "recycle" in events
    assert '"leaving": true' in box.read_text()


def test_a_spike(host: Callable[..., Host]) -> None:
    """Memory that goes away by itself is no reason to leave, however high it was."""
    server = Noting()
    one = host(server, recycle_samples=10_000)
    one.serve()
    for _ in range(2):
        one.serve(2 * ROOM)
        one.look_often(3)
        one.let_go()
        one.look_often(1)

    assert server.said == []
    assert {event.type for event in one.told()[1]} == {"started"}


def test_back_before_the_unit_ended(host: Callable[..., Host]) -> None:
    """What is decided is looked at once more: a worker that is under its ceiling when its unit ends stays."""
    server = Noting()
    one = host(server)
    one.leak()
    with unit_of(one.guard, "GET /long"):
        one.looks_idly(lambda: one.guard.draining, "the slot")
        one.let_go()
    one.look_often()

    assert server.said == []
    assert not one.guard.draining
    assert one.told()[0].state == "serving"


def test_the_hard_ceiling(host: Callable[..., Host]) -> None:
    """A unit that passes it is the last one, whatever the keeper has seen."""
    server = Noting()
    base = resting()
    one = host(server, rss_ceiling=base + 2 * ROOM, rss_hard_ceiling=base + 3 * ROOM, recycle_samples=10_000)
    one.serve()
    one.guard._keeper.stop()  # in the middle of a look of its own it is the keeper who decides
    assert server.said == []
    one.serve(4 * ROOM)

    assert server.asked == [("leave", threading.get_ident())]
    assert one.event("recycle")["hard"]


def test_the_hard_ceiling_alone_with_a_drain(host: Callable[..., Host]) -> None:
    """Without a soft one it does the same, drained where the server drains."""
    server = Noting(leaves_with_its_unit=False)
    one = host(server, rss_ceiling=None, rss_hard_ceiling=resting() + ROOM)
    one.leak()
    until(lambda: "leave" in server.said, "the worker to leave")

    assert server.said == ["stop", "count", "leave"]


def test_a_ceiling_of_the_baseline_beside_a_hard_one(host: Callable[..., Host]) -> None:
    """What only warns is said, and keeps no worker that passes the ceiling that acts."""
    server = Noting()
    one = host(server, rss_ceiling="101%", rss_hard_ceiling=resting() + 4 * ROOM)
    one.leak()
    one.looks(lambda: "only warns" in one.notes(), "the warning")
    assert server.said == []
    one.serve(3 * ROOM)
    one.looks(lambda: server.said, "the worker to leave")

    assert one.event("recycle")["hard"]


def test_an_idle_worker(host: Callable[..., Host]) -> None:
    """A worker that leaves with a unit waits for one, and holds nobody up meanwhile."""
    server = Noting()
    one = host(server)
    one.leak()
    one.looks_idly(lambda: "its next unit" in one.notes(), "the note")
    assert (server.said, one.guard.draining) == ([], False)

    one.looks(lambda: server.said, "the worker to leave")


def test_an_idle_worker_that_drains(host: Callable[..., Host]) -> None:
    """A server that drains can let an idle worker go."""
    server = Noting(leaves_with_its_unit=False)
    one = host(server)
    one.leak()
    one.looks_idly(lambda: "leave" in server.said, "the worker to leave")


def test_a_callable(host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch) -> None:
    """The user's own way is taken instead of the server's, with the reason; where that was enough the worker stays."""
    reasons: list[Recycle] = []
    server = Noting(reason="memguard does not know this server")

    def restart(why: Recycle) -> None:
        reasons.append(why)
        one.let_go()

    one: Host = host(server, recycle=restart)
    one.leak()
    one.looks(lambda: reasons, "the call")
    assert reasons[0].used_bytes > reasons[0].ceiling_bytes
    assert reasons[0].sentence() in one.event("recycle")["why"]
    assert server.said == []
    monkeypatch.setattr(leaving, "SECONDS_FOR_A_CALLABLE", 0.0)
    one.looks(lambda: one.told()[0].state == "serving", "the worker to serve on")
    one.look_often()

    assert len(reasons) == 1
    assert not one.guard.draining


def test_a_callable_that_fails(host: Callable[..., Host], swallowed: list[BaseException]) -> None:
    """It fails in its own thread, behind the gate, and nothing of the host's notices."""

    def fail(_: Recycle) -> None:
        raise RuntimeError("no such unit in systemd")

    one = host(Noting(), recycle=fail)
    one.leak()
    one.looks(lambda: swallowed, "the failure")
    one.look_often()

    assert [str(error) for error in swallowed] == ["no such unit in systemd"]


def test_a_server_that_fails(host: Callable[..., Host], swallowed: list[BaseException]) -> None:
    """What a server raises stays behind the gate: the unit with which the worker was to leave ends as ever."""

    def fail() -> None:
        raise AttributeError("alive")

    server = Noting(then=fail)
    one = host(server)
    one.leak()
    one.looks(lambda: server.said, "the worker to leave")

    assert [str(error) for error in swallowed] == ["alive"]


def test_a_server_that_does_not_let_it_go(host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch) -> None:
    """After a while it is asked again, others may leave, and the notes say so."""
    server = Noting()
    one = host(server)
    one.leak()
    one.looks(lambda: server.said, "the worker to leave")
    monkeypatch.setattr(leaving, "SECONDS_MOST", 0.0)
    time.sleep(0.001)
    assert any("has not done so" in note for note in one.told()[0].notes)
    one.look_often(1)

    assert server.said[:2] == ["leave", "leave"]


REPORTED: list[tuple[str, Noting, dict[str, object], str]] = [
    ("report", Noting(), {"recycle": "report"}, "the setting `recycle` is `report`"),
    ("a warning", Noting(), {"rss_ceiling": "101%"}, "only warns"),
    ("unknown", Noting(reason="memguard does not know it"), {}, "memguard does not know it"),
    ("alone", Noting(workers=1, keeps_listening=False), {}, "connections would be refused"),
]


@pytest.mark.parametrize(
    ("server", "settings", "words"), [each[1:] for each in REPORTED], ids=[each[0] for each in REPORTED]
)
def test_a_worker_that_stays(
    host: Callable[..., Host], caplog: pytest.LogCaptureFixture, server: Noting, settings: dict[str, object], words: str
) -> None:
    """Where it cannot leave, or must not, the log, an event and its notes say why, once, and nothing is done."""
    one = host(server, **settings)
    with caplog.at_level(logging.WARNING, "memguard"):
        one.leak()
        one.looks(lambda: words in one.notes(), "the note")
        one.look_often()
    detail = one.event("ceiling")

    assert words in detail["stays_because"]
    assert detail["rss_bytes"] > detail["ceiling_bytes"]
    assert server.said == []
    assert not one.guard.draining
    assert [words in record.message for record in caplog.records if "stays" in record.message] == [True]


def test_a_baseline_over_the_ceiling(host: Callable[..., Host], caplog: pytest.LogCaptureFixture) -> None:
    """A worker whose first unit brings it over the ceiling never leaves: it says so loudly instead."""
    server = Noting()
    one = host(server)
    with caplog.at_level(logging.WARNING, "memguard"):
        one.serve(3 * ROOM)
        one.looks(lambda: "a new one would be over" in one.notes(), "the note")
        one.look_often(30)

    assert server.said == []
    assert "never used less than" in one.event("ceiling")["stays_because"]
    assert sum("stays" in record.message for record in caplog.records) == 1


def test_a_baseline_by_uss(host: Callable[..., Host]) -> None:
    """What takes long to read is read at the first unit's end all the same: a load is no leak by any metric."""
    server = Noting()
    one = host(server, rss_metric="uss")
    one.serve(3 * ROOM)
    one.looks(lambda: "a new one would be over" in one.notes(), "the note")
    one.look_often(30)

    assert server.said == []


def test_a_leak_by_uss(host: Callable[..., Host]) -> None:
    """A worker that was below the ceiling after its first unit leaves, also by what takes long to read."""
    server = Noting()
    one = host(server, rss_metric="uss")
    one.leak()

    one.looks(lambda: server.said, "the worker to leave")


def test_a_baseline_of_a_forked_worker(tmp_path: Path) -> None:
    """Not all that a worker was forked with is shared: one that begins over its ceiling stays, however little it added."""
    inherited = mmap.mmap(-1, ROOM, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    inherited.write(b"x" * ROOM)

    def child() -> None:
        server, ceiling = Noting(), 2 * RssReader().read()
        one = Host(tmp_path, server, rss_ceiling=ceiling)
        inherited.seek(0)
        inherited.write(b"y" * ROOM)  # now it is the child's own
        one.serve(round(ceiling * (1 - JITTER)) - ROOM // 4)
        assert not one.recycler.memory.adds
        one.looks(lambda: "a new one would be over" in one.notes(), "the note")
        one.look_often(30)
        assert server.said == []

    assert ended_well(forked(child))


def test_a_young_worker(host: Callable[..., Host]) -> None:
    """It stays until it has served for as long as was set, and says that to nobody's alarm."""
    server = Noting()
    one = host(server, recycle_min_uptime="1h")
    one.leak()
    one.looks(lambda: "has to for 60 min" in one.notes(), "the note")
    one.look_often()

    assert server.said == []
    assert {event.type for event in one.told()[1]} == {"started", "relief"}


def test_another_one_is_leaving(host: Callable[..., Host], tmp_path: Path) -> None:
    """It waits for the slot, and takes it as soon as the other has gone."""
    server = Noting()
    one = host(server)
    ready, go = tmp_path / "ready", tmp_path / "go"

    def other() -> None:
        assert coordinator(tmp_path).ask(time.time(), 0.0) == ""
        ready.touch()
        until(go.exists, "the end")

    one.serve()
    pid = forked(other)
    until(ready.exists, "the other one's slot")
    one.leak()
    one.looks(lambda: "another worker is leaving" in one.notes(), "the note")
    assert server.said == []
    go.touch()
    assert ended_well(pid)

    one.looks(lambda: server.said, "the worker to leave")


def test_a_directory_that_is_no_use(host: Callable[..., Host], tmp_path: Path) -> None:
    """Where workers cannot agree none leaves, and it is said; the rest of memguard goes on."""
    tmp_path.chmod(0o777)
    (tmp_path / "default.workers").touch()
    server = Noting()
    one = host(server)
    with unprivileged():
        one.leak()
        one.looks(lambda: "cannot agree" in "".join(one.recycler.notes()), "the note")
        one.look_often()

    assert server.said == []


def test_what_relief_gives_back_is_enough(host: Callable[..., Host], by_hand: None) -> None:
    """Garbage that nobody had collected yet is collected, and the worker stays."""
    server = Noting()
    one = host(server)
    one.serve()
    ceiling = one.recycler.ceiling or 0
    one.guard._keeper.stop()  # a look in the middle of it would find what is no garbage yet
    leave_circles(30 * MB, 6)
    assert RssReader().read() > ceiling
    one.looks(lambda: RssReader().read() < ceiling, "relief")
    one.look_often()

    assert server.said == []
    assert one.told()[0].state == "serving"


def leave_circles(size: int, count: int) -> None:
    """Leave garbage of a size, so often, that only a full collection frees: windows collect what is young."""
    circles: list[list[object]] = [[bytearray(b"x") * size] for _ in range(count)]
    for circle in circles:
        circle.append(circle)
    gc.collect()


def test_asked_for(host: Callable[..., Host]) -> None:
    """A person can have a worker replaced without any ceiling; one that cannot be is told why."""
    server = Noting()
    one = host(server, rss_ceiling=None)
    one.serve()
    assert one.recycler.request() == ""
    one.looks(lambda: server.said, "the worker to leave")

    assert one.event("recycle")["asked_for"]


def test_asked_for_in_vain(host: Callable[..., Host]) -> None:
    """The reason why not is the answer."""
    server = Noting(reason="memguard does not know it")
    one = host(server, rss_ceiling=None)
    one.serve()
    assert one.recycler.request() == "memguard does not know it"
    one.look_often()

    assert server.said == []


def test_who_replaces_it(host: Callable[..., Host], monkeypatch: pytest.MonkeyPatch) -> None:
    """The next worker of the same supervisor says whom it has come for."""
    server = Noting()
    one = host(server)
    one.leak()
    one.looks(lambda: server.said, "the worker to leave")
    one.guard.flush()
    guard = one.guard

    def replacement() -> None:
        # A real one has the same parent; here it is a child of the one that it replaces.
        monkeypatch.setattr(os, "getppid", lambda: parent)
        with unit_of(guard, "GET /"):
            pass
        guard.flush()
        guard.close()

    parent = os.getppid()
    pid = forked(replacement)
    assert ended_well(pid)
    replaced = [(worker.pid, event.detail) for worker, event in guard.store.read().events if event.type == "replaced"]

    assert [(by, detail["worker"], detail["by"]) for by, detail in replaced] == [(pid, os.getpid(), pid)]


def test_who_replaces_it_is_said_later(
    host: Callable[..., Host], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where others have the lock when a replacement serves its first unit, it says so at the next look."""
    monkeypatch.setattr(coordinating, "CLAIM_SECONDS", inf)  # the replacement is this process, which may be old
    supervisor = f"web {os.getppid()}"
    at = started() - 1
    in_a_child(lambda: coordinator(tmp_path, of=supervisor).leaves(at, quick=False))
    state = os.open(tmp_path / "default.workers" / "state", os.O_RDWR)
    assert locks.take(state)
    one = host(Noting(), rss_ceiling=None)
    one.serve()
    assert [event.type for event in one.told()[1]] == ["started"]
    os.close(state)
    one.looks_idly(lambda: any(event.type == "replaced" for event in one.told()[1]), "it to be said")
    one.look_often()

    assert one.event("replaced")["by"] == os.getpid()


def test_no_ceiling(host: Callable[..., Host], tmp_path: Path) -> None:
    """Without one nothing is read and nothing said, and the end of a unit costs nothing."""
    one = host(Noting(), rss_ceiling=None)
    one.leak()
    one.look_often()

    assert not one.recycler.armed
    assert not (tmp_path / "default.workers" / "state").exists()
    assert one.told()[0].notes == ()
