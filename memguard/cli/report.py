"""Show the findings, operations and workers of a service, from its store."""

import argparse
from typing import Any

from memguard.cli.command import OK
from memguard.cli.stores import read, store_arguments
from memguard.cli.terminal import show
from memguard.dashboard.printing import report_now, shown


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the report as JSON")
    store_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Print the report."""
    report = report_of(asked)
    if asked.json:
        print(shown(report, as_json=True), end="")
    else:
        show(shown(report, as_json=False))
    return OK


def report_of(asked: argparse.Namespace) -> dict[str, Any]:
    """Return the report of the store and service that were asked for."""
    told = read(asked.store, asked.service)
    return report_now(told.stored, service=told.service, place=told.place, notes=told.notes)
