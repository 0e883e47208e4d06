"""What a shell is offered for an argument: what the store holds that the command would read."""

import argparse
import os
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from memguard.cli.stores import opened
from memguard.store import Store

VARIABLE = "_ARGCOMPLETE"
"""A shell that asks for completions sets it."""


def words() -> frozenset[str]:
    """Return the words of the line that a shell wants completed, none where it asks for nothing.

    argcomplete looks at a command's arguments before the command is parsed: those of the commands among them are needed.
    """
    return frozenset(os.environ.get("COMP_LINE", "").split()) if VARIABLE in os.environ else frozenset()


def complete(parser: argparse.ArgumentParser) -> None:
    """Answer a shell that asks what could come next, and end the process; return where none asks, or argcomplete is missing."""
    if VARIABLE not in os.environ:
        return
    with suppress(ImportError):
        import argcomplete

        argcomplete.autocomplete(parser)


def offers(argument: argparse.Action, told: Callable[[Store], Iterable[str]], *, files: bool = False) -> None:
    """Have a shell offer for an argument what is told of the store; and files besides, where those are taken, too."""

    def completer(prefix: str, parsed_args: argparse.Namespace, **_: Any) -> list[str]:
        found: list[str] = []
        with suppress(Exception):  # no store, several services: then there is nothing to offer
            store, service = getattr(parsed_args, "store", None), getattr(parsed_args, "service", None)
            with opened(store, service) as each:
                found += told(each.store)
        if files:
            from argcomplete.completers import FilesCompleter

            found += FilesCompleter()(prefix)
        return found

    argument.completer = completer  # type: ignore[attr-defined]  # where argcomplete looks for it
