"""Clocks that are set while workers run, by an hour on or back: what the report and commands make of it, in every store."""

import os
from dataclasses import replace

import psutil
import pytest

from memguard.commands import WAITING_SECONDS, Command, state_at
from memguard.dashboard.commanding import living
from memguard.dashboard.report import build
from memguard.model import WorkerId
from memguard.store import Store
from tests.unit.telling import ME, NOW, told

HOUR = 3600.0
RUNS = WorkerId("here", os.getpid(), psutil.Process().create_time())
DIED = WorkerId("here", 2**30, NOW - 60)
BY = pytest.mark.parametrize("jump", [HOUR, -HOUR])


@BY
def test_who_runs_is_alive_and_who_died_is_not(store: Store, jump: float) -> None:
    """From the moment on at which the clock is set, before anybody has told anything by the new time."""
    store.flush(told(RUNS, at=NOW))
    store.flush(told(DIED, at=NOW))
    report = build(store.read(), service="shop", answered_by=ME, now=NOW + jump)

    assert {each["pid"]: each["alive"] for each in report["workers"]} == {RUNS.pid: True, DIED.pid: False}
    assert living(store, here="here", now=NOW + jump) == [RUNS]


@BY
def test_a_worker_goes_on_telling_by_the_new_time(store: Store, jump: float) -> None:
    """What it said last is what counts, though the time before was later."""
    store.flush(told(RUNS, at=NOW))
    store.flush(told(RUNS, at=NOW + jump, units_total=11))
    (worker,) = store.read().workers

    assert (worker.last_seen, worker.units_total) == (NOW + jump, 11)


@BY
def test_commands_of_the_old_time_expire_and_new_ones_are_taken(store: Store, jump: float) -> None:
    """Nobody waits an hour for one, and what is asked after the jump comes to its worker."""
    store.add_commands([Command("00000000000000a1", "collect", RUNS, NOW, NOW, 0.0)])
    (old,) = store.commands()
    assert state_at(old, NOW + jump) == "expired"

    asked = Command("00000000000000a2", "collect", RUNS, NOW + jump, NOW + jump, 0.0)
    store.add_commands([asked])
    taken = store.take_commands(RUNS, NOW + jump + 1)

    assert replace(asked, state="running", changed_at=NOW + jump + 1) in taken


@BY
def test_a_command_that_runs_does_not_run_for_an_hour_longer(store: Store, jump: float) -> None:
    """Where its worker dies nobody will ever say that it is done."""
    store.add_commands([Command("00000000000000a1", "collect", RUNS, NOW, NOW, 0.0)])
    store.take_commands(RUNS, NOW + WAITING_SECONDS / 2)
    (running,) = store.commands()

    assert running.state == "running"
    assert state_at(running, NOW + jump) == "expired"
