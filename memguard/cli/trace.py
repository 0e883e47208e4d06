"""Have workers record every unit with its memory, and where objects are allocated, for some seconds.

Requests and tasks take 3 to 10 times as long meanwhile. `memguard units` and `memguard objects` show what it gave.
"""

import argparse

from memguard.cli.asking import asking_arguments, run_action, traced_seconds
from memguard.commands import TRACE_SECONDS_MOST
from memguard.dashboard.commanding import TRACE_SECONDS


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "--seconds", metavar="TIME", default=f"{TRACE_SECONDS:.0f}",
        help=f"how long: 30, 5m (default: {TRACE_SECONDS:.0f}, at most {TRACE_SECONDS_MOST:.0f})",
    )  # fmt: skip
    asking_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Ask for it, and wait until it is over; return 1 where a worker could not do it."""
    return run_action(asked, "trace", traced_seconds("--seconds", asked.seconds))
