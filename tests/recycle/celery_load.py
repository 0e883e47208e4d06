"""Load for a Celery worker whose processes are replaced meanwhile, and what became of every single task."""

import contextlib
import random
import sys
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psutil
from celery import Celery
from celery.result import AsyncResult

from example_apps import commands
from example_apps.servers import Server, Servers, environment
from tests.recycle.celery_tasks import VARIANTS

TASKS = "tests.recycle.celery_tasks"
QUEUE = "celery"
SLOW_SHARE = 0.12
SECONDS_TO_START = 60.0
SECONDS_FOR_A_RESULT = 60.0
SECONDS_BETWEEN_LOOKS = 0.1
LEAK_BYTES = 5_000_000
CEILING_BYTES = 120_000_000
"""A worker begins with half of that; it has leaked the other half after a dozen tasks."""
BATCH = 60
"""So many tasks are sent whenever fewer than that wait."""
CONCURRENCY = {"prefork": 6, "threads": 4, "gevent": 4, "solo": 1}
POOLS = tuple(CONCURRENCY)
WORKERS = 4
"""Where nothing of Celery's replaces a process, so many workers run under one supervisor."""


@dataclass(frozen=True)
class Mode:
    """How a worker runs.

    Attributes:
        pool: As `celery worker --pool` names it.
        options: More options of `celery worker`.
        leaks: Bytes that each task leaves.
        environ: The worker's environment: memguard's settings, without which it is not watched, or a way of its own.
    """

    pool: str
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    leaks: int = LEAK_BYTES

    @property
    def is_watched(self) -> bool:
        """Whether memguard watches it."""
        return any(name.startswith("MEMGUARD_") for name in self.environ)

    @property
    def is_prefork(self) -> bool:
        """Whether its pool replaces its own processes; else a supervisor has to start the whole worker again."""
        return self.pool == "prefork"


def watched(pool: str, **environ: str) -> Mode:
    """Return the mode in which memguard replaces processes as often as it can: without brakes, by a ceiling soon met."""
    settings = {
        "RSS_CEILING": str(CEILING_BYTES), "RECYCLE_SAMPLES": "1", "RECYCLE_CONCURRENCY": "8", "RECYCLE_MIN_UPTIME": "10ms",
        "RECYCLE_MIN_INTERVAL": "10ms", "SUPERVISED": "yes",
    }  # fmt: skip
    return Mode(pool, environ={**{f"MEMGUARD_{name}": value for name, value in settings.items()}, **environ})


@dataclass(frozen=True)
class Outcome:
    """What became of the tasks of one load.

    Attributes:
        sent: How many there were.
        lost: Those that no process ran, or whose result was not what they returned.
        repeated: Those that ran more than once.
        failed: What Celery said had failed, with the kind of failure.
        left: Messages that are still in the broker.
        pids: The processes that ran tasks.
        gone: Those of them that are gone before anybody has stopped the worker.
        codes: Exit codes of whole workers that ended before that.
        seconds: From the first send until all were done.
    """

    sent: int
    lost: tuple[str, ...]
    repeated: tuple[str, ...]
    failed: Mapping[str, str]
    left: int
    pids: frozenset[int]
    gone: frozenset[int]
    codes: tuple[int, ...]
    seconds: float

    @property
    def losses(self) -> str:
        """What went wrong in words, empty where nothing did."""
        return ", ".join(
            f"{len(what)} {how} ({', '.join(sorted(what)[:3])}…)"
            for how, what in (("lost", self.lost), ("repeated", self.repeated), ("failed", self.failed))
            if what
        ) + (f", {self.left} left in the broker" if self.left else "")


@dataclass
class Consumer:
    """A running worker, or its supervisor, with whoever sends to it and what was sent.

    Attributes:
        sent: The variant of each task, its result to come, and what it returns.
    """

    server: Server
    sender: Celery
    journal: Path
    codes: Path
    sent: list[tuple[str, AsyncResult, int]] = field(default_factory=list)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def send(self, count: int) -> None:
        """Send that many more tasks, of all variants in turn."""
        names = list(VARIANTS)
        with self.sender.pool.acquire(block=True) as connection:
            producer = self.sender.amqp.Producer(connection)
            for number in range(len(self.sent), len(self.sent) + count):
                name = names[number % len(names)]
                result = self.sender.send_task(
                    name,
                    (number,),
                    {"slow": self.chance.random() < SLOW_SHARE},
                    producer=producer,
                    ignore_result=VARIANTS[name]["ignore_result"],
                )
                self.sent.append((name, result, number))

    def runs(self) -> tuple[Counter[str], set[int], dict[str, str]]:
        """Return how often each task has run, the processes that ran them, and the failures."""
        runs: Counter[str] = Counter()
        pids: set[int] = set()
        failed = {}
        told = self.journal.read_text() if self.journal.exists() else ""
        for line in told[: told.rfind("\n") + 1].splitlines():  # the last one may be half there
            event, id_, pid, *words = line.split()
            if event == "ran":
                runs[id_] += 1
                pids.add(int(pid))
            else:
                failed[id_] = " ".join(words)
        return runs, pids, failed

    def load(self, tasks: int, recycles: int, seconds: float) -> float:
        """Keep the workers busy until so many tasks have run and so many processes are gone; return the seconds it took.

        Once the seconds are over no more tasks are sent; those that are not done by then have as long again.
        """
        begun = time.monotonic()
        while True:
            runs, pids, failed = self.runs()
            took = time.monotonic() - begun
            waiting = len(self.sent) - len(runs.keys() | failed.keys())
            is_enough = len(self.sent) >= tasks and len(_gone(pids)) >= recycles
            if took > 2 * seconds or (waiting <= 0 and (is_enough or took > seconds)):
                return took
            if waiting < BATCH and not is_enough and took < seconds:
                self.send(BATCH)
            self.server.check()
            time.sleep(SECONDS_BETWEEN_LOOKS)


