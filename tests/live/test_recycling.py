"""Ceilings on a real gunicorn: who is replaced, who is not, and what is told of a worker that was killed."""

import http.client
import os
import re
import shlex
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any

import pytest

from example_apps import commands
from example_apps.servers import Servers
from memguard.model import Stored, WorkerState
from memguard.recycling.coordinator import SUCCESSOR_SECONDS
from tests.live.live import SECONDS_PER_REQUEST, SECONDS_TO_SETTLE, TOKEN, Web, eventually, web_server
from tests.stored import read_stored
from tests.unit.instruments.test_container import own_group, real_group

HUNGRY = "tests.live.hungry:app"
QUICK = {
    "MEMGUARD_RECYCLE_SAMPLES": "2",
    "MEMGUARD_RECYCLE_MIN_UPTIME": "200ms",
    "MEMGUARD_RECYCLE_MIN_INTERVAL": "100ms",
}
ROUNDED = 0.01
"""Seconds by which moments may be off that are reckoned from rounded durations."""
SERVING_MB = 60
"""A worker of the application that has served something uses less."""
GROUP_MB = 300
LOADED_MB = 80
"""What its first request loads where that is asked for."""


@contextmanager
def hungry(
    servers: Servers, directory: Path, *options: str, workers: int = 2, ceiling: int = 120, **environ: str
) -> Iterator[Web]:
    """Run the application with a ceiling in megabytes."""

    def command(port: int) -> list[str]:
        return commands.gunicorn(HUNGRY, port, *options, workers=workers)

    with web_server(servers, directory, command, MEMGUARD_RSS_CEILING=f"{ceiling}MB", **{**QUICK, **environ}) as web:
        yield web


def asked(web: Web, path: str) -> int:
    """Return which process has answered, over a new connection; every answer has to be right."""
    status, _, body = web.get(path)
    assert status == 200, f"{path}: {status} {body[:200]!r}\n{web.server.tail()}"
    return int(body)


def stored(web: Web) -> Stored:
    """Return what the store holds; nothing before it is there."""
    return read_stored(web.store, "live")


def events(web: Web, kind: str = "") -> list[dict[str, Any]]:
    """Return the events of a kind, or all, oldest first."""
    return [
        {"type": event.type, "pid": worker.pid, "at": event.at, "detail": event.detail}
        for worker, event in sorted(stored(web).events, key=lambda row: row[1].at)
        if kind in {"", event.type}
    ]


def living(web: Web) -> list[WorkerState]:
    """Return what those workers say of themselves that have not stopped."""
    return [state for state in stored(web).workers if state.state in {"serving", "recycling"}]


def notes(web: Web) -> str:
    """Return what the notes of the living workers say."""
    return "\n".join(note for state in living(web) for note in state.notes)


def log_lines(web: Web, words: str) -> list[str]:
    """Return the lines of the server's log that have these words."""
    return [line for line in web.server.log.read_text(errors="replace").splitlines() if words in line]


def asking_until(
    web: Web, path: str, done: Callable[[], object], what: str, *, threads: int = 1, seconds: float = SECONDS_TO_SETTLE
) -> set[int]:
    """Ask for a path, from some clients at once, until something is true; return which processes have answered."""
    pids: set[int] = set()
    failures: list[BaseException] = []
    stop = threading.Event()

    def ask() -> None:
        try:
            while not stop.is_set():
                pids.add(asked(web, path))
        except BaseException as error:
            failures.append(error)

    clients = [threading.Thread(target=ask) for _ in range(threads)]
    for client in clients:
        client.start()
    try:
        eventually(lambda: failures or done(), what, seconds)
    finally:
        stop.set()
        for client in clients:
            client.join()
    assert not failures, failures[0]
    return pids


def test_a_herd(servers: Servers, tmp_path: Path) -> None:
    """Four workers that are all over the ceiling leave one by one, each after the last one's replacement serves."""
    with hungry(servers, tmp_path, workers=4) as web:
        asking_until(web, "/leak/500", lambda: len(_pids(web)) >= 4, "four workers", threads=8)
        first = _pids(web)
        asking_until(web, "/leak/500", lambda: first <= _left(web), "all four to have left", threads=8, seconds=180)
    # Read once all have ended: one that leaves tells it at once, its replacement some seconds after its first unit.
    recycled, replaced = events(web, "recycle"), events(web, "replaced")
    lines = log_lines(web, "leaves: it used")
    ends = {event["detail"]["worker"]: event["at"] for event in replaced}

    assert len(recycled) >= 4
    assert len(ends) == len(replaced)
    assert all(
        _slot_taken(next_one) >= min(ends.get(one["pid"], inf), one["at"] + SUCCESSOR_SECONDS) - ROUNDED
        for one, next_one in pairwise(recycled)
    ), [(event["type"], event["pid"], event["at"], event["detail"]) for event in events(web)]
    assert ends.keys() <= {event["pid"] for event in recycled}
    assert len(lines) >= len(recycled)
    assert all(event["detail"]["used_bytes"] > event["detail"]["ceiling_bytes"] for event in recycled)
    assert all("GET /leak/<int:kilobytes>" in event["detail"]["why"] for event in recycled)


