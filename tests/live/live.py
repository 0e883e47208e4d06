"""Real servers under bounded load, and what memguard reports of them."""

import http.client
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from example_apps import commands
from example_apps.servers import Server, Servers, environment, free_port, members_of
from tests.live.reports import Report, command_line_report, finding

TOKEN = "live-test-token"
SECONDS_TO_START = 30.0
SECONDS_TO_STOP = 15.0
SECONDS_TO_SETTLE = 60.0
SECONDS_PER_REQUEST = 30.0
SECONDS_BETWEEN_LOOKS = 0.2
LOAD_THREADS = 4
REQUESTS_PER_CONNECTION = 10
GATE_SWALLOWED = "memguard failed in"

# One round of the menu. A verdict wants some 300 units of an operation from each process, and windows over a while.
MENU = {"/leak": 14, "/clean": 8, "/bounded_cache": 8, "/cycle": 4, "/stream": 4, "/boom": 2}
RUNS_PER_MESSAGE = {"retrying": 3}
TASKS = {"leak": 14, "clean": 8, "bounded_cache": 8, "cycle": 4, "boom": 1, "retrying": 1}
ROUNDS_LEAST = 50
SECONDS_PER_ROUND = 0.5
SECONDS_MOST = 180.0
"""A load that has not led to the leak by then never will; on a busy machine, in trace mode, it takes a minute to send."""
ROUNDS_PER_BIG = 5
ROUNDS_BEHIND = 8
"""A consumer on a slow machine is not sent more than it can do; in trace mode a failing task takes long."""

Answer = tuple[int, tuple[tuple[str, str], ...], bytes]


def eventually(
    look: Callable[[], Any], what: str, seconds: float = SECONDS_TO_SETTLE, or_else: Callable[[], Any] = lambda: ""
) -> Any:
    """Return the first true answer of `look`; fail with `what`, and what there is instead, when none came in time."""
    deadline = time.monotonic() + seconds
    while not (answer := look()):
        assert time.monotonic() < deadline, f"not within {seconds:.0f} s: {what} {or_else()}".rstrip()
        time.sleep(SECONDS_BETWEEN_LOOKS)
    return answer


def spread(counts: Mapping[str, int]) -> list[str]:
    """Return each name as often as its count says, evenly spread."""
    places = [((turn + 0.5) / count, name) for name, count in counts.items() for turn in range(count)]
    return [name for _, name in sorted(places)]


@dataclass
class Web:
    """A running web server with a memguard report.

    Attributes:
        sent: How often each path was requested by `load`.
    """

    server: Server
    port: int
    store: Path
    sent: Counter[str] = field(default_factory=Counter)

    def get(self, path: str, **headers: str) -> Answer:
        """Return status, headers without the date, and body of one request over a new connection."""
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_PER_REQUEST)
        try:
            return _exchange(connection, path, headers)
        finally:
            connection.close()

    @property
    def units(self) -> dict[str, int]:
        """How many units of each operation must have been counted by what was sent."""
        return {f"GET {path}": count for path, count in self.sent.items()}

    def report(self) -> Report:
        """Return the report as the endpoint gives it to who knows the token."""
        status, _, body = self.get("/_memguard/api/report", Authorization=f"Bearer {TOKEN}")
        assert status == 200, f"{status}: {body[:500]!r}\n{self.server.tail()}"
        report: Report = json.loads(body)
        return report

    def worker_pids(self, count: int) -> set[int]:
        """Return the ids of the `count` processes that answer requests."""
        seen: set[int] = set()

        def all_seen() -> bool:
            status, _, body = self.get("/health")
            assert status == 200
            seen.add(json.loads(body)["pid"])
            return len(seen) >= count

        deadline = time.monotonic() + SECONDS_TO_SETTLE
        while not all_seen():
            assert time.monotonic() < deadline, f"only {seen} answered of {count} workers"
        return seen

    def load(self, paths: Sequence[str]) -> None:
        """Request the paths from a few threads: half of them keep their connection, half take a new one each time."""
        failures: list[str] = []
        threads = [
            threading.Thread(target=self._share, args=(paths[number::LOAD_THREADS], number % 2 == 0, failures))
            for number in range(LOAD_THREADS)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not failures, f"{len(failures)} wrong answers: {failures[:5]}\n{self.server.tail()}"
        self.sent.update(paths)

    def _share(self, paths: Sequence[str], keep: bool, failures: list[str]) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_PER_REQUEST)
        for number, path in enumerate(paths, 1):
            try:
                status, _, body = _exchange(connection, path, {})
                if status != (500 if path == "/boom" else 200):
                    failures.append(f"{path}: {status} {body[:200]!r}")
            except (OSError, http.client.HTTPException) as error:
                failures.append(f"{path}: {error!r}")
                connection.close()
            # uvicorn drops the connection on which an application has raised, without saying so in the response.
            if not keep or path == "/boom" or number % REQUESTS_PER_CONNECTION == 0:
                connection.close()
        connection.close()


