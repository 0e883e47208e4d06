"""Show what came between two snapshots of allocations, the most grown first.

A snapshot is a file, or the id of one that the store keeps (`memguard snapshots` lists them). With --fail-over exit code 1 says that it is more than so much, for scripts and for CI.
"""

import argparse

from memguard import allocations
from memguard.cli.command import FOUND, OK, CommandError
from memguard.cli.kept import kept_arguments, named_arguments, read
from memguard.cli.snapshot import choice_arguments, chosen, show
from memguard.units import parse_bytes


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    named_arguments(
        parser.add_argument("before", metavar="BEFORE", help="the earlier snapshot: a file, or an id of the store's"),
        parser.add_argument("after", metavar="AFTER", help="the later one"),
    )
    parser.add_argument("--fail-over", metavar="SIZE", help="exit code 1 where more than this came: 10MB")
    choice_arguments(parser)
    kept_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Show it, or write it; return 1 where it is more than is allowed."""
    try:
        most = None if asked.fail_over is None else parse_bytes(asked.fail_over)
    except ValueError as error:
        raise CommandError(f"--fail-over {asked.fail_over}: {error}") from None
    grown = chosen(allocations.difference(read(asked.before, asked), read(asked.after, asked)), asked)
    show(grown, asked)
    return FOUND if most is not None and grown.bytes > most else OK
