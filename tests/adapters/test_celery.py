"""The Celery adapter, without a worker: what Celery's own tracer does with a task, and what is counted of it."""

import gc
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import Celery, signals
from celery._state import _set_task_join_will_block, task_join_will_block
from celery.app.trace import build_tracer
from celery.exceptions import Ignore, Retry

from memguard.celery import MemGuard
from memguard.settings import SettingsError
from memguard.wiring.guard import Guard
from tests.adapters.truth import counts, in_flight, runs

SIGNALS = (
    signals.worker_init, signals.worker_process_init, signals.task_prerun, signals.task_postrun,
    signals.worker_process_shutdown, signals.worker_shutdown,
)  # fmt: skip


@pytest.fixture(autouse=True)
def _celery_left_as_found() -> Iterator[None]:
    before = [list(signal.receivers) for signal in SIGNALS]
    will_block = task_join_will_block()
    yield
    for signal, receivers in zip(SIGNALS, before, strict=True):
        signal.receivers[:] = receivers
    _set_task_join_will_block(will_block)  # making a worker changes it for the process


@pytest.fixture
def app() -> Celery:
    """Return an app with a broker in memory."""
    return Celery("shop", broker="memory://", backend="cache+memory://", set_as_current=False)


def seven() -> int:
    """Do nothing much."""
    return 7


def run(task: Any, *args: Any, id_: str | None = None) -> Any:
    """Do what a worker's pool does with a message, and return state and result."""
    trace = build_tracer(task.name, task, app=task.app)
    id_ = id_ or str(uuid.uuid4())
    result = trace(id_, args, {}, {"id": id_, "delivery_info": {}})
    return result.info.state if result.info else "SUCCESS", result.retval


@pytest.mark.parametrize(
    ("raised", "state", "errors"),
    [
        (None, "SUCCESS", 0),
        (ValueError("bad"), "FAILURE", 1),
        (Retry("later"), "RETRY", 0),
        (Ignore(), "IGNORED", 0),
    ],
)
def test_how_a_run_ends(app: Celery, raised: Exception | None, state: str, errors: int) -> None:
    """Each run is one unit, named by its task; a failure is an error, a retry or an ignored run is not."""

    @app.task(shared=False, name="shop.bill")
    def bill() -> int:
        if raised is not None:
            raise raised
        return 7

    MemGuard(app)
    assert run(bill)[0] == state
    assert counts() == {"shop.bill": (1, errors)}
    assert in_flight() == 0


def test_exit(app: Celery) -> None:
    """What ends the process goes through, ends the unit, and is no error of the task."""

    @app.task(shared=False, name="shop.bill")
    def bill() -> None:
        raise SystemExit(3)

    MemGuard(app)
    with pytest.raises(SystemExit):
        run(bill)

    assert counts() == {"shop.bill": (1, 0)}
    assert in_flight() == 0


def test_kind(app: Celery) -> None:
    """A process that runs tasks reports as one of Celery's; without a worker its pool is unknown."""
    task = app.task(shared=False, name="shop.bill")(seven)
    MemGuard(app)
    run(task)
    guard = Guard.current()
    assert guard is not None
    guard.flush()
    (worker,) = guard.store.read().workers

    assert (worker.kind, worker.server) == ("celery", "celery-unknown")


def test_eager(app: Celery) -> None:
    """An eager task is part of what called it: no unit of its own in a worker, no guard in a web process."""
    inner = app.task(shared=False, name="shop.inner")(seven)
    MemGuard(app)
    assert inner.apply().get() == 7
    assert Guard.current() is None

    @app.task(shared=False, name="shop.outer")
    def outer() -> int:
        return int(inner.apply().result) + int(inner())

    assert run(outer) == ("SUCCESS", 14)
    assert counts() == {"shop.outer": (1, 0)}


def test_twice(app: Celery) -> None:
    """Two layers for one app count a run once."""
    task = app.task(shared=False, name="shop.bill")(seven)
    MemGuard(app)
    MemGuard(app, service="other")
    run(task)
    guard = Guard.current()

    assert counts() == {"shop.bill": (1, 0)}
    assert guard is not None
    assert guard.settings.service == "default"


def test_other_apps(app: Celery) -> None:
    """Tasks of an app that nobody asked to watch are not watched."""
    other = Celery("other", broker="memory://", set_as_current=False)
    task = other.task(shared=False, name="other.task")(seven)
    MemGuard(app)
    run(task)

    assert Guard.current() is None


