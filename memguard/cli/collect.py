"""Have workers run a full garbage collection, which frees what only reference cycles keep."""

import argparse

from memguard.cli.asking import asking_arguments, run_action


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    asking_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Ask for it; return 1 where a worker could not do it."""
    return run_action(asked, "collect")
