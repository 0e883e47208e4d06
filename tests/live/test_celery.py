"""The example consumer in real Celery workers: what `memguard report` says after a bounded number of tasks."""

from collections.abc import Iterator
from dataclasses import dataclass

import psutil
import pytest

from example_apps.commands import CELERY
from example_apps.servers import Servers
from tests.live.live import TASKS, Consumer, celery_worker, drive
from tests.live.reports import Report, accused, finding, marked_line

LEAK = f"{CELERY}.leak"
MODES = {"prefork": "trace", "threads": "watch", "solo": "watch", "gevent": "watch"}


@dataclass(frozen=True)
class Loaded:
    """A worker that is still running, and the report after its load."""

    pool: str
    consumer: Consumer
    report: Report


@pytest.fixture(scope="module", params=MODES)
def loaded(
    request: pytest.FixtureRequest, servers: Servers, broker_port: int, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    """A worker after a load of all tasks."""
    pool: str = request.param
    environ = {"MEMGUARD_MODE": MODES[pool], "MEMGUARD_OVERHEAD_BUDGET": "0.05", "MEMGUARD_TRACE_FRAMES": "3"}
    with celery_worker(servers, tmp_path_factory.mktemp(pool), broker_port, pool, **environ) as consumer:
        yield Loaded(pool, consumer, drive(consumer, LEAK, TASKS, "big"))


def test_every_worker_is_in_the_report(loaded: Loaded) -> None:
    """All processes that run tasks are listed as alive, with their pool."""
    workers = [worker for worker in loaded.report["workers"] if worker["alive"]]
    main = loaded.consumer.server.pid
    children = {child.pid for child in psutil.Process(main).children()}
    assert {worker["pid"] for worker in workers} == (children if loaded.pool == "prefork" else {main})
    assert {worker["server"] for worker in workers} == {f"celery-{loaded.pool}"}
    assert {worker["kind"] for worker in workers} == {"celery"}


def test_the_leak_is_named(loaded: Loaded) -> None:
    """The leaking task is found, with the class whose instances pile up."""
    found = finding(loaded.report, LEAK)
    assert found is not None, loaded.report["operations"]
    assert found["operation"]["kind"] == "task"
    assert f"{CELERY}.Delivery" in {entry["type"] for entry in found["types"]}


def test_nothing_else_is_accused(loaded: Loaded) -> None:
    """A cache at its cap, cycles, failures, retries and a big moment are no leaks."""
    assert accused(loaded.report) <= {("task", LEAK)}


def test_the_line_that_leaks_is_named(loaded: Loaded) -> None:
    """With tracing on, the finding leads to the very line that allocates what is kept."""
    if MODES[loaded.pool] != "trace":
        return
    found = finding(loaded.report, LEAK)
    assert found is not None
    site = found["sites"][0]
    path, line = marked_line("example_apps/celery_app/tasks.py")
    assert (site["file"], site["line"], site["function"]) == (str(path), line, "leak")


def test_every_run_is_counted_once(loaded: Loaded) -> None:
    """Each task has as many units as it was run, retries included, and errors only where it failed."""
    entries = {entry["name"]: entry for entry in loaded.report["operations"] if entry["kind"] == "task"}
    assert {name: entry["units"] for name, entry in entries.items()} == loaded.consumer.units
    errors = {name: entry["errors"] for name, entry in entries.items() if entry["errors"]}
    assert errors == {f"{CELERY}.boom": loaded.consumer.sent["boom"]}
