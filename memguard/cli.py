"""The command line: `memguard report` shows what the workers of a service told their store, without a web app."""

import argparse
import contextlib
import json
import os
import socket
import sqlite3
import sys
import time
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from memguard.dashboard.report import build
from memguard.dashboard.text import as_text
from memguard.model import WorkerId
from memguard.settings import Settings, SettingsError
from memguard.store import SqliteStore, WrongFileError, open_file
from memguard.store.places import SUFFIX, default_file, explicit_file

OK, WRONG = 0, 2


class _CommandError(Exception):
    """What was asked for cannot be shown; the message says why."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; return 0, or 2 where the arguments or the store are wrong."""
    asked = _parser().parse_args(arguments)
    try:
        report = _report(asked.store, asked.service)
    except (_CommandError, SettingsError, WrongFileError, OSError, sqlite3.Error) as error:
        place = f"{asked.store}: " if isinstance(error, WrongFileError | sqlite3.Error) else ""
        print(f"memguard: {place}{error}", file=sys.stderr)
        return WRONG
    # A terminal or a pipe that cannot show a character gets its number, and one that was closed is no error.
    with contextlib.suppress(AttributeError):
        sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # what tests put there has none
    try:
        print(json.dumps(report, indent=2) if asked.json else as_text(report), end="\n" if asked.json else "")
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    return OK


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="memguard", description=__doc__)
    parser.add_argument("--version", action="version", version=f"memguard {_version()}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    report = commands.add_parser("report", help="show findings, operations and workers of a service")
    report.add_argument(
        "--store",
        metavar="PATH",
        help="the store's file, or the directory it lies in (default: as for a worker started here)",
    )
    report.add_argument("--service", metavar="NAME", help="the service, where the store holds several")
    report.add_argument("--json", action="store_true", help="print the report as JSON")
    return parser


def _report(place: str | None, service: str | None) -> dict[str, Any]:
    path = _path(place, service)
    store = open_file(path, service or "")
    try:
        store.service = _service(store, path, service)
        stored = store.read()
    finally:
        store.close()
    me = WorkerId(socket.gethostname(), os.getpid(), 0.0)
    return build(stored, service=store.service, answered_by=me, now=time.time(), place=str(path))


def _path(place: str | None, service: str | None) -> Path:
    if place is None:
        settings = Settings.load({"service": service} if service else None)
        return Path(default_file(settings.service) if settings.store is None else explicit_file(settings))
    path = Path(place).expanduser()
    if not path.is_dir():
        return path
    if service is not None:
        return path / f"{service}{SUFFIX}"
    found = sorted(path.glob(f"*{SUFFIX}"))
    if len(found) != 1:
        names = ", ".join(each.stem for each in found)
        what = f"several stores; name one of its services with --service: {names}" if found else "no store"
        raise _CommandError(f"the directory {place} holds {what}")
    return found[0]


def _service(store: SqliteStore, path: Path, asked: str | None) -> str:
    services = store.services()
    if asked is None and len(services) <= 1:
        return services[0] if services else path.stem
    if asked in services:
        return str(asked)
    names = ", ".join(services) or "none yet"
    if asked is None:
        raise _CommandError(f"the store {path} holds several services; name one with --service: {names}")
    raise _CommandError(f"the store {path} holds nothing of a service {asked!r}; it holds: {names}")


def _version() -> str:
    try:
        return version("memguard-web")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