@contextlib.contextmanager
def consumer(servers: Servers, directory: Path, broker: str, backend: str, mode: Mode) -> Iterator[Consumer]:
    """Run a worker until the block ends, with its results in a backend and its journal in the directory."""
    journal, codes, log = directory / "journal", directory / "codes", directory / "celery.log"
    environ = environment(
        CELERY_BROKER_URL=broker, RECYCLE_BACKEND=backend, RECYCLE_JOURNAL=str(journal),
        RECYCLE_WATCHED="1" if mode.is_watched else "0", RECYCLE_LEAK_BYTES=str(mode.leaks), MEMGUARD_STORE=str(directory / "memguard.db"), **mode.environ,
    )  # fmt: skip
    arguments = [
        "worker", "--pool", mode.pool, "--concurrency", str(CONCURRENCY[mode.pool]),
        "--loglevel", "INFO", "--without-gossip", "--without-mingle", *mode.options,
    ]  # fmt: skip
    command = (
        [sys.executable, "-m", "celery", "--app", TASKS, *arguments]
        if mode.is_prefork
        else [sys.executable, "-m", "tests.recycle.celery_supervisor", TASKS, str(codes), str(WORKERS), *arguments]
    )
    server = servers.start(f"celery-{mode.pool}", command, environ=environ, log=log)
    sender = Celery("sender", broker=broker, backend=backend, set_as_current=False)
    try:
        server.wait_until(lambda: commands.celery_ready(log), seconds=SECONDS_TO_START)
        yield Consumer(server, sender, journal, codes)
    finally:
        if server in servers.running:
            servers.stop(server)
        sender.control.purge()
        sender.close()


def drive(
    servers: Servers,
    directory: Path,
    broker: str,
    backend: str,
    mode: Mode,
    *,
    tasks: int,
    recycles: int,
    seconds: float,
) -> Outcome:
    """Run a worker under load until enough tasks have run and enough of its processes are gone, then stop it in order.

    After `seconds` no more is sent, whatever is missing. Broker and backend are URLs; the directory keeps what is told.
    """
    with consumer(servers, directory, broker, backend, mode) as running:
        took = running.load(tasks, recycles, seconds)
        results = {result.id: _value(result) for name, result, _ in running.sent if not VARIANTS[name]["ignore_result"]}
        gone = _gone(running.runs()[1])
        codes = tuple(map(int, running.codes.read_text().split())) if running.codes.exists() else ()
        servers.stop(running.server)
        left = _messages(running.sender)
        runs, pids, failed = running.runs()
    names = {result.id: f"{name} {number}" for name, result, number in running.sent}
    wrong = {result.id for _, result, number in running.sent if results.get(result.id, number) != number}
    return Outcome(
        sent=len(names),
        lost=tuple(name for id_, name in names.items() if id_ not in runs or id_ in wrong),
        repeated=tuple(name for id_, name in names.items() if runs[id_] > 1),
        failed={names.get(id_, id_): kind for id_, kind in failed.items()},
        left=left,
        pids=frozenset(pids),
        gone=gone,
        codes=codes,
        seconds=took,
    )


def _gone(pids: set[int]) -> frozenset[int]:
    return frozenset(pid for pid in pids if not psutil.pid_exists(pid))


def _value(result: AsyncResult) -> object:
    """Return what a task returned, None where nothing or a failure is known of it."""
    try:
        return result.get(timeout=SECONDS_FOR_A_RESULT)
    except Exception:
        return None


def _messages(sender: Celery) -> int:
    """Return how many messages the broker still holds, of those that some worker took and never acknowledged, too."""
    with sender.connection_for_read() as connection:
        channel = connection.default_channel
        waiting: int = channel.queue_declare(QUEUE, durable=True, auto_delete=False).message_count
        unacknowledged = channel.client.hlen(channel.unacked_key) if hasattr(channel, "unacked_key") else 0
    return waiting + int(unacknowledged)
