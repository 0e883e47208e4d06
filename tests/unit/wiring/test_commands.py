"""What a person asks of a worker, carried out in this very process: a guard, its keeper's round, a store's file."""

import ctypes
import gc
import os
import statistics
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from memguard.commands import Action, Command
from memguard.model import WorkerId
from memguard.snapshots import Snapshot
from memguard.store.connection import Database
from memguard.store.sqlite import SqliteStore
from memguard.wiring import commands as carrying_out
from memguard.wiring import looking
from memguard.wiring.guard import Guard
from tests.unit.store.children import ended_well, forked, until
from tests.unit.wiring.driving import Context, hurry, make_guard, started, unit_of

KEPT: list[Context] = []


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    hurry(monkeypatch)
    yield
    KEPT.clear()


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    """Return this process's guard after its first unit and its first word to the store."""
    return started(tmp_path)


def ask(guard: Guard, action: str, *, seconds: float = 0.0, of: WorkerId | None = None) -> str:
    """Ask a worker (this one) for something, as the page does, and return the command's id."""
    now = time()
    asked: Any = action
    command = Command(os.urandom(8).hex(), asked, of or guard.worker_id, now, now, seconds)
    guard.store.add_commands([command])
    return command.id


def answer(guard: Guard, command: str) -> Command:
    """Return what has become of it."""
    return next(each for each in guard.store.commands() if each.id == command)


def done(guard: Guard, action: Action, **how: Any) -> Command:
    """Return the answer to a command after one round of the keeper."""
    command = ask(guard, action, **how)
    guard._keep()
    return answer(guard, command)


def snapshot(guard: Guard) -> Snapshot:
    """Return this worker's snapshot, as the page gets it."""
    ((worker, taken),) = guard.store.snapshots()
    assert worker == guard.worker_id
    return taken


def leak(number: int) -> None:
    """Keep one context for ever."""
    KEPT.append(Context(number))


def plant_garbage(count: int) -> None:
    """Leave objects that only themselves keep alive, and that only a full collection finds."""
    cycles: list[Any] = [Context(number) for number in range(count)]
    for cycle in cycles:
        cycle.itself = cycle
    gc.collect()


def test_a_collection_says_what_it_freed(guard: Guard) -> None:
    """As many objects as were planted at least, with RSS before and after, and how long it took."""
    plant_garbage(300)
    told = done(guard, "collect")

    assert told.state == "done"
    assert told.outcome is not None
    assert (told.outcome.objects_freed or 0) >= 600
    assert min(told.outcome.rss_before_bytes or 0, told.outcome.rss_after_bytes or 0) > 1_000_000
    assert told.outcome.message.startswith("Freed ")
    assert told.outcome.error == ""
    assert told.changed_at >= told.asked_at


def test_trimming_says_so_or_why_not(guard: Guard) -> None:
    """Where the C library has a way it is taken; elsewhere the reason is told."""
    told = done(guard, "trim")
    has_it = hasattr(ctypes.CDLL(None), "malloc_trim")

    assert told.outcome is not None
    assert (told.state, told.outcome.error == "") == (("done", True) if has_it else ("failed", False))


def test_a_snapshot_counts_what_is_alive_and_the_next_one_what_it_gained(guard: Guard) -> None:
    """By type, with the one before; a person sees what grew between two moments."""
    KEPT.extend(Context(number) for number in range(2_000))
    first = done(guard, "snapshot")
    before = snapshot(guard)
    KEPT.extend(Context(number) for number in range(3_000))
    done(guard, "snapshot")
    after = snapshot(guard)
    name = f"{Context.__module__}.Context"
    counts = {each.type: each.count for each in after.types}
    growth = {each.type: (each.before, each.after) for each in after.growth}

    assert first.outcome is not None
    assert first.outcome.message == f"Counted {before.objects:,} objects."
    assert (before.before, before.growth, before.sites) == (None, (), ())
    assert counts[name] == 5_000
    assert growth[name] == (2_000, 5_000)
    assert after.before == before.at
    assert after.objects - before.objects >= 6_000


