"""Have workers replaced: each finishes what it has in hand, leaves, and its server starts a fresh one.

They leave one after the other, as under a ceiling. Exit code 1 where one cannot be replaced.
"""

import argparse

from memguard.cli.asking import asking_arguments, run_action


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    asking_arguments(parser)


def run(asked: argparse.Namespace) -> int:
    """Ask for it; return 1 where a worker could not do it."""
    return run_action(asked, "recycle")
