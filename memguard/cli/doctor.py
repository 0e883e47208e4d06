"""Check whether memguard can do its work here, as a worker that is started with the same environment would find it.

Exit code 1 where anything is wrong.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from memguard import ownership
from memguard.cli.command import FOUND, OK, CommandError
from memguard.cli.report import report_of
from memguard.cli.terminal import show
from memguard.dashboard.text import plain
from memguard.instruments.heap import choose_window
from memguard.instruments.native import NativeReader
from memguard.instruments.rss import memory_limit
from memguard.settings import Ceiling, Settings
from memguard.store import Limit, WrongFileError, origin_of
from memguard.store.places import default_file, explicit_file, is_redis
from memguard.units import format_bytes

Grade = Literal["ok", "note", "wrong"]
NOBODY = "memguard doctor"
"""What stands for an address in the store's list of logins, as no address does."""


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that was looked at, how it is, and what to do where it is wrong."""

    what: str
    grade: Grade
    told: str


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the checks as JSON")
    parser.add_argument("--service", metavar="NAME", help="the service (default: as for a worker started here)")


def run(asked: argparse.Namespace) -> int:
    """Print the checks; return 1 where anything is wrong."""
    settings = Settings.load({"service": asked.service} if asked.service else None)
    checks = [*_interpreter(), *_store(settings), *_ceilings(settings)]
    if not any(check.what == "store" and check.grade == "wrong" for check in checks):
        checks += _workers(settings)
    if asked.json:
        print(json.dumps([asdict(check) for check in checks], indent=2))
    else:
        show("".join(f"{check.grade:<6} {check.what:<12} {plain(check.told)}\n" for check in checks))
    return FOUND if any(check.grade == "wrong" for check in checks) else OK


def _interpreter() -> Iterator[Check]:
    version = ".".join(map(str, sys.version_info[:3]))
    if not getattr(sys, "_is_gil_enabled", lambda: True)():
        yield Check(
            "interpreter", "wrong", f"Python {version} without the GIL is not supported; use an ordinary build."
        )
    else:
        window, note = choose_window()
        exact = (
            f"Python {version}; windows are exact." if window is not None and not note else f"Python {version}; {note}"
        )
        yield Check("interpreter", "note" if note else "ok", exact)
    clash = ownership.clash()
    if clash:
        yield Check("package", "wrong", clash)
    if NativeReader().read() is None:
        yield Check(
            "native", "note", "The C library does not say what it has in use: native leaks are a curve, no more."
        )


def _store(settings: Settings) -> Iterator[Check]:
    if is_redis(settings.store):
        yield _redis(settings)
        return
    try:
        path = Path(explicit_file(settings) if settings.store else default_file(settings.service))
    except OSError as error:
        yield Check("store", "wrong", f"{error}; set MEMGUARD_STORE to a path that only this user can read.")
        return
    nearest = path if path.exists() else next(each for each in path.parents if each.exists())
    if os.access(nearest, os.W_OK):
        yield Check("store", "ok", f"{path} can be written.")
    else:
        yield Check("store", "wrong", f"{path} cannot be written by this user: workers would keep all in memory.")


def _redis(settings: Settings) -> Check:
    """Write to a Redis, through the store that workers use, something of which nothing stays."""
    origin = origin_of(settings)
    try:
        store = origin.open()
        try:
            store.allow_login(NOBODY, time.time(), Limit(60.0, 1_000, 1_000))
            store.forget_logins(NOBODY)
        finally:
            store.close()
    except origin.faults as error:
        told = f"{origin.place}: {origin.words(error)}; workers keep all in their own memory until it takes what they write."
        return Check("store", "wrong", told)
    return Check("store", "ok", f"{origin.place} answers and can be written.")


def _ceilings(settings: Settings) -> Iterator[Check]:
    limit = memory_limit()
    for name, ceiling in (("ceiling", settings.rss_ceiling), ("hard ceiling", settings.rss_hard_ceiling)):
        size = None if ceiling is None else _in_bytes(ceiling, limit)
        if size is not None and size >= limit:
            yield Check(
                name, "wrong",
                f"{format_bytes(size)} is no less than the {format_bytes(limit)} that this container or machine has: the "
                "kernel kills a worker before memguard replaces it.",
            )  # fmt: skip
        elif size is not None:
            yield Check(name, "ok", f"{format_bytes(size)} of {format_bytes(limit)} that there are.")
    if settings.rss_ceiling is None and settings.rss_hard_ceiling is None:
        yield Check("ceiling", "note", "No ceiling is set: no worker is replaced, however large it becomes.")


def _in_bytes(ceiling: Ceiling, limit: int) -> int | None:
    return ceiling.bytes if ceiling.bytes is not None else round(ceiling.share * limit) if ceiling.share else None


def _workers(settings: Settings) -> Iterator[Check]:
    try:
        report = report_of(argparse.Namespace(store=None, service=settings.service))
    except (CommandError, OSError, WrongFileError):
        yield Check("workers", "note", f"No worker of the service {settings.service!r} has told anything yet.")
        return
    living = [row for row in report["workers"] if row["alive"]]
    if not living:
        yield Check("workers", "note", f"No worker of the service {settings.service!r} is alive.")
    for row in living:
        who = f"{row['kind']} {row['pid']} on {row['host']}, {row['server']}"
        ceiling, baseline = row["ceiling_bytes"], row["rss_baseline_bytes"]
        if ceiling is not None and baseline is not None and baseline >= ceiling:
            yield Check(
                "worker", "wrong",
                f"{who}: it used {format_bytes(baseline)} when its first unit began, over its ceiling of "
                f"{format_bytes(ceiling)}: a new one would be over it at once. Raise the ceiling.",
            )  # fmt: skip
        else:
            yield Check("worker", "note" if row["notes"] else "ok", "; ".join([who, *row["notes"]]))
        yield from _replacement(row)
    if living:
        yield _wiring(living)


def _replacement(row: dict[str, Any]) -> Iterator[Check]:
    """Say whether and how a worker is replaced; that it cannot be is a fault only where it has a ceiling."""
    who = f"{row['kind']} {row['pid']}"
    if row["stays_because"]:
        has_ceiling = row["ceiling_bytes"] is not None or row["hard_ceiling_bytes"] is not None
        told = f"{who} cannot be replaced: {row['stays_because']}."
        yield Check("replacement", "wrong" if has_ceiling else "note", told)
    elif row["leaves"]:
        yield Check("replacement", "ok", f"{who}: {row['leaves']}.")


def _wiring(living: list[dict[str, Any]]) -> Check:
    inner = {row["inner_adapter"]: row for row in living if row["inner_adapter"]}
    if not inner:
        return Check("wiring", "ok", "Each unit passes one adapter of memguard.")
    who = ", ".join(f"{name} in {row['kind']} {row['pid']}" for name, row in inner.items())
    return Check(
        "wiring", "wrong", f"Units pass a second adapter of memguard, which does nothing: {who}. Take one out."
    )
