"""What the demo has seen so far, as a table in the terminal."""

import os
from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from example_apps.commands import CELERY
from memguard.units import format_bytes

LEAKS = {("request", "GET /leak"), ("task", f"{CELERY}.leak")}
COLOURS = {"leak": "bold red", "suspect": "yellow", "plateau": "cyan", "clean": "green"}


@dataclass(frozen=True, slots=True)
class Named:
    """A finding and when it was first seen, in seconds since the demo was started."""

    kind: str
    name: str
    seconds: float


@dataclass(slots=True)
class Seen:
    """What the reports said so far.

    Attributes:
        report: The last report, empty before the first one.
        named: Every operation that was ever accused of leaking, in the order of the accusations.
    """

    report: dict[str, Any] = field(default_factory=dict)
    named: list[Named] = field(default_factory=list)

    def update(self, report: dict[str, Any], seconds: float) -> list[Named]:
        """Take a report in; return what it accuses for the first time."""
        self.report = report
        known = {(named.kind, named.name) for named in self.named}
        accused = {_operation(finding) for finding in report["findings"] if finding["verdict"] == "leak"}
        new = [Named(kind, name, seconds) for kind, name in sorted(accused - known)]
        self.named.extend(new)
        return new

    def missed(self) -> list[str]:
        """Return the leaking operations that nobody has named."""
        return sorted(name for kind, name in LEAKS - {(named.kind, named.name) for named in self.named})

    def wronged(self) -> list[str]:
        """Return the clean operations that were accused."""
        return sorted(f"{named.kind} {named.name}" for named in self.named if (named.kind, named.name) not in LEAKS)

    def why(self, name: str) -> str:
        """Say what memguard thinks of an operation, with its reasons."""
        entry = next((entry for entry in self.report.get("operations", ()) if entry["name"] == name), None)
        return f"{entry['verdict']}, {'; '.join(entry['reasons'])}" if entry else "no unit of it was seen"

    def sentence(self, named: Named) -> str:
        """Say in one line what leaks and where that was allocated."""
        finding = next((f for f in self.report["findings"] if _operation(f) == (named.kind, named.name)), None)
        where = _place(finding) if finding else "gone from the report"
        wrong = "" if (named.kind, named.name) in LEAKS else "  <- WRONG: it does not leak"
        return f"{named.kind} {named.name} leaks {where}{wrong}"


def _operation(finding: dict[str, Any]) -> tuple[str, str]:
    return finding["operation"]["kind"], finding["operation"]["name"]


def _place(finding: dict[str, Any]) -> str:
    rate = finding["rate"]["objects_per_unit"]
    types = ", ".join(entry["type"].rpartition(".")[2] for entry in finding["types"][:3])
    what = f"{rate:.1f} objects a unit ({types})"
    if not finding["sites"]:
        return what
    site = finding["sites"][0]
    return f"{what} from {os.path.relpath(site['file'])}:{site['line']}"


def render(seen: Seen, *, headline: str, url: str) -> RenderableType:
    """Return the whole picture, what matters most at the top: terminals may be short."""
    parts: list[RenderableType] = [Text(f"{headline}    the page: {url}", style="bold")]
    parts.extend(Text(f"{named.seconds:5.1f} s: {seen.sentence(named)}", style=COLOURS["leak"]) for named in seen.named)
    if missing := seen.missed():
        parts.append(Text(f"not named yet: {', '.join(missing)}", style="dim"))
    return Group(*parts, _operations(seen.report), _workers(seen.report))


def _workers(report: dict[str, Any]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    for heading in ("worker", "kind", "server", "state"):
        table.add_column(heading, no_wrap=True)
    for heading in ("RSS", "units", "windows", "overhead"):
        table.add_column(heading, justify="right", no_wrap=True)
    for worker in report.get("workers", ()):
        table.add_row(
            str(worker["pid"]), worker["kind"], worker["server"], worker["state"] if worker["alive"] else "dead",
            format_bytes(worker["rss_bytes"]), str(worker["units_total"]), str(worker["windows_total"]),
            f"{worker['overhead_ratio']:.1%}",
        )  # fmt: skip
    return table


def _operations(report: dict[str, Any]) -> Table:
    table = Table(box=SIMPLE_HEAD)
    table.add_column("kind", no_wrap=True)
    table.add_column("operation", overflow="fold")
    for heading in ("units", "errors", "stays/unit", "bytes/unit"):
        table.add_column(heading, justify="right", no_wrap=True)
    table.add_column("verdict", no_wrap=True)
    for entry in sorted(
        report.get("operations", ()), key=lambda entry: (entry["verdict"] != "leak", entry["kind"], -entry["units"])
    ):
        stays = (f"{entry['objects_per_unit']:.2f}", format_bytes(entry["bytes_per_unit"]))
        table.add_row(
            entry["kind"], entry["name"], str(entry["units"]), str(entry["errors"]),
            *(stays if entry["verdict"] in {"leak", "suspect"} else ("", "")),  # nothing else is known to stay
            Text(entry["verdict"], style=COLOURS.get(entry["verdict"], "")),
        )  # fmt: skip
    return table
