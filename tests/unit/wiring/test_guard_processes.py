"""The guard over the life of a process: forks at bad moments, and ends."""

import gc
import os
import subprocess
import sys
import textwrap
import threading
import time
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

import pytest

from memguard import forking
from memguard.instruments.collector import NEVER
from memguard.instruments.heap import FROZEN_BY_THE_INTERPRETER
from memguard.model import WorkerState
from memguard.wiring import guard as guarding
from memguard.wiring.guard import Guard
from tests.unit.store.children import DEADLINE, ended_well, forked, until
from tests.unit.wiring.driving import Shop, hurry, make_guard, told


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> None:
    hurry(monkeypatch)


def state_of(guard: Guard, pid: int) -> WorkerState:
    """Return what the store knows of a process."""
    (state,) = [state for state in guard.store.read().workers if state.id.pid == pid]
    return state


@contextmanager
def held(lock: AbstractContextManager[object]) -> Iterator[None]:
    """Have another thread hold a lock."""
    taken, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock:
            taken.set()
            done.wait(DEADLINE)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert taken.wait(DEADLINE)
        yield
    finally:
        done.set()
        thread.join()


def collector_works() -> bool:
    """Tell whether this process can collect: one that was forked in the middle of a collection believes it still is."""
    before = gc.get_stats()[2]["collections"]
    gc.collect()
    return bool(gc.get_stats()[2]["collections"] > before)


def has_windows(shop: Shop, guard: Guard) -> bool:
    """Serve, and tell whether a window was measured; those that the keeper's work falls into are not."""
    shop.serve(guard, 1)
    assert guard._watch is not None
    return guard._watch.ledger.windows > 0


def tells_of_itself(guard: Guard) -> bool:
    """Have the keeper make a round; tell whether the store has it: while others write, a flush is held for some moments."""
    guard._keep()
    return any(state.id.pid == os.getpid() for state in guard.store.read().workers)


def serves_by_itself(guard: Guard) -> None:
    """Check, in a child, that it watches its own units and nothing else."""
    shop = Shop()
    shop.serve(guard, 30)
    until(lambda: tells_of_itself(guard), "its state in the store")
    mine = state_of(guard, os.getpid())
    assert (mine.units_total, mine.in_flight) == (30, 0)
    if not mine.windows_total and collector_works():
        until(lambda: has_windows(shop, guard), "windows of its own")
    assert guard.worker_id.pid == os.getpid()
    assert [thread.name for thread in threading.enumerate()].count("memguard-keeper") == 1
    guard.close()
    assert state_of(guard, os.getpid()).state == "stopped"
    assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER


@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_a_fork_while_a_unit_is_in_flight(tmp_path: Path, mode: str) -> None:
    """The child begins with the host's heap and thresholds and its own figures; the parent goes on as if nothing was."""
    thresholds = gc.get_threshold()
    guard = make_guard(tmp_path, mode=mode)
    Shop().serve(guard, 20)
    unit = guard.begin("request", "GET /forks")
    assert gc.get_threshold()[1] == NEVER, "a window is open"

    def child() -> None:
        assert gc.get_threshold() == thresholds
        assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER
        assert threading.active_count() == 1
        guard.end(unit)
        serves_by_itself(guard)
        assert not tracemalloc.is_tracing()

    pid = forked(child)
    assert ended_well(pid)
    guard.end(unit)
    Shop().serve(guard, 20)
    guard._keep()

    assert state_of(guard, os.getpid()).units_total == 41
    units = state_of(guard, pid).units_total
    assert units >= 30
    assert tracemalloc.is_tracing() == (mode == "trace")
    assert sum(stats.units for worker, stats in guard.store.read().operations if worker.pid == pid) == units


def test_a_parents_unit_that_ends_in_the_child(tmp_path: Path) -> None:
    """A view that forks may return in both processes; its unit is the parent's."""
    guard = make_guard(tmp_path)
    unit = guard.begin("request", "GET /forks")

    def child() -> None:
        Shop().serve(guard, 3)
        guard.end(unit)
        guard.flush()
        assert "GET /forks" not in told(guard)

    assert ended_well(forked(child))
    guard.end(unit)
    guard.flush()
    assert told(guard)["GET /forks"].units == 1


def test_a_guard_made_before_the_fork(tmp_path: Path) -> None:
    """As under `preload`: what the master made is each child's, and the master itself is no worker."""
    guard = make_guard(tmp_path)
    pids = [forked(lambda: serves_by_itself(guard)) for _ in range(3)]
    assert [ended_well(pid) for pid in pids] == [True] * 3

    assert {state.id.pid for state in guard.store.read().workers} == set(pids)
    assert len({state.id for state in guard.store.read().workers}) == 3


def test_a_child_that_serves_nothing(tmp_path: Path) -> None:
    """It reports nothing, has no thread, and ends as it would without memguard."""
    guard = make_guard(tmp_path)
    Shop().serve(guard, 5)

    def child() -> None:
        guard.flush()
        guard._keep()
        assert threading.active_count() == 1
        guard.close()

    pid = forked(child)
    assert ended_well(pid)
    guard.flush()

    assert [state.id.pid for state in guard.store.read().workers] == [os.getpid()]


LOCKS: dict[str, Callable[[Guard], AbstractContextManager[object]]] = {
    "the observer's": lambda guard: guard._watch.observer.lock if guard._watch else ExitStack(),
    "the guard's": lambda guard: guard._lock,
    "the process's": lambda _: guarding._process.lock,
    "the store's": lambda guard: guard.store._lock,  # type: ignore[attr-defined]  # of the real one
    "the connection's": lambda guard: guard.store._real._database._lock,  # type: ignore[attr-defined]  # of the real one
}


