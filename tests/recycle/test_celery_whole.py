"""Ways a run may go where the whole worker leaves, in the pools whose tasks run in it, and a supervisor starts the next one."""

import sys
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from example_apps import commands
from example_apps.servers import Servers, environment
from memguard.store import open_file
from tests.live.live import eventually
from tests.recycle import celery_ways
from tests.recycle.celery_ways import app

SECONDS = 90
POOLS = ("threads", "gevent", "solo")
SETTINGS = {
    "RSS_HARD_CEILING": "170MB", "RECYCLE_MIN_UPTIME": "10ms", "RECYCLE_MIN_INTERVAL": "10ms", "SUPERVISED": "yes",
}  # fmt: skip
NOTE = "--statedb"

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Lone:
    """The only worker of its queue, started again and again."""

    place: Path

    @property
    def codes(self) -> list[str]:
        """How each that has ended did so."""
        file = self.place / "codes"
        return file.read_text().split() if file.exists() else []

    def notes(self) -> str:
        """Return what all of them have noted."""
        store = open_file(self.place / "memguard.db", "default")
        try:
            return "\n".join(note for state in store.read().workers for note in state.notes)
        finally:
            store.close()

    def lines(self, word: str) -> list[str]:
        """Return what the log says of something."""
        return [line for line in (self.place / "log").read_text(errors="replace").splitlines() if word in line]

    def is_replaced(self) -> None:
        """Have it run tasks until another one has come."""
        before = len(self.codes)

        def ran() -> bool:
            celery_ways.add.apply_async((1, 1)).get(SECONDS)
            return len(self.codes) > before

        eventually(ran, "the worker to be replaced", SECONDS)


Start = Callable[..., AbstractContextManager[Lone]]


@pytest.fixture(scope="module")
def start(ways_url: str) -> Iterator[Start]:
    """Start a worker that a few tasks bring over its ceiling; at its end it has ended in order each time."""
    with Servers() as servers:

        @contextmanager
        def starting(place: Path, pool: str, *options: str) -> Iterator[Lone]:
            environ = {f"MEMGUARD_{name}": value for name, value in SETTINGS.items()}
            environ |= {"CELERY_BROKER_URL": ways_url, "MEMGUARD_STORE": str(place / "memguard.db")}
            command = [
                sys.executable, "-m", "tests.recycle.celery_supervisor", "tests.recycle.celery_ways", str(place / "codes"),
                "1", "worker", "--pool", pool, "--concurrency", "2", "--loglevel", "INFO", *options,
            ]  # fmt: skip
            log = place / "log"
            server = servers.start(f"celery-{pool}", command, environ=environment(**environ), log=log)
            lone = Lone(place)
            try:
                server.wait_until(lambda: commands.celery_ready(log), seconds=SECONDS)
                yield lone
                assert set(lone.codes) <= {"0"}
            finally:
                servers.stop(server)
                app.control.purge()
            assert "memguard failed" not in log.read_text()

        yield starting


@pytest.mark.parametrize("pool", POOLS)
def test_ways_of_a_run(start: Start, tmp_path: Path, pool: str) -> None:
    """A chord's members and its body, retries, and a task for later each end once, while one worker comes after the other."""
    with start(tmp_path, pool) as lone:
        later = celery_ways.add.apply_async((1, 2), countdown=3)
        retried = [celery_ways.again.apply_async() for _ in range(2)]
        made, pids = celery_ways.split.apply_async((8,)).get(SECONDS)
        results = [result.get(SECONDS) for result in retried]
        last = later.get(SECONDS)
        ended = len(lone.codes)

    assert (made, len(pids)) == (sum(range(1, 9)), 8)
    assert results == [3, 3]
    assert last[0] == 3
    assert ended >= 1, "it was replaced meanwhile"


@pytest.mark.parametrize("is_kept", [False, True], ids=["in memory", "--statedb"])
def test_revoked_while_the_worker_is_replaced(start: Start, tmp_path: Path, is_kept: bool) -> None:
    """What a lone worker was told to refuse it forgets with its end, and says so, unless Celery keeps that in a file."""
    options = ("--statedb", str(tmp_path / "state")) if is_kept else ()
    with start(tmp_path, "threads", *options) as lone:
        id_ = str(uuid.uuid4())

        def is_known() -> bool:
            app.control.revoke(id_)  # whoever does not listen yet is not told later
            return id_ in str(app.control.inspect(timeout=2).revoked())

        eventually(is_known, "the worker to know it", SECONDS)
        lone.is_replaced()
        celery_ways.add.apply_async((1, 2), task_id=id_)
        said = eventually(
            lambda: [line for line in lone.lines(id_) if "succeeded" in line or "Discarding" in line], "its end"
        )
        notes = lone.notes()

    assert ["Discarding revoked task" in line for line in said] == [is_kept]
    assert (NOTE in notes) == (not is_kept)
