"""One server under load while its workers leak past their ceiling, or reach a limit of the server's own."""

import time
from dataclasses import dataclass, field
from pathlib import Path

from example_apps.servers import Servers, environment, free_port, members_of
from memguard.model import Event, WorkerId
from memguard.settings import Settings
from memguard.store import open_store
from tests.recycle.exchange import Connection, LostError
from tests.recycle.load import REQUESTS, Load
from tests.recycle.modes import Mode

LEAK_BYTES = 600_000
CEILING = "120MB"
SECONDS_TO_START = 60.0
SECONDS_BETWEEN_LOOKS = 0.25
EVENTS_MOST = 10_000
ENDED_BADLY = frozenset({"died", "gone"})
SETTINGS = {
    "MEMGUARD_RSS_CEILING": CEILING,
    "MEMGUARD_RECYCLE_SAMPLES": "1",
    "MEMGUARD_RECYCLE_MIN_UPTIME": "0.01s",
    "MEMGUARD_RECYCLE_MIN_INTERVAL": "0.01s",
    "MEMGUARD_RECYCLE_CONCURRENCY": "3",
}


@dataclass(frozen=True)
class Aim:
    """When a run is enough.

    Attributes:
        requests, recycles: How many there are to be at least.
        seconds: How long to try.
    """

    requests: int
    recycles: int
    seconds: float


@dataclass
class Result:
    """What a run came to.

    Attributes:
        mode: The name of the mode.
        requests: Requests with the right answer.
        recycles: Workers that answered requests and are gone.
        first: Workers of the start that are still there.
        lost: How often each kind of loss happened.
        sample: Some of the losses in words.
        websockets: Sessions that the server ended with 1012.
        servers: What the workers called their server, in the events of their recycles.
        seconds: How long it took.
        slowest: Seconds the slowest request took beyond its own.
        gap: The most seconds in which no client at all had a right answer.
        wrong: What memguard has told that does not fit, in words: each worker that is gone has to have left over its ceiling.
        tail: The end of the server's log.
    """

    mode: str
    requests: int = 0
    recycles: int = 0
    first: int = 0
    lost: dict[str, int] = field(default_factory=dict)
    sample: list[str] = field(default_factory=list)
    websockets: int = 0
    servers: set[str] = field(default_factory=set)
    seconds: float = 0.0
    slowest: float = 0.0
    gap: float = 0.0
    wrong: list[str] = field(default_factory=list)
    tail: str = ""

    def reached(self, aim: Aim) -> bool:
        """Tell whether there was enough of everything, and no worker of the start is left."""
        return self.requests >= aim.requests and self.recycles >= aim.recycles and not self.first


def run(mode: Mode, servers: Servers, place: Path, aim: Aim, *, own: bool = False) -> Result:
    """Serve a mode's application under the whole load until the aim is reached, or for its seconds.

    Args:
        mode: What to run.
        servers: Where to start it.
        place: A directory of its own.
        aim: When it is enough.
        own: Let the server's own mechanism replace workers, with memguard off.
    """
    port = free_port()
    settings = {"MEMGUARD_MODE": "off"} if own else {**SETTINGS, **mode.settings}
    environ = environment(
        RECYCLE_LEAK_BYTES=str(LEAK_BYTES),
        MEMGUARD_STORE=str(place / "store.db"),
        XDG_RUNTIME_DIR=str(place),
        **settings,
    )
    options = (mode.own or ()) if own else ()
    server = servers.start(mode.server, mode.command(port, *options), environ=environ, log=place / "log")
    server.wait_until(lambda: _answers(port), seconds=SECONDS_TO_START)
    result = Result(mode.name)
    started = time.monotonic()
    first: set[int] = set()
    gone: set[int] = set()
    with Load(port, websocket=mode.websocket) as outcome:
        while not result.reached(aim) and time.monotonic() - started < aim.seconds and server.process.poll() is None:
            time.sleep(SECONDS_BETWEEN_LOOKS)
            alive = set(members_of(server.pid))
            with outcome.lock:
                pids, result.requests = set(outcome.pids), outcome.requests
            first = first or (pids if len(pids) >= mode.workers else set())
            gone = pids - alive
            result.recycles, result.first = len(gone), len(first & alive) if first else 1
    result.seconds = round(time.monotonic() - started, 1)
    result.lost, result.sample = dict(outcome.lost), outcome.sample
    result.websockets, result.slowest = outcome.websockets, round(outcome.slowest, 2)
    result.gap = round(outcome.gap, 2)
    result.tail = server.tail()
    servers.stop(server)
    if not own:
        events = _events(place)
        result.servers = {str(event.detail["server"]) for _, event in events if event.type == "recycle"}
        result.wrong = _wrong(events, gone, at_once=mode.at_once)
    return result


def _wrong(events: list[tuple[WorkerId, Event]], gone: set[int], *, at_once: bool) -> list[str]:
    """Return what does not fit: a worker that is gone without a reason, one that died, one that left below its ceiling."""
    left = {worker.pid: event.detail for worker, event in events if event.type == "recycle"}
    missing = [] if at_once else sorted(gone - left.keys())
    below = [pid for pid, detail in left.items() if not detail["used_bytes"] > detail["ceiling_bytes"]]
    died = [
        f"worker {worker.pid} {event.type}: {event.detail}" for worker, event in events if event.type in ENDED_BADLY
    ]
    told = [*(f"worker {pid} is gone and has told no reason" for pid in missing), *died]
    return [*told, *(f"worker {pid} has left below its ceiling: {left[pid]}" for pid in below)]


def _answers(port: int) -> bool:
    try:
        return Connection(port).ask(REQUESTS["/"], keep=False).status == 200
    except LostError:
        return False


def _events(place: Path) -> list[tuple[WorkerId, Event]]:
    store = open_store(Settings.load(environ={"MEMGUARD_STORE": str(place / "store.db")}))
    try:
        return store.events(limit=EVENTS_MOST)
    finally:
        store.close()
