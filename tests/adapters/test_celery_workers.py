"""The Celery adapter in real workers of every pool, over a real broker, beside workers that nobody watches."""

import json
import subprocess
import sys
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
import pytest
from celery import Celery

from example_apps import commands
from example_apps.servers import Server, ServerError, Servers, environment, free_port
from memguard.model import Stored
from tests.adapters.truth import eventually
from tests.stored import read_stored

TASKS = "tests.adapters.celery_tasks"
POOLS = ("prefork", "threads", "solo", "gevent")
SECONDS = 60

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Worker:
    """A running worker with whoever sends to it."""

    pool: str
    server: Server
    store: Path
    sender: Celery

    def send(self, task: str, *args: Any, **options: Any) -> Any:
        """Send a task and return its result to come."""
        return self.sender.send_task(f"{TASKS}.{task}", args, **options)

    def outcome(self, task: str, *args: Any) -> tuple[str, str]:
        """Return state and result of a task that was sent and has ended."""
        result = self.send(task, *args)
        value = result.get(timeout=SECONDS, propagate=False)
        return result.state, repr(value)

    def stored(self) -> Stored:
        """Return what its processes have told."""
        return read_stored(self.store, "contract")

    def counts(self) -> dict[str, tuple[int, int]]:
        """Return units and errors of each task, over all its processes."""
        found: dict[str, tuple[int, int]] = {}
        for _, each in self.stored().operations:
            name = each.judgement.operation.name.removeprefix(f"{TASKS}.")
            units, errors = found.get(name, (0, 0))
            found[name] = units + each.units, errors + each.errors
        return found


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Start servers here: whatever a test leaves running ends with the module."""
    with Servers() as started:
        yield started


@pytest.fixture(scope="module")
def broker(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A redis-server on loopback that keeps nothing."""
    directory = tmp_path_factory.mktemp("redis")
    port = free_port()
    redis = servers.start("redis", commands.redis(port, directory), environ={}, log=directory / "redis.log")
    redis.wait_until(lambda: commands.redis_answers(port), seconds=20)
    return f"redis://127.0.0.1:{port}"


Start = Callable[..., Worker]


@pytest.fixture
def start(servers: Servers, broker: str, tmp_path: Path) -> Iterator[Start]:
    """Start workers, each with a database of the broker of its own."""
    started: list[Worker] = []

    def start(pool: str, **environ: str) -> Worker:
        number = len(started)
        directory = tmp_path / str(number)
        directory.mkdir()
        url, store, log = f"{broker}/{number}", directory / "memguard.db", directory / "celery.log"
        environ = {"CELERY_BROKER_URL": url, "MEMGUARD_STORE": str(store), **environ}
        command = commands.celery(pool)
        command[command.index("--app") + 1] = TASKS
        command += ["--hostname", f"{number}@%h"]
        server = servers.start(f"celery-{number}", command, environ=environment(**environ), log=log)
        sender = Celery("contract", broker=url, backend=url, set_as_current=False)
        started.append(Worker(pool, server, store, sender))
        return started[-1]

    yield start
    for worker in started:
        worker.sender.control.purge()
        if worker.server in servers.running:
            servers.stop(worker.server)
        worker.sender.close()


def ready(worker: Worker) -> None:
    """Wait until a worker takes tasks."""
    worker.server.wait_until(lambda: commands.celery_ready(worker.server.log), seconds=SECONDS)


@pytest.mark.parametrize("pool", POOLS)
def test_contract(start: Start, servers: Servers, pool: str) -> None:
    """Whoever waits for a task gets the same with and without memguard: result, exception, retries; all is counted."""
    bare, watched = start(pool, CONTRACT_WATCHED="0"), start(pool)
    ready(bare)
    ready(watched)
    asked: list[tuple[Any, ...]] = [("add", 1, 2), ("fail", "a", "b"), ("again",), ("in_vain",), ("outer",)]
    expected = {"add": (1, 0), "fail": (1, 1), "again": (3, 0), "in_vain": (2, 1), "outer": (1, 0)}
    if pool == "prefork":
        asked.append(("too_long",))
        expected["too_long"] = (1, 1)
    for each in asked:
        assert watched.outcome(*each) == bare.outcome(*each)
    for without_result in ("ignored", "rejected"):
        watched.send(without_result)
        expected[without_result] = (1, 0)

    eventually(watched.counts, expected)
    workers = watched.stored().workers
    assert {(each.kind, each.server) for each in workers} == {("celery", f"celery-{pool}")}
    assert sum(each.in_flight for each in workers) == 0
    pids = {each.id.pid for each in workers}
    children = {child.pid for child in psutil.Process(watched.server.pid).children()}
    assert pids <= children if pool == "prefork" else pids == {watched.server.pid}
    assert bare.stored() == Stored()

    servers.stop(watched.server)
    assert {each.state for each in watched.stored().workers} == {"stopped"}
    assert "memguard failed" not in watched.server.log.read_text()


