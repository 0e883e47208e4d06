"""Celery workers that leak past a real ceiling, over a real broker: every task runs once, whatever is replaced meanwhile."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from example_apps.servers import Servers
from memguard.store import open_file
from tests.recycle.celery_brokers import redis
from tests.recycle.celery_load import POOLS, Outcome, drive, watched

TASKS, RECYCLES = 600, 20
SECONDS = 150.0
"""Far more than it takes, for a machine that is busy with something else."""

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def servers() -> Iterator[Servers]:
    """Start servers here: whatever a test leaves running ends with the module."""
    with Servers() as started:
        yield started


@pytest.fixture(scope="module")
def broker(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> str:
    """A redis-server on loopback that keeps nothing."""
    return redis(servers, tmp_path_factory.mktemp("redis"))


@pytest.mark.parametrize("pool", POOLS)
def test_every_task_runs_once(servers: Servers, broker: str, tmp_path: Path, pool: str) -> None:
    """Acknowledged early or late, with its result kept or not: none is lost, repeated or failed; each recycle says why."""
    urls = (f"{broker}/{2 * POOLS.index(pool)}", f"{broker}/{2 * POOLS.index(pool) + 1}")
    outcome = drive(servers, tmp_path, *urls, watched(pool), tasks=TASKS, recycles=RECYCLES, seconds=SECONDS)

    assert outcome.sent >= TASKS
    assert len(outcome.gone) >= RECYCLES
    nothing_lost(outcome, tmp_path, pool)


WAYS = {
    "not rejected": ({"RECYCLE_REJECTS": "0"}, 200, 8),
    "spawned, not rejected": ({"RECYCLE_START": "spawn", "RECYCLE_REJECTS": "0"}, 80, 3),
}
"""The environment of a worker, and how many tasks and recycles there are to be: a process that is spawned takes seconds."""


@pytest.mark.parametrize("way", WAYS)
def test_other_ways_of_a_prefork_pool(servers: Servers, broker: str, tmp_path: Path, way: str) -> None:
    """Processes that are spawned leave as forked ones do, and nothing depends on what Celery does with lost processes.

    Without `task_reject_on_worker_lost` a task acknowledged late whose process is lost is lost with it: none is.
    """
    place = 2 * (len(POOLS) + list(WAYS).index(way))
    environ, tasks, recycles = WAYS[way]
    urls, mode = (f"{broker}/{place}", f"{broker}/{place + 1}"), watched("prefork", **environ)
    outcome = drive(servers, tmp_path, *urls, mode, tasks=tasks, recycles=recycles, seconds=2 * SECONDS)

    assert outcome.sent >= tasks
    assert len(outcome.gone) >= recycles
    nothing_lost(outcome, tmp_path, "prefork")


def nothing_lost(outcome: Outcome, place: Path, pool: str) -> None:
    """Fail if a task was lost, repeated or failed, or a process left without a reason that was told."""
    assert outcome.losses == ""
    assert set(outcome.codes) <= {0}
    store = open_file(place / "memguard.db", "default")
    stored = store.read()
    store.close()
    recycles = {worker.pid: event.detail for worker, event in stored.events if event.type == "recycle"}
    assert outcome.gone <= recycles.keys() <= outcome.pids
    assert all(detail["used_bytes"] > detail["ceiling_bytes"] for detail in recycles.values())
    assert {worker.server for worker in stored.workers} == {f"celery-{pool}"}
    log = (place / "celery.log").read_text()
    assert not [word for word in ("memguard failed", "WorkerLostError", "Traceback") if word in log]