def _exchange(connection: http.client.HTTPConnection, path: str, headers: Mapping[str, str]) -> Answer:
    connection.request("GET", path, headers=dict(headers))
    response = connection.getresponse()
    kept = sorted((name.lower(), value) for name, value in response.getheaders() if name.lower() != "date")
    return response.status, tuple(kept), response.read()


@contextmanager
def web_server(servers: Servers, directory: Path, command: Callable[[int], list[str]], **environ: str) -> Iterator[Web]:
    """Run a web server until the block ends; its log must show no failure that memguard's gate swallowed."""
    port = free_port()
    store = directory / "memguard.db"
    environ = {"MEMGUARD_STORE": str(store), "MEMGUARD_TOKEN": TOKEN, "MEMGUARD_SERVICE": "live", **environ}
    server = servers.start("web", command(port), environ=environment(**environ), log=directory / "web.log")
    try:
        server.wait_until(lambda: commands.web_answers(port), seconds=SECONDS_TO_START)
        yield Web(server, port, store)
    finally:
        servers.stop(server)
    assert_gate_kept_quiet(server)


@dataclass
class Consumer:
    """A running Celery worker; its report is read from the command line, because it has no web application."""

    server: Server
    store: Path
    send: Callable[..., object]
    sent: Counter[str] = field(default_factory=Counter)

    def load(self, names: Sequence[str]) -> None:
        """Send the tasks."""
        for name in names:
            self.send(f"{commands.CELERY}.{name}")
        self.sent.update(names)

    @property
    def units(self) -> dict[str, int]:
        """How many units of each operation must have been counted by what was sent."""
        return {f"{commands.CELERY}.{name}": count * RUNS_PER_MESSAGE.get(name, 1) for name, count in self.sent.items()}

    def report(self) -> Report:
        """Return the report as `memguard report --json` prints it, once its workers have told something."""
        eventually(self.store.exists, f"the first word of its workers\n{self.server.tail()}")
        return command_line_report(self.store)


@contextmanager
def celery_worker(
    servers: Servers, directory: Path, broker_port: int, pool: str, *, app: str = commands.CELERY, **environ: str
) -> Iterator[Consumer]:
    """Run a Celery worker until the block ends; its log must show no failure that memguard's gate swallowed."""
    from celery import Celery

    broker = f"redis://127.0.0.1:{broker_port}/0"
    store = directory / "memguard.db"
    environ = {"MEMGUARD_STORE": str(store), "MEMGUARD_SERVICE": "live", "CELERY_BROKER_URL": broker, **environ}
    log = directory / "celery.log"
    server = servers.start("celery", commands.celery(pool, app=app), environ=environment(**environ), log=log)
    sender = Celery("live", broker=broker, set_as_current=False)
    try:
        server.wait_until(lambda: commands.celery_ready(log), seconds=SECONDS_TO_START)
        yield Consumer(server, store, sender.send_task)
    finally:
        servers.stop(server)
        sender.control.purge()  # what it has not done is not for the next worker
        sender.close()
    assert_gate_kept_quiet(server)


def drive(target: Web | Consumer, leak: str, counts: Mapping[str, int], big: str) -> Report:
    """Load it with rounds of the menu until the leak is named, but with enough of them to judge the clean ones too.

    Returns a report in which all that was sent is counted; the leak is in it unless it was not found.
    """
    one_round = spread(counts)
    begun = time.monotonic()
    rounds = 0
    while time.monotonic() - begun < SECONDS_MOST:
        target.load(one_round if rounds % ROUNDS_PER_BIG else [*one_round, big])
        rounds += 1
        if rounds % ROUNDS_PER_BIG == 0:
            report = when_counted(target, all_but=ROUNDS_BEHIND * len(one_round))
            if rounds >= ROUNDS_LEAST and finding(report, leak):
                break
        time.sleep(max(0.0, begun + rounds * SECONDS_PER_ROUND - time.monotonic()))
    return when_counted(target)


def when_counted(target: Web | Consumer, all_but: int = 0) -> Report:
    """Return the first report in which as many units are counted as were sent, but for some that may be under way."""
    wanted = sum(target.units.values()) - all_but

    def counted() -> Report | None:
        report = target.report()
        return report if sum(entry["units"] for entry in report["operations"]) >= wanted else None

    found: Report = eventually(counted, f"{wanted} units counted\n{target.server.tail()}")
    return found


def assert_gate_kept_quiet(server: Server) -> None:
    """Fail if memguard swallowed a failure of its own in that server."""
    lines = [line for line in server.log.read_text(errors="replace").splitlines() if GATE_SWALLOWED in line]
    assert not lines, f"{server.name}: {lines[:5]}"


def orderly_exit(server: Server) -> int:
    """Ask a server to end by SIGTERM; return its exit code once none of its processes is left."""
    server.process.terminate()
    code = server.process.wait(SECONDS_TO_STOP)
    eventually(lambda: not members_of(server.pid), f"processes of {server.name} outlived it: {members_of(server.pid)}")
    return code
