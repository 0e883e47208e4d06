import logging
import os
import signal
import threading
from collections import deque
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pytest

from memguard.recycling.servers import UNKNOWN, detect
from tests.unit.store.children import ended_well, forked

GTHREAD = ("gunicorn.workers.gthread", "ThreadWorker")


def gunicorn_worker(module: str, name: str, **options: object) -> Any:
    """Return a worker of gunicorn's as its arbiter makes it, just before it serves."""
    base = import_module("gunicorn.app.base")

    class Application(base.BaseApplication):  # type: ignore[name-defined]  # a module imported by its name
        def load_config(self) -> None:
            for option, value in options.items():
                self.cfg.set(option, value)

    worker = getattr(import_module(module), name)(1, os.getppid(), [], None, 30, Application().cfg, logs())
    worker.PIPE = os.pipe2(os.O_NONBLOCK)
    return worker


def logs() -> Any:
    """Return what a worker takes for its log."""
    return SimpleNamespace(error_log=logging.getLogger("error"), access_log=logging.getLogger("access"))


def uvicorn_server(**options: Any) -> Any:
    """Return a server of uvicorn's that has started, as far as its parts go."""
    uvicorn = import_module("uvicorn")
    server = uvicorn.Server(uvicorn.Config("nowhere:app", **options))
    server.servers, server.started = [], True
    return server


def test_no_server() -> None:
    """A process that no known server runs says so; the test's own is one."""
    assert detect().name == UNKNOWN


def test_a_server_that_is_only_imported() -> None:
    """Modules of a server alone do not make a process a worker of it, nor does a handler of the host's own."""

    class Host:
        def stop(self, *_: object) -> None:
            pass

    def child() -> None:
        for module in ("gunicorn.arbiter", "gunicorn.workers.base", "uvicorn.server"):
            import_module(module)
        assert detect().name == UNKNOWN
        for handler in (Host().stop, lambda *_: None, signal.SIG_IGN):
            signal.signal(signal.SIGTERM, handler)
            assert detect().name == UNKNOWN

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
        assert detect().name == UNKNOWN
        worker.init_signals()
        assert detect().name == expected

    assert ended_well(forked(child))


@pytest.mark.parametrize(
    ("members", "reason"),
    [({}, ""), ({"run": lambda _: None}, "does not know how gunicorn's worker class Mine serves")],
)
def test_a_class_of_the_hosts_own(members: dict[str, Any], reason: str) -> None:
    """A class that the host derived is named after its module; one with a main loop of its own is asked for nothing."""

    def child() -> None:
        worker = gunicorn_worker("gunicorn.workers.sync", "SyncWorker")
        worker.__class__ = type("Mine", (type(worker),), {"__module__": "shop.workers", **members})
        worker.init_signals()
        assert detect().name == "gunicorn-workers"
        refusal = detect().refusal(supervised=True)
        assert reason in refusal
        assert bool(refusal) == bool(reason)

    assert ended_well(forked(child))


def test_a_class_of_somebody_elses() -> None:
    """A worker class that memguard does not know is asked for nothing."""

    def child() -> None:
        base = import_module("gunicorn.workers.base")
        worker = gunicorn_worker("gunicorn.workers.base", "Worker")
        worker.__class__ = type("Tornado", (base.Worker,), {"__module__": "gunicorn.workers.gtornado"})
        worker.init_signals()
        assert detect().name == "gunicorn-tornado"
        assert "does not know how gunicorn's worker class Tornado serves" in detect().refusal(supervised=True)

    assert ended_well(forked(child))


@pytest.mark.parametrize(("module", "name"), [("gunicorn.workers.sync", "SyncWorker"), GTHREAD])
@pytest.mark.parametrize(
    ("options", "changes", "reason"),
    [
        ({}, {}, ""),
        ({"reload": True}, {}, "runs with `reload`"),
        ({"reuse_port": True}, {}, "runs with `reuse_port`"),
        ({}, {"ppid": 1}, "gunicorn's arbiter is gone"),
        ({}, {"alive": None}, "not built as memguard knows it ('alive' missing"),
        ({}, {"cfg": None}, "gunicorn's configuration is not built"),
    ],
    ids=["as it is", "reloader", "own sockets", "orphan", "no flag", "no configuration"],
)
def test_what_gunicorn_refuses(
    module: str, name: str, options: dict[str, object], changes: dict[str, object], reason: str
) -> None:
    """A worker is asked to leave only where a replacement is sure, and where it is built as memguard knows it."""

    def child() -> None:
        worker = gunicorn_worker(module, name, **options)
        worker.init_signals()
        vars(worker).update(changes)
        refusal = detect().refusal(supervised=False)
        assert reason in refusal
        assert bool(refusal) == bool(reason)

    assert ended_well(forked(child))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"nr_conns": "none"}, "('nr_conns' missing"),
        ({"method_queue": object()}, "queue is not built"),
        ({"method_queue": None}, "('_keep' missing"),
        ({"method_queue": None, "_keep": deque()}, "gthread worker's lock is not built"),
        ({"method_queue": None, "_keep": deque(), "_lock": threading.RLock()}, "gthread worker's poller is not built"),
    ],
)
def test_a_gthread_worker_of_another_build(changes: dict[str, object], reason: str) -> None:
    """What a drain uses is looked at first; where it is otherwise than known, nothing is asked."""

    def child() -> None:
        worker = gunicorn_worker(*GTHREAD)
        worker.init_signals()
        vars(worker).update(changes)
        if "method_queue" in changes and changes["method_queue"] is None:
            worker.poller = object()
        assert reason in detect().refusal(supervised=True)

    assert ended_well(forked(child))


