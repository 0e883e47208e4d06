"""Show workers and operations of a service live, until Ctrl-C.

Where the output is no terminal each look is printed below the one before. --once looks once; with --json a look is one
line of JSON. Rates are those since the look before, `RSS SINCE` is what has come since the first one.
"""

import argparse
import json
import signal
import time
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import Any

from memguard.cli.command import OK, CommandError
from memguard.cli.numbers import signed
from memguard.cli.report import report_of
from memguard.cli.stores import store_arguments
from memguard.cli.terminal import whole_screen
from memguard.dashboard.text import aligned, plain
from memguard.dashboard.words import VERDICT_WORDS, headline, left, percent, title
from memguard.units import format_bytes, parse_seconds

SECONDS_LEAST, SECONDS_MOST = 0.2, 3600.0
OPERATIONS_SHOWN = 20


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--interval", metavar="SECONDS", default="2", help="between two looks (default: 2)")
    parser.add_argument("--once", action="store_true", help="look once")
    parser.add_argument("--json", action="store_true", help="print each look as a line of JSON")
    store_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Show it until Ctrl-C, which is how it ends well."""
    try:
        interval = min(SECONDS_MOST, max(SECONDS_LEAST, parse_seconds(asked.interval)))
    except ValueError as error:
        raise CommandError(f"--interval {asked.interval}: {error}") from None
    looks = Looks()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell has what it starts in the background ignore it
    try:
        with nullcontext(_print) if asked.once or asked.json else whole_screen() as show:
            while True:
                report = report_of(asked)
                look = looks.take(report, time.monotonic())
                show([json.dumps(look)] if asked.json else lines_of(report, look))
                if asked.once:
                    return OK
                time.sleep(interval)
    except KeyboardInterrupt:
        return OK


def _print(lines: list[str]) -> None:
    print("\n".join(lines), flush=True)


@dataclass(slots=True)
class Looks:
    """What has changed from look to look."""

    _at: float = 0.0
    _units: dict[tuple[Any, ...], int] = field(default_factory=dict)
    _first: dict[tuple[Any, ...], int] = field(default_factory=dict)

    def take(self, report: dict[str, Any], now: float) -> dict[str, Any]:
        """Return what a report says, with the rates since the one before; they are None of what was not there then."""
        seconds, before = now - self._at, self._units
        self._at, self._units = now, {}

        def rate(key: tuple[Any, ...], units: int) -> float | None:
            self._units[key] = units
            known = before.get(key)
            return None if known is None or seconds <= 0 else round(max(0, units - known) / seconds, 2)

        workers = []
        for each in report["workers"]:
            key = (each["host"], each["pid"], each["started_at"])
            first = self._first.setdefault(key, each["rss_bytes"])
            if each["alive"]:
                told = _some(each, _OF_A_WORKER)
                speed = rate(key, each["units_total"])
                workers.append({**told, "rss_growth_bytes": each["rss_bytes"] - first, "units_per_second": speed})
        operations = [
            {**_some(each, _OF_AN_OPERATION), "units_per_second": rate((each["kind"], each["name"]), each["units"])}
            for each in report["operations"]
        ]
        return {**_some(report, ("service", "generated_at")), "workers": workers, "operations": operations}


_OF_A_WORKER = (
    "host", "pid", "kind", "server", "mode", "state", "started_at", "rss_bytes", "ceiling_bytes", "units_total", "in_flight",
    "overhead_ratio",
)  # fmt: skip
_OF_AN_OPERATION = (
    "kind", "name", "verdict", "units", "errors", "objects_per_unit", "bytes_per_unit", "blocks_per_unit",
)  # fmt: skip


def _some(row: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    return {name: row[name] for name in names}


def lines_of(report: dict[str, Any], look: dict[str, Any]) -> list[str]:
    """Return a look as lines of plain text; the busiest operations of each verdict come first."""
    alive, told = len(look["workers"]), look["generated_at"][11:19]
    operations = look["operations"][:OPERATIONS_SHOWN]
    hidden = len(look["operations"]) - len(operations)
    return [
        plain(f"memguard  service {look['service']}  {told} UTC  {alive} workers alive"),
        plain(headline(report)[1]),
        "",
        *aligned(_WORKER, [_worker(each) for each in look["workers"]]),
        "",
        *aligned(_OPERATION, [_operation(each) for each in operations]),
        *([f"  and {hidden} more"] if hidden else []),
    ]


_WORKER = ("WORKER", "SERVER", "STATE", "RSS>", "RSS SINCE>", "CEILING>", "UNITS/S>", "IN FLIGHT>", "OVERHEAD>")
_OPERATION = ("VERDICT", "OPERATION", "UNITS/S>", "UNITS>", "ERRORS>", "LEFT PER UNIT")


def _worker(each: dict[str, Any]) -> list[str]:
    return [
        f"{each['kind']} {each['pid']}",
        each["server"],
        each["state"],
        format_bytes(each["rss_bytes"]),
        signed(each["rss_growth_bytes"]),
        "-" if each["ceiling_bytes"] is None else format_bytes(each["ceiling_bytes"]),
        _rate(each),
        f"{each['in_flight']:,}",
        percent(each["overhead_ratio"]),
    ]


def _operation(each: dict[str, Any]) -> list[str]:
    verdict = VERDICT_WORDS.get(each["verdict"], each["verdict"])
    return [verdict, title(each), _rate(each), f"{each['units']:,}", f"{each['errors']:,}", left(each)]


def _rate(each: dict[str, Any]) -> str:
    return "-" if each["units_per_second"] is None else f"{each['units_per_second']:,.1f}"