def test_same_task_id_at_the_same_time(app: Celery) -> None:
    """Two runs of one task id in two threads, as after a redelivery, are two units; each ends its own."""
    barrier = threading.Barrier(2)

    @app.task(shared=False, name="shop.bill")
    def bill(fails: bool) -> None:
        barrier.wait(20)
        barrier.wait(20)
        if fails:
            raise ValueError

    MemGuard(app)
    threads = [threading.Thread(target=run, args=(bill, fails), kwargs={"id_": "the same"}) for fails in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert counts() == {"shop.bill": (2, 1)}
    assert in_flight() == 0


def test_run_whose_end_is_never_told(app: Celery) -> None:
    """A unit ends with the request of its run, even if no signal says so."""
    task = app.task(shared=False, name="shop.bill")(seven)
    MemGuard(app)
    signals.task_postrun.receivers.clear()
    run(task)
    gc.collect()

    assert counts() == {"shop.bill": (1, 0)}
    assert in_flight() == 0


def test_request_as_celery_made_it(app: Celery) -> None:
    """The task finds nothing of memguard's in its request."""
    seen: list[dict[str, Any]] = []

    @app.task(shared=False, name="shop.bill", bind=True)
    def bill(self: Any) -> None:
        seen.append(dict(vars(self.request)))

    run(bill, id_="1")
    MemGuard(app)
    run(bill, id_="1")

    assert seen[0] == seen[1]


def test_configuration(app: Celery) -> None:
    """Settings may stand in the app's configuration; arguments win; it is read when a worker starts."""
    task = app.task(shared=False, name="shop.bill")(seven)
    MemGuard(app, trace_frames=4)
    app.conf.update(memguard_service="shop", memguard_trace_frames=3)
    run(task)
    guard = Guard.current()

    assert guard is not None
    assert (guard.settings.service, guard.settings.trace_frames) == ("shop", 4)


def test_off(app: Celery) -> None:
    """With the mode off nothing is watched."""
    task = app.task(shared=False, name="shop.bill")(seven)
    MemGuard(app, mode="off")
    run(task)

    assert Guard.current() is None


def test_wrong_settings(app: Celery) -> None:
    """A wrong argument is an error where it is written."""
    with pytest.raises(SettingsError, match="mode='sleep': expected one of"):
        MemGuard(app, mode="sleep")


def test_wrong_configuration(app: Celery) -> None:
    """A wrong configuration ends a worker that starts, with the message; another app's worker is not concerned."""
    app.conf.memguard_mode = "sleep"
    MemGuard(app)
    other = Celery("other", broker="memory://", set_as_current=False)
    other.WorkController(hostname="other@here", pool="solo")
    with pytest.raises(SystemExit, match="mode='sleep': expected one of 'watch', 'trace', 'off'"):
        app.WorkController(hostname="shop@here", pool="solo")


def test_unknown_configuration(app: Celery) -> None:
    """A setting that does not exist is not overlooked."""
    app.conf.memguard_rss_cieling = "300MB"
    MemGuard(app)
    with pytest.raises(SystemExit, match="unknown memguard setting 'rss_cieling'"):
        app.WorkController(hostname="shop@here", pool="solo")


def test_failure_inside(app: Celery, monkeypatch: pytest.MonkeyPatch, swallowed: list[BaseException]) -> None:
    """What fails inside memguard is for its log; the task runs as always."""

    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("planted")

    task = app.task(shared=False, name="shop.bill")(seven)
    MemGuard(app)
    with monkeypatch.context() as patch:
        patch.setattr(Guard, "for_process", fail)
        assert run(task) == ("SUCCESS", 7)

    assert [str(error) for error in swallowed] == ["planted"]


def test_import_in_a_web_process() -> None:
    """A process that only imports the app and sends tasks gets neither a guard nor a thread."""
    program = """
import threading
from tests.adapters.celery_tasks import add
from memguard.wiring.guard import Guard
add.apply_async((1, 2))
assert add.apply((1, 2)).get() == 3
assert Guard.current() is None
assert threading.active_count() == 1
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_code_of_a_task_is_known(app: Celery) -> None:
    """The function of a task, also of one that is bound or retried by itself."""

    def bill(self: Any) -> int:
        return int(self.request.retries)

    plain = app.task(shared=False, name="shop.plain")(seven)
    bound = app.task(shared=False, name="shop.bound", bind=True, autoretry_for=(KeyError,))(bill)
    MemGuard(app)
    run(plain)
    run(bound)

    assert runs("shop.plain", seven)
    assert runs("shop.bound", bill)
    assert not runs("shop.bound", seven)