def test_tracing_measures_units_and_says_where_they_allocate(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as it was asked for, then everything is as before; the lines are those that allocated meanwhile."""
    moment = [1000.0]
    monkeypatch.setattr(carrying_out, "monotonic", lambda: moment[0])
    command = ask(guard, "trace", seconds=30)
    guard._keep()
    assert answer(guard, command).state == "running"
    assert tracemalloc.is_tracing()
    assert any(note.startswith("traced for 30 s, as was asked") for note in notes(guard))

    for number in range(50):
        with unit_of(guard, "GET /leak"):
            leak(number)
    moment[0] += 29
    guard._keep()
    assert answer(guard, command).state == "running"
    moment[0] += 1
    guard._keep()
    guard.flush()
    told, taken = answer(guard, command), snapshot(guard)
    (site,) = [site for site in taken.sites if (site.file, site.function) == (__file__, "leak")]

    assert told.state == "done"
    assert told.outcome is not None
    assert told.outcome.message.startswith("Measured 50 units. Counted ")
    assert not tracemalloc.is_tracing()
    units = [unit for _, unit in guard.store.units() if unit.operation.name == "GET /leak"]
    assert len(units) == 50
    # In the middle: whatever another thread, or a collection, frees meanwhile counts for the unit that it happens in.
    assert statistics.median(unit.traced or 0 for unit in units) > 0
    assert site.count >= 50
    assert site.bytes_growth == site.bytes > 0
    growth = {each.type: each.after - each.before for each in taken.growth}
    assert growth[f"{Context.__module__}.Context"] == 50

    with unit_of(guard, "GET /leak"):
        pass
    guard.flush()
    assert len([unit for _, unit in guard.store.units()]) == 50


def notes(guard: Guard) -> tuple[str, ...]:
    """Return what this worker says of itself."""
    guard.flush()
    (state,) = [state for state in guard.store.read().workers if state.id == guard.worker_id]
    return state.notes


@pytest.mark.parametrize("whose", ["the application", "a command"])
def test_tracing_that_is_on_already_is_left_alone(whose: str, guard: Guard) -> None:
    """Of a second command as of the application's own tracemalloc the reason is told."""
    if whose == "the application":
        tracemalloc.start()
    else:
        done(guard, "trace", seconds=600)
    told = done(guard, "trace", seconds=5)

    assert told.state == "failed"
    assert told.outcome is not None
    assert "already" in told.outcome.error
    assert tracemalloc.is_tracing()
    if whose == "the application":
        tracemalloc.stop()


def test_a_worker_in_trace_mode_says_that_it_traces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And goes on doing so; of a large heap a snapshot looks at a part, because all takes a multiple of the time."""
    monkeypatch.setattr(looking, "LOOKED_AT", 5_000)
    guard = make_guard(tmp_path, mode="trace")
    with unit_of(guard, "GET /"):
        KEPT.append(Context(1))
    guard.flush()
    told = done(guard, "trace", seconds=5)
    done(guard, "snapshot")

    assert told.outcome is not None
    assert told.outcome.error == "This worker traces its allocations already: its mode is trace."
    assert tracemalloc.is_tracing()
    assert any(site.file == __file__ for site in snapshot(guard).sites)
    assert snapshot(guard).is_sampled


def test_what_cannot_be_done_is_said(guard: Guard) -> None:
    """A worker that nobody would start again, and what a later memguard may ask for."""
    assert _error(done(guard, "recycle")).startswith("This worker cannot be replaced: ")
    later: Any = "defragment"
    assert "knows no action 'defragment'" in _error(done(guard, later))


def _error(command: Command) -> str:
    assert command.state == "failed"
    assert command.outcome is not None
    return command.outcome.error


def test_what_fails_is_said_and_goes_through_the_gate(
    guard: Guard, monkeypatch: pytest.MonkeyPatch, swallowed: list[BaseException]
) -> None:
    """Whoever asked is not left waiting, and the keeper goes on."""

    def fail() -> int:
        raise MemoryError

    monkeypatch.setattr(carrying_out, "trim", fail)

    assert _error(done(guard, "trim")) == "It failed with MemoryError; the worker's log says more."
    assert [type(each) for each in swallowed] == [MemoryError]
    assert done(guard, "snapshot").state == "done"


def test_only_the_worker_that_is_meant_does_it(guard: Guard) -> None:
    """Another one's command, and one for an earlier process with this pid, wait on."""
    me = guard.worker_id
    others = [WorkerId(me.host, me.pid, me.started_at - 1), WorkerId("there", me.pid, me.started_at)]
    commands = [ask(guard, "collect", of=other) for other in others]
    guard._keep()

    assert [answer(guard, command).state for command in commands] == ["waiting"] * 2


def test_a_command_is_carried_out_once_and_in_turn(guard: Guard) -> None:
    """What was taken up is not taken up again, by whoever asks the store."""
    commands = [ask(guard, "collect") for _ in range(3)]
    guard._keep()
    first = [answer(guard, command) for command in commands]
    guard._keep()

    assert [each.state for each in first] == ["done"] * 3
    assert [each.changed_at for each in first] == sorted(each.changed_at for each in first)
    assert [answer(guard, command) for command in commands] == first


def test_a_command_that_waited_for_too_long_is_not_carried_out(guard: Guard) -> None:
    """A person who asked an hour ago does not expect it now."""
    long_ago = time() - 3600
    guard.store.add_commands([Command("00000000000000aa", "collect", guard.worker_id, long_ago, long_ago)])
    guard._keep()

    assert answer(guard, "00000000000000aa").outcome is None


def test_the_keeper_carries_out_by_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody has to call anything: the answer is there some rounds later."""
    monkeypatch.setattr("memguard.wiring.keeper.SECONDS_BETWEEN_ROUNDS", 0.02)
    guard = make_guard(tmp_path)
    with unit_of(guard, "GET /"):
        pass
    guard.flush()
    command = ask(guard, "collect")

    until(lambda: answer(guard, command).state == "done", "the keeper to carry out a command")


def test_a_child_does_not_go_on_tracing(guard: Guard, tmp_path: Path) -> None:
    """Forked while its parent is being traced, it is a worker of its own that nobody asked."""
    done(guard, "trace", seconds=600)

    def child() -> None:
        assert not tracemalloc.is_tracing()
        with unit_of(guard, "GET /"):
            pass
        guard.flush()
        assert not tracemalloc.is_tracing()
        assert guard.store.units() == []

    assert ended_well(forked(child))
    assert tracemalloc.is_tracing()
    store = SqliteStore(Database(str(tmp_path / "store.sqlite")), "default")
    assert len(store.read().workers) == 2
    store.close()


def test_the_end_of_a_worker_ends_its_tracing(guard: Guard) -> None:
    """It exits as it would have without."""
    done(guard, "trace", seconds=600)
    guard.close()

    assert not tracemalloc.is_tracing()