@pytest.mark.parametrize("name", LOCKS)
def test_a_fork_while_a_lock_is_held(tmp_path: Path, name: str) -> None:
    """A child that is born while another thread holds a lock does not wait for a thread that it does not have."""
    guard = make_guard(tmp_path)
    Shop().serve(guard, 20)
    guard.flush()

    def child() -> None:
        assert Guard.for_process(guard.settings) is guard
        Shop().serve(guard, 10)
        guard._keep()
        guard.flush()
        guard.close()

    with held(LOCKS[name](guard)):
        pid = forked(child)
        assert ended_well(pid)


def test_who_waits_for_the_guard_holds_up_no_import(tmp_path: Path) -> None:
    """The first unit waits for a lock whose holder may be about to import: each would wait for the other."""
    guard = make_guard(tmp_path)
    is_on_its_way = threading.Event()

    def first() -> None:
        is_on_its_way.set()
        Shop().serve(guard, 1)

    thread = threading.Thread(target=first)
    with held(guard._lock):
        thread.start()
        assert is_on_its_way.wait(DEADLINE)
        time.sleep(0.05)  # now it waits; were it later the test would see less, and not fail
        assert forking._importing.acquire(timeout=DEADLINE / 10)
        forking._importing.release()
    thread.join()


@pytest.mark.parametrize("mode", ["watch", "trace"])
def test_forks_while_units_and_the_keeper_run(tmp_path: Path, mode: str) -> None:
    """Whatever the other threads are in the middle of, each child watches its own units."""
    guard = make_guard(tmp_path, mode=mode, trace_frames=1)
    stop = threading.Event()
    failures: list[BaseException] = []

    def until_stopped(work: Callable[[], object]) -> None:
        try:
            while not stop.is_set():
                work()
        except BaseException as error:
            failures.append(error)

    def keep() -> None:
        started = time.monotonic()
        guard._keep()
        # Who writes without any rest would keep the children from the file, and from a last word.
        time.sleep(max(0.02, 2 * (time.monotonic() - started)))

    shop, another = Shop(), Shop(2)
    threads = [
        threading.Thread(target=until_stopped, args=(work,))
        for work in (lambda: shop.serve(guard, 5), lambda: another.serve(guard, 5), keep)
    ]
    for thread in threads:
        thread.start()
    try:
        for _ in range(5):
            assert ended_well(forked(lambda: serves_by_itself(guard)))
    finally:
        stop.set()
        for thread in threads:
            thread.join()

    assert failures == []
    guard.flush()
    assert state_of(guard, os.getpid()).in_flight == 0


def run(script: str, store: Path, *, code: int = 0) -> tuple[str, str]:
    """Run a script in a process of its own to its end; return what it said on stdout and stderr."""
    prelude = """
        import os, sys, threading
        from memguard import Guard, Settings

        guard = Guard.for_process(Settings.load(store=sys.argv[1], mode=sys.argv[2]))
    """
    source = textwrap.dedent(prelude) + textwrap.dedent(script)
    done = subprocess.run(
        [sys.executable, "-c", source, str(store), "trace"],
        check=False,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
    )
    assert done.returncode == code, done.stderr
    return done.stdout, done.stderr


def test_a_process_that_ends(tmp_path: Path) -> None:
    """It ends as it would without memguard, with a last word to the store."""
    said = run('guard.end(guard.begin("request", "GET /"))', tmp_path / "store.sqlite")
    guard = make_guard(tmp_path)
    ((state),) = guard.store.read().workers

    assert said == ("", "")
    assert (state.state, state.units_total, state.in_flight) == ("stopped", 1, 0)
    assert told(guard)["GET /"].units == 1


def test_a_process_that_ends_in_the_middle_of_a_unit(tmp_path: Path) -> None:
    """Neither a unit in flight nor a thread in the middle of one holds the process up."""
    script = """
        def serve():
            guard.begin("request", "GET /stream")
            begun.set()
            threading.Event().wait()

        begun = threading.Event()
        threading.Thread(target=serve, daemon=True).start()
        assert begun.wait(60)
        unit = guard.begin("request", "GET /")
    """
    assert run(script, tmp_path / "store.sqlite") == ("", "")
    ((state),) = make_guard(tmp_path).store.read().workers

    assert (state.state, state.in_flight) == ("stopped", 2)


@pytest.mark.parametrize(
    ("ends", "code", "state"),
    [("sys.exit(3)", 3, "stopped"), ("os._exit(4)", 4, "serving"), ("raise SystemExit", 0, "stopped")],
)
def test_the_exit_code_is_the_hosts(tmp_path: Path, ends: str, code: int, state: str) -> None:
    """However a process ends, its code is what it would be; the store says what was known last."""
    script = f"""
        guard.end(guard.begin("request", "GET /"))
        guard.flush()
        {ends}
    """
    said = run(script, tmp_path / "store.sqlite", code=code)

    assert said == ("", "")
    assert make_guard(tmp_path).store.read().workers[0].state == state


def test_a_process_that_fails(tmp_path: Path) -> None:
    """The host's own exception is what it dies of, and what it says."""
    script = """
        unit = guard.begin("request", "GET /")
        raise ValueError("the host's own")
    """
    said = run(script, tmp_path / "store.sqlite", code=1)

    assert said[1].endswith("ValueError: the host's own\n")
    assert "memguard" not in said[1]


def test_units_at_the_very_end(tmp_path: Path) -> None:
    """Handlers of the host's that run at exit may still run units; none fails, whether they come before or after ours."""
    script = """
        import atexit

        def late():
            guard.end(guard.begin("request", "GET /at-exit"))
            print("late")

        atexit.register(late)
        guard.end(guard.begin("request", "GET /"))
        atexit.register(late)
    """
    assert run(script, tmp_path / "store.sqlite") == ("late\nlate\n", "")
