"""In a served process: writes down memguard's own memory, and whether any of it was taken for a survivor."""

import json
import os
import threading
import time
from pathlib import Path
from typing import Any

from memguard.instruments import census
from memguard.readings import Survivors
from memguard.wiring.guard import Guard
from tests.soak.own import kept_by, own_memory

PLACE = "SOAK_PROBES"
SECONDS_BETWEEN = 5.0
ONE_IN = 8
"""Of so many windows one is compared with memguard's own objects."""
_started = False


def start() -> None:
    """Begin, in this process and in those that it forks."""
    global _started
    if not _started:
        _started = True
        _compare_survivors()
        os.register_at_fork(after_in_child=_begin)
        _begin()


def _begin() -> None:
    threading.Thread(target=_run, name="soak-probe", daemon=True).start()


def _run() -> None:
    while True:
        time.sleep(SECONDS_BETWEEN)
        guard = Guard.current()
        if guard is not None and guard._watch is not None:
            _write({"at": time.time(), "units": guard._watch.begun, "bytes": own_memory(guard)})


def _write(entry: dict[str, Any]) -> None:
    with Path(os.environ[PLACE], f"{os.getpid()}.jsonl").open("a") as file:
        file.write(json.dumps(entry) + "\n")


def _compare_survivors() -> None:
    take, windows = census.take, 0

    def taken(born: list[Any], garbage: int, *, traces: bool) -> Survivors:
        nonlocal windows
        survivors = take(born, garbage, traces=traces)
        windows += 1
        guard = Guard.current()
        if windows % ONE_IN == 0 and guard is not None and guard._watch is not None:
            own = kept_by([guard._watch, guard._reporter])
            _write(
                {
                    "at": time.time(),
                    "windows": windows,
                    "own": [type(each).__name__ for each in born if id(each) in own],
                }
            )
        return survivors

    census.take = taken
