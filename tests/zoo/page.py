"""The page docs/accuracy.md, made from the results of a run."""

import json
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

from tests.zoo.groups import GROUPS
from tests.zoo.judging import Row
from tests.zoo.tables import Results, failures

INTRODUCTION = """\
# How accurate it is

This page is written by `python -m tests.zoo --write-docs`; run it, or `nox -s zoo`, to measure on your machine. Figures
are what a run gave, with its failures.

## How it is measured

`tests/zoo/` holds operations written after real ones: most of them leak, each in its own way, the others only look as if
they did. Each declares its truth beside its code: whether it leaks, the line, the holder, the pattern. They run in real
servers (gunicorn with threads, uvicorn, Celery with the prefork and the threads pool), one server after the other, with
memguard as it comes: mode `watch`, every setting at its default. Besides its point, every unit does some milliseconds of
ordinary work (it makes, sorts, renders and reads rows), because costs are told as a share of the process's CPU time: of an
application that does nothing, memguard's share is larger. Four clients send a seeded random mix of all of a server's
operations at the same time, about ten units of each a second, more of those that leak rarely. memguard's own report is
read once a second.

- **found**: the report said `leak`; **units**: how many units of the operation it had counted by then. A leak of every
  unit is to be named within 300 units, one of every n-th within 100 n.
- **site**: the first site of the finding is the very line that allocates. **holder**: its path or root names what keeps the
  objects, or says that nothing does where nothing does. **pattern**: its id is the right one.
- An innocent operation is accused when it is ever said to `leak`. `suspect` is no accusation, and listed.
- **overhead** is what workers measured of themselves: memguard's share of the process's CPU time before anything was
  suspected there.
"""


RECIPES = """
## What today's recipes say of the same leaks

`python -m tests.zoo.recipes` runs each leaking operation in a process of its own, in turn with the innocent ones of its
server, without memguard and without any other leak, and each recipe begins after a warm-up: kinder than a server in
production. The rule: the first row names the line. memguard's figures above are from all leaks of a server at once.
"""
TRIED = {
    "tracemalloc": "two `tracemalloc` snapshots compared by line: the first row is a line that leaks",
    "objgraph (type)": "`objgraph.growth`, which names no lines: the first row is a type that leaks",
    "memray": "memray's largest leak after the warm-up: its innermost frame is a line that leaks",
    "memray (own frame)": "the same, the innermost frame of the application",
}
SLOW = 1.4
RECIPES_KEPT = Path(__file__).with_name("recipes.json")


def page(results: Results) -> str:
    """Return the page."""
    return "\n".join(_lines(results)) + "\n"


def _lines(results: Results) -> Iterator[str]:
    yield INTRODUCTION
    versions = dict(results.machine)
    python, system, processor = (versions.pop(name, "") for name in ("python", "system", "processor"))
    yield f"This run: {python} on {system} ({processor}), {_versions(versions)}; {results.seconds / 60:.0f} minutes.\n"
    planned = sum(group.seconds for group in GROUPS if group.app in results.overhead_before)
    if results.seconds > SLOW * planned:
        yield (
            f"Its load is meant to take {planned / 60:.0f} minutes. The machine was busy with other work, so everything came "
            "slower, and costs more CPU time than on a quiet one.\n"
        )
    yield "## Targets\n"
    yield from _table(("target", "wanted", "got", ""), (
        (each.name, each.wanted, each.got, "reached" if each.reached else "**missed**") for each in results.targets()
    ))  # fmt: skip
    yield "\n## What leaks\n"
    for app, rows in groupby((row for row in results.rows if row.leaks), key=lambda row: row.app):
        yield f"\n### {app}\n"
        yield from _table(
            ("operation", "found", "units", "site", "holder", "pattern", "told of holder and pattern"), map(_leak, rows)
        )
    yield "\n## What does not\n"
    yield from _table(("operation", "last verdict", "units", "suspected", "accused"), (
        (f"{row.app} `{row.name}`", row.verdict, row.units, _after(row.suspect_units), _after(row.leak_units))
        for row in results.rows if not row.leaks
    ))  # fmt: skip
    yield "\n## What it cost\n"
    yield from _table(("server", "overhead before suspicion", "at most", "largest worker"), (
        (group, f"{before:.2%}", f"{results.overhead_most[group]:.2%}", f"{results.rss_most[group] / 1e6:.0f} MB")
        for group, before in results.overhead_before.items()
    ))  # fmt: skip
    if RECIPES_KEPT.exists():
        yield from _recipes(json.loads(RECIPES_KEPT.read_text()))
    yield "\n## What was wrong, in words\n"
    yield from (f"- {_escaped(line)}" for line in failures(results) or ["nothing"])


def _recipes(results: dict[str, Any]) -> Iterator[str]:
    yield RECIPES
    right = {recipe: sum(bool(said["right"].get(recipe)) for said in results.values()) for recipe in TRIED}
    yield from _table(
        ("recipe", "right", "of"), ((TRIED[recipe], count, len(results)) for recipe, count in right.items())
    )


def _leak(row: Row) -> tuple[object, ...]:
    marks = [{True: "yes", False: "**no**", None: ""}[each] for each in (row.found, row.site, row.holder, row.pattern)]
    told = ", ".join(f"`{_escaped(text)}`" for text in (row.told["holder"], row.told["pattern"]) if text)
    return f"`{row.name}`", marks[0], row.leak_units or "", *marks[1:], told


def _after(units: int | None) -> str:
    return "no" if units is None else f"after {units} units"


def _versions(versions: dict[str, str]) -> str:
    return ", ".join(f"{name} {version}" for name, version in versions.items())


def _table(heads: tuple[str, ...], rows: Iterator[tuple[object, ...]]) -> Iterator[str]:
    yield "| " + " | ".join(heads) + " |"
    yield "| " + " | ".join("---" for _ in heads) + " |"
    for row in rows:
        yield "| " + " | ".join(str(cell) for cell in row) + " |"


def _escaped(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("`", "'")
