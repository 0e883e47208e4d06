"""One server of the zoo under load, watched through memguard's own report."""

import http.client
import io
import json
import time
import zlib
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from example_apps import commands
from example_apps.servers import Server, Servers, environment, free_port
from memguard import cli
from tests.zoo.groups import Group
from tests.zoo.traffic import CLIENTS, SOCKETS, Client, Event, Send, Traffic, plan
from tests.zoo.truth import Truth
from tests.zoo.watching import Report, Watcher

TOKEN = "token-of-the-zoo"
SECONDS_TO_START = 30.0
SECONDS_BETWEEN_REPORTS = 1.0
SECONDS_TO_SETTLE = 4.0
COUNTED_LEAST, LATE_MOST = 0.95, 6
"""Tasks are sent sooner than they are done: it goes on until so many of them were counted, or so many times as long."""
SECONDS_BETWEEN_LINES = 10.0
GATE_SWALLOWED = "memguard failed in"


@dataclass(frozen=True)
class Served:
    """A server that is ready.

    Attributes:
        senders: One for each client.
        report: Reads memguard's report.
    """

    server: Server
    senders: list[Send]
    report: Callable[[], Report]


@dataclass(frozen=True)
class Outcome:
    """What came of one group.

    Attributes:
        sent: How often each operation was sent, by its name.
        troubles: What else went wrong: answers that failed, failures that memguard swallowed.
    """

    group: Group
    truths: tuple[Truth, ...]
    watcher: Watcher
    sent: dict[str, int]
    troubles: list[str]


def run(
    group: Group,
    truths: tuple[Truth, ...],
    servers: Servers,
    directory: Path,
    *,
    seconds: float,
    say: Callable[[str], None],
) -> Outcome:
    """Serve one group under load and return what was reported."""
    with _serve(group, servers, directory) as served:
        watcher = Watcher(truths)
        events = plan(truths, seconds, seed=zlib.crc32(group.app.encode()))
        traffic = Traffic(events, served.senders)
        traffic.start()
        begun, line_due, troubles = time.monotonic(), SECONDS_BETWEEN_LINES, list[str]()
        until = None
        while until is None or time.monotonic() < until:
            time.sleep(SECONDS_BETWEEN_REPORTS)
            now = time.monotonic() - begun
            served.server.check()
            watcher.take(served.report(), now)
            if until is None and not traffic.running and (_is_done(watcher, traffic) or now > LATE_MOST * seconds):
                until = time.monotonic() + SECONDS_TO_SETTLE
            if now >= line_due:
                line_due += SECONDS_BETWEEN_LINES
                say(_line(group, watcher, truths, now, seconds))
        troubles.extend(traffic.failures)
    log = served.server.log.read_text(errors="replace").splitlines()
    troubles.extend(line for line in log if GATE_SWALLOWED in line)
    return Outcome(group, truths, watcher, dict(traffic.sent), troubles[:10])


def _is_done(watcher: Watcher, traffic: Traffic) -> bool:
    return sum(seen.units for seen in watcher.seen.values()) >= COUNTED_LEAST * sum(traffic.sent.values())


def _line(group: Group, watcher: Watcher, truths: tuple[Truth, ...], now: float, seconds: float) -> str:
    named = {True: 0, False: 0}
    for truth in truths:
        named[truth.leaks] += watcher.seen[truth.key].leak_units is not None
    leaks = sum(truth.leaks for truth in truths)
    return (
        f"{group.app} {now:.0f}/{seconds:.0f} s: {named[True]} of {leaks} leaks named, {named[False]} innocent accused, "
        f"overhead {watcher.overhead[-1][1]:.2%}, {watcher.rss_most / 1e6:.0f} MB"
    )


@contextmanager
def _serve(group: Group, servers: Servers, directory: Path) -> Iterator[Served]:
    environ = {"MEMGUARD_STORE": str(directory / "memguard.db"), "MEMGUARD_TOKEN": TOKEN, "MEMGUARD_SERVICE": "zoo"}
    with ExitStack() as stack:
        if group.command is None:
            yield _celery(group, servers, directory, environ, stack)
            return
        port = free_port()
        environ.update(ZOO_PART=group.part, DJANGO_SETTINGS_MODULE="tests.zoo.django_app.settings")
        log = directory / "web.log"
        server = servers.start(group.app, group.command(port), environ=environment(**environ), log=log)
        stack.callback(servers.stop, server)
        server.wait_until(lambda: commands.web_answers(port), seconds=SECONDS_TO_START)
        sockets = stack.enter_context(ThreadPoolExecutor(SOCKETS))
        yield Served(server, [Client(port, sockets) for _ in range(CLIENTS)], lambda: _web_report(port))


def _web_report(port: int) -> Report:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/_memguard/api/report", headers={"Authorization": f"Bearer {TOKEN}"})
        response = connection.getresponse()
        report: Report = json.loads(response.read())
        return report
    finally:
        connection.close()


def _celery(group: Group, servers: Servers, directory: Path, environ: dict[str, str], stack: ExitStack) -> Served:
    from celery import Celery

    port = free_port()
    redis = servers.start("redis", commands.redis(port, directory), environ={}, log=directory / "redis.log")
    stack.callback(servers.stop, redis)
    redis.wait_until(lambda: commands.redis_answers(port), seconds=SECONDS_TO_START)
    broker = f"redis://127.0.0.1:{port}/0"
    log = directory / "celery.log"
    command = commands.celery(group.pool, concurrency=group.processes)
    command[command.index(commands.CELERY)] = group.module
    server = servers.start(group.app, command, environ=environment(CELERY_BROKER_URL=broker, **environ), log=log)
    stack.callback(servers.stop, server)
    server.wait_until(lambda: commands.celery_ready(log), seconds=SECONDS_TO_START)
    sender = Celery("zoo", broker=broker, set_as_current=False)
    stack.callback(sender.close)

    def send(event: Event) -> None:
        sender.send_task(event.truth.operation)

    return Served(server, [send], lambda: _store_report(directory / "memguard.db"))


def _store_report(store: Path) -> dict[str, Any]:
    # Until its first task has ended, a worker has no store.
    empty: dict[str, Any] = {"operations": [], "findings": [], "workers": []}
    if not store.exists():
        return empty
    printed = io.StringIO()
    with redirect_stdout(printed):
        code = cli.main(["report", "--store", str(store), "--json"])
    return json.loads(printed.getvalue()) if code == cli.OK else empty
