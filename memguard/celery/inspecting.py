"""`celery inspect memguard`: each worker answers with its own part of the report, as Celery's own commands do."""

import sys
import time
import weakref
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import psutil
from celery import Celery

from memguard.dashboard.report import build
from memguard.instruments.process import worker_id
from memguard.model import WorkerId
from memguard.safety import Part
from memguard.settings import Settings
from memguard.store import open_store

CONTROL = "celery.worker.control"
SECONDS_TO_ANSWER = 5.0

_part = Part("answering celery inspect")
_watched: "weakref.WeakKeyDictionary[Celery, Callable[[], Settings]]" = weakref.WeakKeyDictionary()


def offer(app: Celery, settings: Callable[[], Settings]) -> None:
    """Let workers of an application answer; `settings` says what they are watched by.

    Celery keeps its commands in a module that a process which only sends tasks has no need of. A worker has it, and so
    has the command line before it loads the application, which is how it knows the command.
    """
    _watched[app] = settings
    if CONTROL in sys.modules:
        register()


def register() -> None:
    """Add the command to those of Celery, in a worker or the command line."""
    from celery.worker.control import inspect_command

    inspect_command(name="memguard", default_timeout=SECONDS_TO_ANSWER)(answer)


def answer(state: Any, **_: Any) -> dict[str, Any]:
    """What memguard knows of this worker's processes, their operations and findings."""
    settings = _watched.get(state.app)
    if settings is None:
        return {"error": "memguard does not watch this application"}
    with _part:
        return _report(settings())
    return {"error": "memguard could not answer; this worker's log says why"}


def _report(settings: Settings) -> dict[str, Any]:
    me = worker_id()
    pids = {me.pid, *(child.pid for child in psutil.Process().children())}

    def is_mine(worker: WorkerId) -> bool:
        return worker.host == me.host and worker.pid in pids

    # Opened for this answer alone: the parent of a pool goes on to fork.
    store = open_store(settings)
    try:
        told = store.read()
        mine = replace(
            told,
            workers=tuple(each for each in told.workers if is_mine(each.id)),
            operations=tuple(row for row in told.operations if is_mine(row[0])),
            findings=tuple(row for row in told.findings if is_mine(row[0])),
            events=tuple(row for row in told.events if is_mine(row[0])),
        )
        return build(mine, service=settings.service, answered_by=me, now=time.time(), notes=store.notes)
    finally:
        store.close()
