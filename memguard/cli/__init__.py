"""The command line: what the workers of a service told their store, without a web app.

`memguard report` shows it, `memguard dashboard` serves its page, `memguard reproduce` turns one of its findings into a test. A command is one module here:
its name and a line of help stand in `COMMANDS`, its module has `arguments(parser)` and `run(asked) -> exit code`, and is
imported only when it is asked for.
"""

import argparse
import contextlib
import os
import sqlite3
import sys
from collections.abc import Container, Sequence
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version
from types import ModuleType
from typing import Any, NoReturn

from memguard.cli.command import INTERRUPTED, OK, WRONG, CommandError
from memguard.cli.completing import complete, words
from memguard.settings import SettingsError
from memguard.store import WrongFileError

__all__ = ["COMMANDS", "OK", "WRONG", "main"]

COMMANDS = {
    "top": "show workers and operations live; --once for one look",
    "report": "show findings, operations and workers of a service",
    "findings": "list findings, one line each; exit code 1 where something leaks",
    "units": "list the units that were recorded last, with their memory",
    "objects": "show what is alive in workers by type, and what has grown",
    "trace": "have workers record every unit with its memory, for some seconds",
    "collect": "have workers run a full garbage collection",
    "trim": "have workers give free memory back to the system",
    "recycle": "have workers replaced, one after the other",
    "doctor": "check whether memguard can do its work here: interpreter, store, ceilings, workers",
    "dashboard": "serve the page of a service from its store, where no web application does",
    "reproduce": "print a pytest file that fails while a finding's leak is there",
    "record": "run a program and draw what it uses over time",
    "profile": "print which lines take memory: of a Python program, or of the next units of a running service",
    "snapshot": "show a snapshot of allocations or a difference, or turn it into a flame graph, pprof, speedscope",
    "snapshots": "list the snapshots of allocations that workers have taken, or save one",
    "diff": "show what came between two snapshots of allocations; exit code 1 where it is too much",
    "completion": "print what bash, zsh or fish read to complete this command",
    "grafana": "print a dashboard for Grafana, as JSON to import",
}
"""Names of commands, in the order in which help lists them, and what each does."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return its exit code: 0, or 2 where the arguments or the store are wrong, or what it says."""
    # A terminal or a pipe that cannot show a character gets its number.
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what tests put there has none
    parser = _parser(words())
    complete(parser)
    asked, unknown = parser.parse_known_args(arguments)
    if unknown:
        parser.exit(WRONG, _complaint(f"unknown: {' '.join(unknown)}; see memguard {asked.command} --help"))
    try:
        code: int = _module(asked.command).run(asked)
        sys.stdout.flush()
    except BrokenPipeError:  # who reads has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return OK
    except (CommandError, SettingsError, WrongFileError, OSError, sqlite3.Error) as error:
        store = getattr(asked, "store", None)
        place = f"{store}: " if store and isinstance(error, WrongFileError | sqlite3.Error) else ""
        sys.stderr.write(_complaint(f"{place}{error}"))
        return WRONG
    except KeyboardInterrupt:
        return INTERRUPTED
    return code


class _Parser(argparse.ArgumentParser):
    """A command's parser. It asks the command's module for its arguments once it is used."""

    def __init__(self, *, module: str = "", **options: Any) -> None:
        super().__init__(**options)
        self._module = module

    def load(self) -> None:
        """Ask the command's module for its arguments."""
        if self._module:
            module, self._module = _module(self._module), ""
            self.description = module.__doc__
            module.arguments(self)

    def parse_known_args(self, args: Any = None, namespace: Any = None) -> Any:
        self.load()
        return super().parse_known_args(args, namespace)

    def error(self, message: str) -> NoReturn:
        """Say in one line what is wrong, and end with exit code 2."""
        self.exit(WRONG, _complaint(f"{message}; see {self.prog} --help"))


def _parser(words: Container[str]) -> _Parser:
    parser = _Parser(prog="memguard", description="What workers of a service do to memory.")
    parser.add_argument("--version", action="version", version=f"memguard {_version()}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name, told in COMMANDS.items():
        command = commands.add_parser(name, help=told, module=name)
        if name in words:
            command.load()
    return parser


def _complaint(message: str) -> str:
    """Return what is said on stderr: one line, whatever names it repeats."""
    from memguard.dashboard.text import plain  # a command that works does without

    return f"memguard: {plain(message)}\n"


def _module(command: str) -> ModuleType:
    return import_module(f"memguard.cli.{command}")


def _version() -> str:
    try:
        return version("memguard-web")
    except PackageNotFoundError:
        return "(not installed)"