def test_the_keepers_thread_finds_the_same() -> None:
    """Whether the main thread asks or another one makes no difference."""

    def child() -> None:
        gunicorn_worker(*GTHREAD).init_signals()
        found: list[str] = []
        thread = threading.Thread(target=lambda: found.append(detect().name))
        thread.start()
        thread.join()
        assert found == ["gunicorn-gthread"]

    assert ended_well(forked(child))


@pytest.mark.parametrize("imported", [[], ["gunicorn.arbiter", "gunicorn.workers.base"]])
def test_uvicorn(imported: list[str]) -> None:
    """It is known while it serves, whatever else is imported; by itself nothing would start it again."""

    def child() -> None:
        for module in imported:
            import_module(module)
        server = uvicorn_server()
        assert detect().name == UNKNOWN
        with server.capture_signals():
            found = detect()
            assert (found.name, found.workers, found.keeps_listening) == ("uvicorn", 1, False)
            assert "supervised=True" in found.refusal(supervised=False)
            assert not found.refusal(supervised=True)

    assert ended_well(forked(child))


@pytest.mark.parametrize(
    ("options", "changes", "reason"),
    [
        ({"reload": True}, {}, "runs with `--reload`"),
        ({}, {"servers": None}, "uvicorn's server is not built"),
        ({}, {"server_state": None}, "uvicorn's state is not built"),
        ({}, {"servers": [object()]}, "uvicorn's listener is not built"),
    ],
)
def test_what_uvicorn_refuses(options: dict[str, object], changes: dict[str, object], reason: str) -> None:
    """A reloader would not start a replacement; a server that is built otherwise than known is asked for nothing."""

    def child() -> None:
        server = uvicorn_server(**options)
        vars(server).update(changes)
        with server.capture_signals():
            assert reason in detect().refusal(supervised=True)

    assert ended_well(forked(child))


def test_a_descriptor_that_was_passed() -> None:
    """A uvicorn on a descriptor of its supervisor's keeps listening while it is away."""

    def child() -> None:
        with uvicorn_server(fd=0).capture_signals():
            assert detect().keeps_listening

    assert ended_well(forked(child))


def test_uvicorn_inside_gunicorn() -> None:
    """A UvicornWorker is known by its server and its worker object, which the arbiter's frame holds."""

    def child() -> None:
        worker = gunicorn_worker("uvicorn_worker", "UvicornWorker", workers=3)
        worker.init_signals()
        # As `Arbiter.spawn_worker` holds it while the worker runs.
        source = "def spawn_worker(worker, run):\n    run()"
        arbiter = {"__name__": "gunicorn.arbiter"}
        exec(source, arbiter)

        def run() -> None:
            server = uvicorn_server()
            with server.capture_signals():
                found = detect()
                assert (found.name, found.workers, found.keeps_listening) == ("gunicorn-uvicorn", 3, True)
                assert not found.refusal(supervised=False)
                found.leave()
                assert server.should_exit

        arbiter["spawn_worker"](worker, run)  # type: ignore[operator]

    assert ended_well(forked(child))


def test_remembered_until_a_fork() -> None:
    """The server of a process is looked for once, and again in a child, which may be none of its workers."""

    def grandchild() -> None:
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        assert detect().name == UNKNOWN

    def child() -> None:
        gunicorn_worker("gunicorn.workers.sync", "SyncWorker").init_signals()
        found = detect()
        assert detect() is found
        assert ended_well(forked(grandchild))

    assert ended_well(forked(child))


def test_an_unknown_server_is_left_alone() -> None:
    """Nothing is asked of a server that is not recognised, whatever was declared, and the reason is said."""
    server = detect()
    for supervised in (True, False):
        assert "does not recognise the server" in server.refusal(supervised=supervised)
    server.stop_accepting()
    server.leave()
    assert (server.connections(), server.workers, server.keeps_listening) == (0, None, False)
