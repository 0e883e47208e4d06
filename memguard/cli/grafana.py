"""Print a dashboard for Grafana, as JSON to import there: what `/_memguard/metrics` tells Prometheus."""

import argparse
from importlib.resources import files

from memguard.cli.command import OK


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the one argument that every command has; what is printed is JSON anyhow."""
    parser.add_argument("--json", action="store_true", help="print it as JSON, which it is in any case")


def run(_: argparse.Namespace) -> int:
    """Print it."""
    print((files("memguard.export") / "grafana.json").read_text(), end="")
    return OK
