"""What a run of the zoo came to: the table in the terminal, the results as JSON, and the page docs/accuracy.md."""

import platform
import sys
from dataclasses import asdict, dataclass, field
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Self

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.zoo.groups import GROUPS
from tests.zoo.judging import Row, Target, targets

PACKAGES = ("flask", "django", "fastapi", "starlette", "celery", "gunicorn", "uvicorn", "sqlalchemy")
MARKS = {True: "yes", False: "NO", None: "-"}


@dataclass(slots=True)
class Results:
    """All of a run; plain data.

    Attributes:
        overhead_before: By group, the share of CPU before anything was suspected there.
        overhead_most: By group, the highest share that was reported at any moment.
        strays: Operations accused that are none of the zoo's.
        notes: By group, what workers and the harness had to say beside.
    """

    rows: list[Row] = field(default_factory=list)
    overhead_before: dict[str, float] = field(default_factory=dict)
    overhead_most: dict[str, float] = field(default_factory=dict)
    overhead: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    verdicts: dict[str, list[tuple[float, str]]] = field(default_factory=dict)
    rss_most: dict[str, int] = field(default_factory=dict)
    strays: list[str] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    machine: dict[str, str] = field(default_factory=dict)
    seconds: float = 0.0

    def targets(self) -> list[Target]:
        """Return the targets with what came of them."""
        return targets(self.rows, self.overhead_before, self.strays)

    def as_json(self) -> dict[str, Any]:
        """Return it as plain JSON data."""
        return {**asdict(self), "targets": [asdict(target) for target in self.targets()]}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Self:
        """Return what `as_json` was made of."""
        plain = {key: value for key, value in data.items() if key != "targets"}
        return cls(**{**plain, "rows": [Row(**row) for row in plain["rows"]]})


def merged(parts: list[Results]) -> Results:
    """Return what runs of several servers came to together, in the order in which servers run."""
    order = [group.app for group in GROUPS]
    whole = Results(machine=parts[0].machine)
    for part in parts:
        whole.rows.extend(part.rows)
        whole.strays.extend(part.strays)
        whole.seconds += part.seconds
        for name in ("overhead_before", "overhead_most", "overhead", "verdicts", "rss_most", "notes"):
            getattr(whole, name).update(getattr(part, name))
    whole.rows.sort(key=lambda row: order.index(row.app))
    whole.overhead_before = {app: whole.overhead_before[app] for app in order if app in whole.overhead_before}
    return whole


def machine() -> dict[str, str]:
    """Return what a run depends on: the kind of machine, and versions."""
    known = {}
    for package in PACKAGES:
        try:
            known[package] = version(package)
        except PackageNotFoundError:
            known[package] = "absent"
    return {"python": f"{sys.implementation.name} {platform.python_version()}", "system": platform.system(),
            "processor": platform.machine(), **known}  # fmt: skip


def show(results: Results, console: Console) -> None:
    """Print the table, the failures in words, and the targets."""
    table = Table("operation", "found", "units", "site", "holder", "pattern", "told", box=SIMPLE_HEAD, pad_edge=False)
    for row in (row for row in results.rows if row.leaks):
        told = " · ".join(filter(None, (row.told["site"], row.told["holder"], row.told["pattern"])))
        style = (
            None if row.in_time and row.site and row.holder and row.pattern else "red" if not row.found else "yellow"
        )
        table.add_row(
            f"{row.app} {row.name}", MARKS[row.found], _units(row), MARKS[row.site], MARKS[row.holder], MARKS[row.pattern],
            told, style=style,
        )  # fmt: skip
    console.print(table)
    innocent = Table("innocent operation", "verdict", "units", "suspected", "accused", box=SIMPLE_HEAD, pad_edge=False)
    for row in (row for row in results.rows if not row.leaks):
        suspected = "" if row.suspect_units is None else f"after {row.suspect_units}"
        innocent.add_row(
            f"{row.app} {row.name}", row.verdict, str(row.units), suspected, "YES" if row.found else "no",
            style="red" if row.found else None,
        )  # fmt: skip
    console.print(innocent)
    for line in failures(results):
        console.print(line, highlight=False, markup=False)
    overhead = Table("server", "overhead before suspicion", "most", "largest worker", box=SIMPLE_HEAD, pad_edge=False)
    for group, before in results.overhead_before.items():
        overhead.add_row(
            group, f"{before:.2%}", f"{results.overhead_most[group]:.2%}", f"{results.rss_most[group] / 1e6:.0f} MB"
        )
    console.print(overhead)
    summary = Table("target", "wanted", "got", "", box=SIMPLE_HEAD, pad_edge=False)
    for target in results.targets():
        summary.add_row(target.name, target.wanted, target.got, "reached" if target.reached else "[red]MISSED")
    console.print(summary)


def failures(results: Results) -> list[str]:
    """Return everything that is not as it should be, in words."""
    lines = [f"{row.app} {row.name}: {wrong}" for row in results.rows for wrong in row.wrong]
    lines += [f"accused, and none of the zoo's: {stray}" for stray in results.strays]
    return [*lines, *(f"{group}: {note}" for group, notes in results.notes.items() for note in notes)]


def _units(row: Row) -> str:
    return (
        "" if row.leak_units is None else f"{row.leak_units}{'' if row.in_time else f' (allowed {row.units_allowed})'}"
    )
