"""Celery workers as servers: which can be asked to leave, which not and why, and how a warm shutdown is asked for."""

import gc
import threading
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from celery import Celery
from celery.worker import state

from memguard.recycling.servers.celery import Process
from memguard.recycling.servers.celery_prefork import UNPREPARED, PreforkChild
from memguard.settings import Settings
from tests.unit.store.children import ended_well, forked

LEAVES = Settings.load({"rss_ceiling": "300MB", "supervised": True}, environ={})


def app() -> Celery:
    """Return an application with a broker in memory."""
    return Celery("shop", broker="memory://", set_as_current=False)


def worker(pool: Any = "solo", *, program: bool = True) -> Any:
    """Return a worker as the command makes it, or as a test of a host's makes it in its own process."""
    make = app().Worker if program else app().WorkController
    return make(hostname="shop@here", pool=pool, quiet=True)


def child(task: Callable[[], object]) -> None:
    """Do it in a child: to make a worker changes the process."""

    def quietly() -> None:
        warnings.simplefilter("ignore")  # of the superuser, as whom tests may run
        task()

    assert ended_well(forked(quietly))


@pytest.mark.parametrize("pool", ["solo", "threads"])
def test_a_worker_under_a_supervisor(pool: str) -> None:
    """It can leave if a supervisor was declared, and by a warm shutdown; else it says what is missing."""

    def check() -> None:
        process, made = Process(), worker(pool)
        process.has_worker(made)
        server = process.server()
        assert server.name == f"celery-{pool}"
        assert server.refusal(supervised=True) == ""
        assert "supervised=True" in server.refusal(supervised=False)
        assert (server.leaves_with_its_unit, server.keeps_listening, server.connections()) == (True, True, 0)
        assert process.notes(Settings()) == ()
        server.stop_accepting()
        assert state.should_stop is None
        server.leave()
        assert state.should_stop == 0

    child(check)


def test_what_it_forgets() -> None:
    """Where the whole worker is to be replaced, and no file has what was revoked, its notes say so."""

    def check() -> None:
        process, made = Process(), worker()
        process.has_worker(made)
        (note,) = process.notes(LEAVES)
        assert "--statedb" in note
        assert (
            process.notes(replace(LEAVES, supervised=False)) == process.notes(replace(LEAVES, rss_ceiling=None)) == ()
        )
        made.statedb = "state"
        assert process.notes(LEAVES) == ()

    child(check)


def test_a_shutdown_under_way() -> None:
    """One that was asked for already, with a code of its own, is left as it is."""

    def check() -> None:
        process, made = Process(), worker()
        process.has_worker(made)
        state.should_stop = 7
        process.server().leave()
        assert state.should_stop == 7

    child(check)


def test_embedded_workers() -> None:
    """A worker inside a program of something else, or in a thread of it, is not asked: the program would go on."""

    def check() -> None:
        process, made = Process(), worker(program=False)
        process.has_worker(made)
        assert "embedded" in process.server().refusal(supervised=True)

        threaded, made = Process(), worker()
        thread = threading.Thread(target=threaded.has_worker, args=(made,))
        thread.start()
        thread.join()
        assert "embedded" in threaded.server().refusal(supervised=True)

    child(check)


def test_a_pool_of_the_hosts_own() -> None:
    """A pool that nobody has tried is named after its module, and not asked."""

    def check() -> None:
        from celery.concurrency.solo import TaskPool

        process, made = Process(), worker(type("TaskPool", (TaskPool,), {"__module__": "shop.thread"}))
        process.has_worker(made)
        assert process.server().name == "celery-thread"
        assert "never seen" in process.server().refusal(supervised=True)

    child(check)


def test_another_celery() -> None:
    """Where the flag by which a worker shuts down is not looked at, it is not set."""

    def check() -> None:
        process, made = Process(), worker()
        process.has_worker(made)
        state.maybe_shutdown = lambda: None
        assert "otherwise" in process.server().refusal(supervised=True)

    child(check)


def test_no_worker() -> None:
    """A process that runs tasks without a worker that is known, or whose worker is gone, says so."""

    def check() -> None:
        process = Process()
        assert process.server().name == "celery-unknown"
        made = worker()
        process.has_worker(made)
        del made
        gc.collect()
        assert "does not know the Celery worker" in process.server().refusal(supervised=True)

    child(check)


def test_a_pool_process_that_was_not_prepared() -> None:
    """A process of a pool whose start nobody told of is not asked, and says why."""
    import billiard

    def look(result: Any) -> None:
        process = Process()
        server = process.server()
        assert isinstance(server, PreforkChild)
        result.put((server.name, server.refusal(supervised=True)))
        server.leave()

    def check() -> None:
        result = billiard.Queue()
        pool_process = billiard.Process(target=_Pretended(look, result))
        pool_process.start()
        assert result.get() == ("celery-prefork", UNPREPARED)
        pool_process.join()

    child(check)


class _Pretended:
    """What billiard's worker is to its process, as far as it matters here."""

    def __new__(cls, look: Callable[[Any], None], result: Any) -> Any:
        """Return a worker that only looks."""
        import billiard.pool

        return object.__new__(type("Looking", (billiard.pool.Worker,), {"__call__": lambda self: look(result)}))


@pytest.mark.parametrize(("autoscale", "workers"), [(None, 3), ("4,2", None)])
def test_how_many_processes(autoscale: str | None, workers: int | None) -> None:
    """A pool has as many processes as its concurrency says, unless that changes by itself."""

    def check() -> None:
        made = app().Worker(hostname="shop@here", pool="prefork", concurrency=3, autoscale=autoscale, quiet=True)
        process = Process()
        process.has_worker(made)
        assert process._concurrency() == workers

    child(check)
