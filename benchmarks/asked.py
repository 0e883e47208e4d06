"""This very process as a worker that is asked for something through its store, as from the command line."""

import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memguard.commands import Action, Command
from memguard.settings import Settings
from memguard.wiring.guard import Guard

SECONDS_MOST = 600.0


@contextmanager
def worker(**settings: object) -> Iterator[Guard]:
    """Watch this process, with a store of its own, after a first unit."""
    with tempfile.TemporaryDirectory() as folder:
        guard = Guard.for_process(Settings.load(store=str(Path(folder, "bench.sqlite")), **settings))
        guard.end(guard.begin("request", "GET /"))
        guard.flush()
        yield guard
        guard.close()


def ask(guard: Guard, action: Action) -> str:
    """Wait until the keeper has done it; return what it says of it."""
    now = time.time()
    name = f"{time.time_ns():016x}"
    guard.store.add_commands([Command(name, action, guard.worker_id, now, now, 0.0)])
    while time.time() < now + SECONDS_MOST:
        time.sleep(0.05)
        (told,) = (each for each in guard.store.commands(limit=10) if each.id == name)
        if told.outcome is not None and told.state in {"done", "failed"}:
            return told.outcome.message or told.outcome.error
    raise TimeoutError("the worker should have answered")