def _slot_taken(recycled: dict[str, Any]) -> float:
    """Return the moment from which no other worker might leave; a sync worker does not drain."""
    return float(recycled["at"] - recycled["detail"]["holds_seconds"])


def _pids(web: Web) -> set[int]:
    return {state.id.pid for state in stored(web).workers}


def _left(web: Web) -> set[int]:
    return {event["pid"] for event in events(web, "recycle")}


BASELINES = {
    "far over": (SERVING_MB, (), "rss"),
    "preloaded, just over": (LOADED_MB + 12, ("--preload",), "rss"),
    "by uss, just over": (LOADED_MB + 12, ("--preload",), "uss"),
}
"""A ceiling, options and the metric: just over it is what has added less than the ceiling since it was forked."""


@pytest.mark.parametrize("baseline", BASELINES)
def test_a_baseline_over_the_ceiling(servers: Servers, tmp_path: Path, baseline: str) -> None:
    """A fleet that is over its ceiling from the first request on is not recycled to death: it says so, and serves on."""
    ceiling, options, metric = BASELINES[baseline]
    loads = str(LOADED_MB)
    with hungry(
        servers, tmp_path, *options, ceiling=ceiling, HUNGRY_LOADS_LATE_MB=loads, MEMGUARD_RSS_METRIC=metric
    ) as web:
        pids = asking_until(web, "/pid", lambda: len(events(web, "ceiling")) == 2, "both to say so", threads=2)
        for _ in range(50):
            pids.add(asked(web, "/pid"))
        told, said = events(web, "ceiling"), notes(web)
        lines = log_lines(web, "and stays: it has never used less than")
        assert events(web, "recycle") == []

    assert len(pids) == 2
    assert all("a new one would be over the ceiling" in event["detail"]["stays_because"] for event in told)
    assert "a new one would be over the ceiling" in said
    assert len(lines) == 2


def test_the_only_worker(servers: Servers, tmp_path: Path) -> None:
    """The socket stays open, so that gunicorn's only worker can be replaced: requests wait for the next one."""
    with hungry(servers, tmp_path, workers=1) as web:
        pids = asking_until(web, "/leak/1000", lambda: len(events(web, "recycle")) >= 2, "two recycles", threads=3)
        replaced = eventually(lambda: asked(web, "/pid") and events(web, "replaced"), "the replacement to say so")

    assert len(pids) >= 2
    assert replaced[0]["detail"]["worker"] in pids


@pytest.mark.parametrize("samples", ["2", "40"], ids=["seen", "hardly seen"])
def test_a_spike(servers: Servers, tmp_path: Path, samples: str) -> None:
    """Memory that a request takes for a while and gives back is no reason to leave, however often it comes."""
    with hungry(servers, tmp_path, workers=1, MEMGUARD_RECYCLE_SAMPLES=samples) as web:
        pids = {asked(web, "/pid")}
        for _ in range(2):
            pids |= {asked(web, "/spike/150/1.5"), asked(web, "/pid")}
        assert events(web, "recycle") == []

    assert len(pids) == 1


def test_fragmentation(servers: Servers, tmp_path: Path) -> None:
    """Pages that the C library holds between pieces in use are given back by a trim, and the worker stays."""
    with hungry(servers, tmp_path, workers=1) as web:
        pids = {asked(web, "/pid"), asked(web, "/fragment/150")}
        pids |= asking_until(web, "/pid", lambda: events(web, "relief"), "relief")
        eventually(lambda: asked(web, "/pid") and _rss(web) < 100, "RSS to fall")
        relief = events(web, "relief")[-1]
        assert events(web, "recycle") == []

    assert len(pids) == 1
    assert relief["detail"]["trim_gave_bytes"] > 80_000_000
    assert relief["detail"]["after_bytes"] < relief["detail"]["ceiling_bytes"] < relief["detail"]["used_bytes"]


def _rss(web: Web) -> float:
    return max(state.rss_bytes for state in living(web)) / 1e6