def test_spawned_processes(start: Start) -> None:
    """A pool whose processes are spawned, and import the application anew, is watched as one whose are forked."""
    worker = start("prefork", CONTRACT_START="spawn")
    ready(worker)
    assert worker.outcome("add", 1, 2) == ("SUCCESS", "3")
    assert worker.outcome("again") == ("SUCCESS", "2")

    eventually(worker.counts, {"add": (1, 0), "again": (3, 0)})
    assert {each.server for each in worker.stored().workers} == {"celery-prefork"}


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_inspect(start: Start, pool: str) -> None:
    """`celery inspect memguard` has each worker tell of its own processes, and of no other's."""
    worker = start(pool)
    other = start(pool, CELERY_BROKER_URL=str(worker.sender.conf.broker_url), MEMGUARD_STORE=str(worker.store))
    ready(worker)
    ready(other)
    results = [worker.send("add", number, 1) for number in range(20)]
    for result in results:
        result.get(timeout=SECONDS)
    eventually(worker.counts, {"add": (20, 0)})
    command = [sys.executable, "-m", "celery", "--app", TASKS, "inspect", "memguard", "--json", "--timeout", "20"]
    environ = environment(CELERY_BROKER_URL=str(worker.sender.conf.broker_url))
    asked = subprocess.run(command, env=environ, capture_output=True, text=True, check=True, timeout=SECONDS)
    told = list(json.loads(asked.stdout).values())

    assert {each["answered_by"]["pid"] for each in told} == {worker.server.pid, other.server.pid}
    for each in told:
        main = each["answered_by"]["pid"]
        children = {child.pid for child in psutil.Process(main).children()}
        assert {row["pid"] for row in each["workers"]} <= (children if pool == "prefork" else {main})
        assert {row["name"] for row in each["operations"]} <= {f"{TASKS}.add"}
    assert sum(row["units"] for each in told for row in each["operations"]) == 20


@pytest.mark.parametrize("pool", ["prefork", "gevent"])
def test_terminated(start: Start, pool: str) -> None:
    """A run that is revoked while it goes on ends its unit, or takes it along with its process; others go on."""
    worker = start(pool)
    ready(worker)
    result = worker.send("endless")
    eventually(lambda: sum(each.in_flight for each in worker.stored().workers), 1)
    worker.sender.control.revoke(result.id, terminate=True)
    eventually(lambda: result.state, "REVOKED")
    assert worker.outcome("add", 1, 2) == ("SUCCESS", "3")

    def in_flight() -> int:
        return sum(each.in_flight for each in worker.stored().workers if psutil.pid_exists(each.id.pid))

    eventually(in_flight, 0)


def test_revoked_before_it_ran(start: Start) -> None:
    """A run that is revoked before it began never was a unit."""
    worker = start("solo")
    ready(worker)
    id_ = str(uuid.uuid4())
    worker.sender.control.revoke(id_)
    result = worker.send("fail", task_id=id_)
    eventually(lambda: result.state, "REVOKED")
    assert worker.outcome("add", 1, 2) == ("SUCCESS", "3")

    eventually(worker.counts, {"add": (1, 0)})


def test_one_id_twice_at_the_same_time(start: Start) -> None:
    """A task that is delivered twice is two units in two threads, and both end."""
    worker = start("threads")
    ready(worker)
    results = [worker.send("meet", task_id="the same") for _ in range(2)]
    results[0].get(timeout=SECONDS)

    eventually(worker.counts, {"meet": (2, 0)})
    assert sum(each.in_flight for each in worker.stored().workers) == 0


@pytest.mark.parametrize("pool", ["prefork", "solo"])
def test_wrong_configuration(start: Start, pool: str) -> None:
    """A worker whose configuration is wrong does not start, and says why."""
    worker = start(pool, CONTRACT_CEILING="512 bananas")
    with pytest.raises(ServerError, match="ended with exit code 1") as caught:
        ready(worker)

    assert "memguard setting rss_ceiling='512 bananas': expected" in str(caught.value)
    assert "Traceback" not in str(caught.value)
