"""`python -m tests.zoo.recipes`: what the recipes that people use today say of the same leaks.

Each leaking operation runs in a process of its own, in turn with the innocent ones of its server, without memguard. That
is kinder than production: no other leak is there, no server, and each recipe begins after a warm-up. The rule is that
the first row names the line:

- two tracemalloc snapshots compared by line;
- `objgraph.growth`: it names types and no lines, so it is also counted how often its first row is a type that leaks;
- memray's leaks (what was allocated while it tracked and is still there), the largest first, at its innermost frame; and,
  kinder still, at the innermost frame of the application.

objgraph and memray are no dependencies of this project: install them beside it to run this.
"""

import argparse
import gc
import importlib
import itertools
import json
import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from example_apps.servers import environment
from tests.zoo.direct import caller
from tests.zoo.groups import GROUPS, Group
from tests.zoo.truth import Truth

WARM_UP, UNITS_MOST = 100, 1000
SECONDS_MOST = 300
RECIPES = ("tracemalloc", "objgraph (type)", "memray", "memray (own frame)")

Place = tuple[str, int]


@dataclass(frozen=True, slots=True)
class Said:
    """The first row of each recipe, and whether it is right."""

    rows: dict[str, str]
    right: dict[str, bool]


def try_all(group: Group, truth: Truth, directory: Path) -> Said:
    """Run every recipe on one operation, in this process."""
    call = caller(group)
    others = itertools.cycle([each for each in group.truths() if not each.leaks] or [truth])
    units = min(UNITS_MOST, truth.units // 2, (truth.most or UNITS_MOST) // 4)

    def run(count: int) -> None:
        for _ in range(count):
            call(truth)
            call(next(others))

    traced = _tracemalloc(lambda: run(WARM_UP), lambda: run(units))
    grown = _objgraph(lambda: run(units))
    largest = _memray(lambda: run(units), directory / "memray.bin")
    inner, own = largest[:1], [place for place in largest if Path(place[0]).parent == group.path.parent][:1]
    rows = dict(zip(RECIPES, (_name(traced), grown, _name(inner), _name(own)), strict=True))
    right = {
        "tracemalloc": _is_right(truth, traced),
        "objgraph (type)": bool(grown) and any(text in grown or grown in text for text in truth.types),
        "memray": _is_right(truth, inner),
        "memray (own frame)": _is_right(truth, own),
    }
    return Said(rows, right)


def _tracemalloc(warm_up: Callable[[], None], run: Callable[[], None]) -> list[Place]:
    own = tracemalloc.Filter(inclusive=False, filename_pattern=tracemalloc.__file__)
    tracemalloc.start()
    warm_up()
    _collect()
    before = tracemalloc.take_snapshot().filter_traces([own])
    run()
    _collect()
    after = tracemalloc.take_snapshot().filter_traces([own])
    tracemalloc.stop()
    first = after.compare_to(before, "lineno")[0].traceback[0]
    return [(first.filename, first.lineno)]


def _collect() -> None:
    if gc.isenabled():  # or what leaks because it is off would be gone
        gc.collect()


def _objgraph(run: Callable[[], None]) -> str:
    objgraph: Any = importlib.import_module("objgraph")
    peaks: dict[str, int] = {}
    objgraph.growth(peak_stats=peaks)
    run()
    rows = objgraph.growth(limit=1, peak_stats=peaks)
    return str(rows[0][0]) if rows else ""


def _memray(run: Callable[[], None], file: Path) -> list[Place]:
    memray: Any = importlib.import_module("memray")
    with memray.Tracker(str(file), trace_python_allocators=True):
        run()
        _collect()
    records = memray.FileReader(str(file)).get_leaked_allocation_records(merge_threads=True)
    largest = max(records, key=lambda record: record.size, default=None)
    return [(frame[1], frame[2]) for frame in largest.stack_trace()] if largest is not None else []


def _is_right(truth: Truth, places: list[Place]) -> bool:
    return any((file, line) in truth.lines or any(text in file for text in truth.library) for file, line in places)


def _name(places: list[Place]) -> str:
    return f"{Path(places[0][0]).name}:{places[0][1]}" if places else ""


def main(arguments: list[str]) -> int:
    """Try the recipes on every operation, or on those of one server; print what they said."""
    parser = argparse.ArgumentParser(prog="python -m tests.zoo.recipes", description=__doc__.splitlines()[0])
    parser.add_argument("--app", help="one server, like flask.rare")
    parser.add_argument("--json", type=Path, metavar="FILE", help="keep the results there")
    parser.add_argument("--one", nargs=2, metavar=("APP", "NAME"), help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        group, truth = next(each for each in _leaking(options.one[0]) if each[1].name == options.one[1])
        said = try_all(group, truth, Path.cwd())
        print(json.dumps({"rows": said.rows, "right": said.right}))
        sys.stdout.flush()
        os._exit(0)  # threads that never end are what some of them leak
    results: dict[str, dict[str, Any]] = {}
    for group, truth in _leaking(options.app):
        name = f"{group.app} {truth.name}"
        results[name] = _in_a_process(group, truth)
        print(name, results[name]["rows"], flush=True)
        if options.json is not None:
            options.json.write_text(json.dumps(results, indent=1) + "\n")
    _show(results, Console(width=None if sys.stdout.isatty() else 180))
    return 0


def _leaking(app: str | None) -> list[tuple[Group, Truth]]:
    groups = [group for group in GROUPS if app in (None, group.app)]
    return [(group, truth) for group in groups for truth in group.truths() if truth.leaks]


def _in_a_process(group: Group, truth: Truth) -> dict[str, Any]:
    command = [sys.executable, "-m", "tests.zoo.recipes", "--one", group.app, truth.name]
    with tempfile.TemporaryDirectory(prefix="zoo-") as directory:
        done = subprocess.run(
            command, cwd=directory, env=environment(), capture_output=True, text=True, timeout=SECONDS_MOST, check=False
        )
    if done.returncode != 0:
        return {"rows": {"failed": done.stderr[-300:]}, "right": {}}
    said: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return said


def _show(results: dict[str, dict[str, Any]], console: Console) -> None:
    table = Table("operation", *RECIPES)
    for name, said in results.items():
        cells = [
            f"{'yes' if said['right'].get(recipe) else 'no'}: {said['rows'].get(recipe, '-')}" for recipe in RECIPES
        ]
        table.add_row(name, *cells)
    console.print(table)
    for recipe in RECIPES:
        right = sum(bool(said["right"].get(recipe)) for said in results.values())
        console.print(f"{recipe}: {right} of {len(results)}")
    for name, said in results.items():
        if "failed" in said["rows"]:
            console.print(f"{name} failed: {said['rows']['failed']}", markup=False)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