def test_a_fat_parent(servers: Servers, tmp_path: Path) -> None:
    """Workers of a preloaded master that is over their ceiling are judged by what they add: they stay until that is too much."""
    with hungry(servers, tmp_path, "--preload", ceiling=100, HUNGRY_LOADS_MB="200") as web:
        pids = asking_until(web, "/pid", lambda: "was forked with" in notes(web), "the note", threads=2)
        for _ in range(30):
            pids.add(asked(web, "/pid"))
        time_to_be_seen = time.monotonic() + 2.0
        while time.monotonic() < time_to_be_seen:
            pids.add(asked(web, "/pid"))
        assert _rss(web) > 200
        assert events(web, "recycle") == []
        assert len(pids) == 2

        asking_until(web, "/leak/1000", lambda: _left(web), "one that leaks to leave", threads=2)
        detail = events(web, "recycle")[0]["detail"]
        workers = stored(web).workers

    assert detail["floor_bytes"] > 200_000_000
    assert 90_000_000 < detail["used_bytes"] < 200_000_000
    assert all(state.rss_floor_bytes > 200_000_000 for state in workers)


@pytest.mark.skipif(own_group() is None, reason="no memory group of version 1 can be made here")
def test_a_share_of_the_container(servers: Servers, tmp_path: Path) -> None:
    """In a group with a limit a ceiling in percent is of that limit, and who passes it is replaced long before the kernel kills."""
    with real_group(GROUP_MB * 1_000_000) as group:

        def command(port: int) -> list[str]:
            enter = f'echo $$ > {shlex.quote(str(group / "cgroup.procs"))} && exec "$@"'
            return ["sh", "-c", enter, "sh", *commands.gunicorn(HUNGRY, port, workers=1)]

        with web_server(servers, tmp_path, command, MEMGUARD_RSS_CEILING="40%", **QUICK) as web:
            asking_until(web, "/leak/1000", lambda: events(web, "replaced"), "one to be replaced", threads=2)
            recycled, died = events(web, "recycle"), events(web, "died")
            ceilings = {state.ceiling_bytes or 0 for state in stored(web).workers}

    assert died == []
    (ceiling,) = ceilings
    assert ceiling == pytest.approx(0.4 * GROUP_MB * 1_000_000, abs=8192)
    assert all(event["detail"]["used_bytes"] > event["detail"]["ceiling_bytes"] >= 0.95 * ceiling for event in recycled)


def test_killed_in_a_request(servers: Servers, tmp_path: Path) -> None:
    """After `kill -9` in the middle of a request its replacement, or a sibling, names the request that it was running."""
    with hungry(servers, tmp_path) as web:
        pids = asking_until(web, "/pid", lambda: len(_pids(web)) == 2, "two", threads=2)
        victim = _kill_in(web, "/slow/20.0")
        died = eventually(lambda: asked(web, "/pid") and events(web, "died"), "the death to be told")
        states = {state.id.pid: state.state for state in stored(web).workers}
        (line,) = log_lines(web, "died without a word")

    assert victim in pids
    assert [event["pid"] for event in died] == [victim]
    assert "request GET /slow/<float:seconds> (for " in died[0]["detail"]["running"][0]
    assert states[victim] == "died"
    assert "GET /slow/<float:seconds>" in line


def test_an_operation_that_keeps_killing(servers: Servers, tmp_path: Path) -> None:
    """The third worker that is killed in the same request makes that an event of its own, which page and report tell."""
    with hungry(servers, tmp_path) as web:
        victims: set[int] = set()
        for _ in range(3):
            victims.add(_kill_in(web, "/slow/20.0"))
            eventually(
                lambda: asked(web, "/pid") and {event["pid"] for event in events(web, "died")} == victims, "its death"
            )
        (event,) = events(web, "killer")
        told = {each["type"] for each in web.report()["events"]}
        pages = [web.get(f"/_memguard{path}", Authorization=f"Bearer {TOKEN}")[2] for path in ("", "/timeline")]

    assert event["detail"]["name"] == "GET /slow/<float:seconds>"
    assert "at 3 of the 3 deaths" in event["detail"]["why"]
    assert "killer" in told
    assert all(b"GET /slow/&lt;float:seconds&gt; keeps killing workers" in page for page in pages)


def _kill_in(web: Web, path: str) -> int:
    """Kill the worker that answers a path while it does; return which it was."""
    connection = http.client.HTTPConnection("127.0.0.1", web.port, timeout=SECONDS_PER_REQUEST)
    connection.request("GET", path)
    boxes = web.store.parent / "live.workers"

    def busy() -> int:
        found = [box for box in boxes.glob("box-*") if "/slow" in box.read_text(errors="replace")]
        return int(re.findall(r"box-(\d+)-", found[0].name)[0]) if found else 0

    victim: int = eventually(busy, "the request to be written down")
    os.kill(victim, signal.SIGKILL)
    connection.close()
    return victim
