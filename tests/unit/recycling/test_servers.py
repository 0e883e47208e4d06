import os
import signal
from importlib import import_module
from typing import Any

import pytest

from memguard.recycling.servers import UNKNOWN, detect
from tests.unit.store.children import ended_well, forked


def gunicorn_worker(module: str, name: str) -> Any:
    """Return a worker of gunicorn's as its arbiter makes it, just before it serves."""
    base = import_module("gunicorn.app.base")

    class Application(base.BaseApplication):  # type: ignore[name-defined]  # a module imported by its name
        def load_config(self) -> None:
            pass

    worker = getattr(import_module(module), name)(1, 0, [], None, 30, Application().cfg, None)
    worker.PIPE = os.pipe2(os.O_NONBLOCK)
    return worker


def test_no_server() -> None:
    """A process that no known server runs says so; the test's own is one."""
    assert detect() == UNKNOWN


def test_a_server_that_is_only_imported() -> None:
    """Modules of a server alone do not make a process a worker of it, nor does a handler of the host's own."""

    class Host:
        def stop(self, *_: object) -> None:
            pass

    def child() -> None:
        for module in ("gunicorn.arbiter", "gunicorn.workers.base", "uvicorn.server"):
            import_module(module)
        assert detect() == UNKNOWN
        for handler in (Host().stop, lambda *_: None, signal.SIG_IGN):
            signal.signal(signal.SIGTERM, handler)
            assert detect() == UNKNOWN

    assert ended_well(forked(child))


@pytest.mark.parametrize(
    ("module", "name", "expected"),
    [
        ("gunicorn.workers.sync", "SyncWorker", "gunicorn-sync"),
        ("gunicorn.workers.gthread", "ThreadWorker", "gunicorn-gthread"),
        ("gunicorn.workers.ggevent", "GeventWorker", "gunicorn-gevent"),
    ],
)
def test_gunicorn_workers(module: str, name: str, expected: str) -> None:
    """A gunicorn worker is known by its class, once it has taken the signals that it serves by."""

    def child() -> None:
        worker = gunicorn_worker(module, name)
        assert detect() == UNKNOWN
        worker.init_signals()
        assert detect() == expected

    assert ended_well(forked(child))


def test_a_class_of_the_hosts_own() -> None:
    """A worker class that the host derived is named after its module."""

    def child() -> None:
        worker = gunicorn_worker("gunicorn.workers.sync", "SyncWorker")
        worker.__class__ = type("Mine", (type(worker),), {"__module__": "shop.workers"})
        worker.init_signals()
        assert detect() == "gunicorn-workers"

    assert ended_well(forked(child))


@pytest.mark.parametrize(
    ("imported", "expected"),
    [
        ([], "uvicorn"),
        (["gunicorn"], "uvicorn"),
        (["gunicorn.arbiter", "gunicorn.workers.base"], "gunicorn-uvicorn"),
    ],
    ids=["alone", "beside an installed gunicorn", "inside a gunicorn worker"],
)
def test_uvicorn(imported: list[str], expected: str) -> None:
    """It is known while it serves, by itself or, where gunicorn's arbiter made the process, as gunicorn's worker."""

    def child() -> None:
        uvicorn = import_module("uvicorn")
        for module in imported:
            import_module(module)
        server = uvicorn.Server(uvicorn.Config(lambda: None))
        assert detect() == UNKNOWN
        with server.capture_signals():
            assert detect() == expected
        assert detect() == UNKNOWN

    assert ended_well(forked(child))
