"""The report printed by a process that is no worker: read from the store that workers of the same settings write."""

import json
import os
import socket
import sqlite3
import time
from pathlib import Path
from typing import Any

from memguard.dashboard.report import build
from memguard.dashboard.text import as_text
from memguard.model import Stored, WorkerId
from memguard.settings import Settings
from memguard.store import WrongFileError, open_file, origin_of
from memguard.store.places import default_file, examine_place, explicit_file, is_redis


class UnreadableError(Exception):
    """There is no store, or it cannot be read; the message says in one line which and why."""


def printed(settings: Settings, *, as_json: bool) -> str:
    """Return the report of the service that these settings name.

    Raises:
        SettingsError: The store is the path of something else, or an address that cannot be read.
        UnreadableError: There is no store yet, or it cannot be read.
    """
    examine_place(settings)
    place, stored = _from_redis(settings) if is_redis(settings.store) else _from_file(settings)
    return shown(report_now(stored, service=settings.service, place=place), as_json=as_json)


def report_now(stored: Stored, *, service: str, place: str, notes: tuple[str, ...] = ()) -> dict[str, Any]:
    """Return the report as this process sees it, which is none of the workers."""
    me = WorkerId(socket.gethostname(), os.getpid(), 0.0)
    return build(stored, service=service, answered_by=me, now=time.time(), place=place, notes=notes)


def shown(report: dict[str, Any], *, as_json: bool) -> str:
    """Return a report as text for people, or as JSON, with a line's end."""
    return f"{json.dumps(report, indent=2)}\n" if as_json else as_text(report)


def _from_redis(settings: Settings) -> tuple[str, Stored]:
    origin = origin_of(settings)
    try:
        return origin.place, origin.open().read()
    except origin.faults as error:
        raise UnreadableError(f"{origin.place}: {origin.words(error)}") from None


def _from_file(settings: Settings) -> tuple[str, Stored]:
    try:
        path = default_file(settings.service) if settings.store is None else explicit_file(settings)
        store = open_file(Path(path), settings.service)
    except (OSError, WrongFileError) as error:
        raise UnreadableError(str(error)) from None
    try:
        return path, store.read()
    except (sqlite3.Error, OSError, WrongFileError) as error:
        raise UnreadableError(f"{path}: {error}") from None
    finally:
        store.close()
