"""`python -m tests.zoo.verify`: the truth itself put to the test, without memguard and without a server.

Each operation runs some hundred times in a process of its own. What grew for each unit (objects, allocator blocks, traced
bytes, resident memory, threads, file descriptors) has to fit what the operation declares.
"""

import argparse
import gc
import json
import os
import subprocess
import sys
import tempfile
import threading
import time
import tracemalloc
from pathlib import Path

import psutil

from example_apps.servers import environment
from tests.zoo.direct import Call, caller
from tests.zoo.groups import GROUPS, Group
from tests.zoo.truth import Truth

WARM_UP, UNITS = 200, 300
UNITS_OF_AN_INNOCENT_ONE = 700
UNITS_MOST = 6000
UNITS_OF_A_SCARCE_ONE = 80
SECONDS_TO_EXPIRE = 2.2
SECONDS_MOST = 300
GROWS = {"objects": 0.9, "blocks": 0.9, "traced": 100.0, "resident": 20_000.0, "threads": 0.9, "descriptors": 0.9}
"""What one leaking unit leaves at least, in one figure or another."""
RESTS = {"objects": 0.1, "blocks": 0.8, "traced": 60.0, "threads": 0.03, "descriptors": 0.03}
"""What innocent units leave at most, in every figure: free lists of the interpreter go on filling for a thousand units."""


def growth(group: Group, truth: Truth) -> dict[str, float]:
    """Return what grew for each unit that leaks (each unit at all, for an innocent one)."""
    call = caller(group)
    warm_up, units = WARM_UP, min(UNITS * truth.one_in, UNITS_MOST)
    if truth.most is not None:
        warm_up, units = 10, UNITS_OF_A_SCARCE_ONE
    elif not truth.leaks:
        warm_up = units = UNITS_OF_AN_INNOCENT_ONE
    tracemalloc.start()
    for _ in range(warm_up):
        call(truth)
    before = _figures(truth, call)
    for _ in range(units):
        call(truth)
    after = _figures(truth, call)
    return {name: round((after[name] - before[name]) / units * truth.one_in, 3) for name in before}


def _figures(truth: Truth, call: Call) -> dict[str, float]:
    if not truth.leaks:
        time.sleep(SECONDS_TO_EXPIRE)  # what has a time limit has to reach it, and the next unit clears it away
        call(truth)
    if gc.isenabled():
        gc.collect()
    process = psutil.Process()
    return {
        "objects": len(gc.get_objects()),
        "blocks": sys.getallocatedblocks(),
        "traced": tracemalloc.get_traced_memory()[0],
        "resident": process.memory_info().rss,
        "threads": threading.active_count(),
        "descriptors": process.num_fds(),
    }


def contradicts(truth: Truth, grown: dict[str, float]) -> str:
    """Return how the figures contradict what is declared; empty where they do not."""
    if truth.leaks:
        return "" if any(grown[name] >= least for name, least in GROWS.items()) else "nothing grew"
    return ", ".join(f"{name} grew" for name, most in RESTS.items() if grown[name] > most)


def main(arguments: list[str]) -> int:
    """Verify every operation, or those of one server; return 1 if any is not what it declares."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo.verify", description=__doc__.splitlines()[0])
    parser.add_argument("--app", help="one server, like flask.rare")
    parser.add_argument("--one", nargs=2, metavar=("APP", "NAME"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    chosen = [(group, truth) for group in GROUPS for truth in group.truths() if options.app in (None, group.app)]
    if options.one:
        group, truth = next(each for each in chosen if [each[0].app, each[1].name] == options.one)
        print(json.dumps(growth(group, truth)), flush=True)
        os._exit(0)  # threads that never end are what some of them leak
    failed = 0
    for group, truth in chosen:
        grown, trouble = _in_a_process(group, truth)
        problem = trouble or contradicts(truth, grown)
        failed += bool(problem)
        told = "  ".join(f"{name} {value:g}" for name, value in grown.items())
        print(f"{'leaks' if truth.leaks else 'innocent':8}  {group.app} {truth.name}: {told}  {problem.upper()}")
    print(f"{len(chosen) - failed} of {len(chosen)} are what they declare")
    return 1 if failed else 0


def _in_a_process(group: Group, truth: Truth) -> tuple[dict[str, float], str]:
    command = [sys.executable, "-W", "ignore", "-m", "tests.zoo.verify", "--one", group.app, truth.name]
    with tempfile.TemporaryDirectory(prefix="zoo-") as directory:
        done = subprocess.run(
            command,
            cwd=Path(directory),
            env=environment(),
            capture_output=True,
            text=True,
            timeout=SECONDS_MOST,
            check=False,
        )
    if done.returncode != 0:
        return {}, done.stderr[-300:]
    grown: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return grown, ""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
