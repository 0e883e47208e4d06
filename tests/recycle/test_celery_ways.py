"""Everything a task may do ends as it would without memguard, while every process that runs one is soon replaced."""

import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from celery import chain, group
from celery.exceptions import SoftTimeLimitExceeded, TaskRevokedError, TimeLimitExceeded

from example_apps import commands
from example_apps.servers import Server, Servers, environment
from memguard.model import Stored
from memguard.store import open_file
from tests.recycle import celery_ways
from tests.recycle.celery_ways import app

APP = "tests.recycle.celery_ways"
SECONDS = 60
SETTINGS = {"RSS_HARD_CEILING": "130MB", "RECYCLE_MIN_UPTIME": "10ms", "RECYCLE_MIN_INTERVAL": "10ms"}

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Running:
    """A worker with two processes, and what they have told."""

    server: Server
    file: Path

    def stored(self) -> Stored:
        """Return what its processes have told."""
        store = open_file(self.file, "default")
        try:
            return store.read()
        finally:
            store.close()


@pytest.fixture(scope="module")
def worker(ways_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """A prefork worker that two tasks bring over its ceiling; at the end it has shown no failure of its own."""
    directory = tmp_path_factory.mktemp("ways")
    file, log = directory / "memguard.db", directory / "celery.log"
    with Servers() as servers:
        environ = {f"MEMGUARD_{name}": value for name, value in SETTINGS.items()}
        command = commands.celery("prefork")
        command[command.index("--app") + 1] = APP
        environ |= {"CELERY_BROKER_URL": ways_url, "MEMGUARD_STORE": str(file)}
        server = servers.start("celery", command, environ=environment(**environ), log=log)
        server.wait_until(lambda: commands.celery_ready(log), seconds=SECONDS)
        yield Running(server, file)
        servers.stop(server)
        app.control.purge()
        wrong = ("memguard failed", "WorkerLostError")
        assert [line for line in log.read_text().splitlines() if any(word in line for word in wrong)] == []


def busy(count: int = 4) -> None:
    """Have all processes of the worker replaced while something else waits."""
    group(celery_ways.add.s(number, 0) for number in range(count)).apply_async().get(SECONDS)


def test_group(worker: Running) -> None:
    """Each member has its own result, and every few of them another process."""
    made = group(celery_ways.add.s(number, 1) for number in range(24)).apply_async().get(SECONDS)

    assert [result for result, _ in made] == list(range(1, 25))
    assert len({pid for _, pid in made}) >= 5, "on a busy machine a process gets through more of them"
    recycles = [event.detail for _, event in worker.stored().events if event.type == "recycle"]
    assert len(recycles) >= 3
    assert all(detail["hard"] for detail in recycles)


def test_chord(worker: Running) -> None:
    """The body of a chord that a task has become runs once, with all results."""
    result, pids = celery_ways.split.apply_async((12,)).get(SECONDS)

    assert (result, len(pids)) == (sum(range(1, 13)), 12)
    assert len(set(pids)) >= 3, "both processes were replaced meanwhile, on a busy machine after some tasks only"


def test_chain(worker: Running) -> None:
    """Each link gets what the one before has made in another process."""
    made = chain(celery_ways.add.s(1, 1), *[celery_ways.more.s()] * 6).apply_async().get(SECONDS)

    assert made[0] == 8
    assert len(set(made[1])) >= 3


def test_retries(worker: Running) -> None:
    """A task that is retried runs as often as it asks for, in whichever process."""
    results = [celery_ways.again.apply_async() for _ in range(4)]

    assert [result.get(SECONDS) for result in results] == [3] * 4


def test_failure(worker: Running) -> None:
    """A failure is the task's own, with its message."""
    results = [celery_ways.fail.apply_async((str(number),)) for number in range(4)]

    for number, result in enumerate(results):
        with pytest.raises(ValueError, match=f"^{number}$"):
            result.get(SECONDS)


def test_time_limits(worker: Running) -> None:
    """Limits go on to be kept: the one that a task may catch, and the one at which its process is ended."""
    soft, hard = celery_ways.too_long.apply_async(), celery_ways.far_too_long.apply_async()
    with pytest.raises(SoftTimeLimitExceeded):
        soft.get(SECONDS)
    with pytest.raises(TimeLimitExceeded):
        hard.get(SECONDS)
    busy()


def test_later(worker: Running) -> None:
    """What is to run later waits in the worker while its processes are replaced, and runs."""
    result = celery_ways.add.apply_async((1, 2), countdown=2)
    busy()

    assert result.get(SECONDS)[0] == 3


def test_revoked(worker: Running) -> None:
    """What was revoked stays so: the worker's parent remembers, whatever becomes of its processes."""
    id_ = str(uuid.uuid4())
    app.control.revoke(id_)
    busy()
    result = celery_ways.add.apply_async((1, 2), task_id=id_)

    with pytest.raises(TaskRevokedError):
        result.get(SECONDS)


def test_no_result(worker: Running) -> None:
    """Tasks whose results nobody keeps are as good a reason to be replaced, and none of them is told as failed."""
    for _ in range(4):
        celery_ways.silent.apply_async()
    busy()

    told = [each for _, each in worker.stored().operations if each.judgement.operation.name.endswith("silent")]
    assert sum(each.errors for each in told) == 0
    assert told
