"""The store that does not fail: on its file while that works, in this process's memory while it does not."""

import os
import sqlite3
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

from memguard.forking import reset_in_child
from memguard.model import Event, Finding, Flush, Stored, TimelinePoint, UnitRecord, WorkerId
from memguard.safety import log
from memguard.store.connection import MEMORY, Database, InheritedError
from memguard.store.pruning import TIMELINE_KEPT, UNITS_KEPT
from memguard.store.schema import WrongFileError
from memguard.store.sqlite import SqliteStore

RETRY_SECONDS = 30.0
"""Between two tries to use the file again."""
RETRY_BUSY_SECONDS = 2.0
"""The same where another process merely held its lock for too long."""
LOG_AGAIN_SECONDS = 300.0

FAULTS = (sqlite3.Error, OSError, WrongFileError, InheritedError)
_BUSY = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)

_Answer = TypeVar("_Answer")


class ResilientStore:
    """A `Store` whose methods do not raise what a file system or another process brings about.

    Nothing of this worker is lost in memory: its state and its operations are cumulative, its findings are remembered,
    and units, timeline and events are written to the file once that works again. Only the other workers are out of
    sight meanwhile, which `notes` says.

    Args:
        locate: Returns the path of the file, or raises OSError; asked again in every process and at every new try.
        service: Whose rows these are.
        clock: Seconds that only grow.
    """

    def __init__(self, locate: Callable[[], str], service: str, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._locate = locate
        self._service = service
        self._clock = clock
        self._logged: dict[str, float] = {}
        self._start()
        reset_in_child(self._start)

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._file: SqliteStore | None = None
        self._memory: SqliteStore | None = None
        self._retry_at = 0.0
        self._note = ""
        self._path = ""
        self._last: Flush | None = None
        self._findings: dict[str, Finding] = {}

    def _own_lock(self) -> threading.Lock:
        if self._pid != os.getpid():  # forked by C code, which runs no hook
            self._start()
        return self._lock

    @property
    def place(self) -> str:
        """The path of the file, or `:memory:` while it cannot be used."""
        return MEMORY if self._memory is not None else self._path

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence that names the file and the reason while the store is in memory."""
        return (self._note,) if self._note else ()

    def flush(self, flush: Flush) -> None:
        """Write all that this worker has to tell; into memory where the file does not take it."""
        with self._own_lock():
            self._last = replace(flush, units=(), timeline=(), events=())
            self._findings.update((finding.fingerprint, finding) for finding in flush.findings)
            if self._memory is None or self._clock() >= self._retry_at:
                try:
                    self._to_file(flush)
                    return
                except FAULTS as error:
                    self._to_memory(error)
            self._in_memory().flush(flush)

    def read(self) -> Stored:
        """Return all that is kept of the service; only of this process while the store is in memory."""
        return self._answer(lambda store: store.read())

    def timeline(self, *, since: float = 0.0, limit: int = 1000) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the newest points after `since`, oldest first."""
        return self._answer(lambda store: store.timeline(since=since, limit=limit))

    def units(
        self, *, since: float = 0.0, limit: int = 1000, operation: str | None = None
    ) -> list[tuple[WorkerId, UnitRecord]]:
        """Return the newest units that ended after `since`, oldest first; of one operation's name where it is given."""
        return self._answer(lambda store: store.units(since=since, limit=limit, operation=operation))

    def close(self) -> None:
        """Close what this process has open; the next use opens it again."""
        with self._own_lock():
            if self._file is not None:
                self._file.close()

    def _answer(self, question: Callable[[SqliteStore], _Answer]) -> _Answer:
        with self._own_lock():
            if self._memory is None:
                try:
                    return question(self._opened())
                except FAULTS as error:
                    self._to_memory(error)
            return question(self._in_memory())

    def _opened(self) -> SqliteStore:
        if self._file is None:
            self._path = self._locate()
            self._file = SqliteStore(Database(self._path), self._service)
        return self._file

    def _to_file(self, flush: Flush) -> None:
        memory = self._memory
        if memory is None:
            self._opened().flush(flush)
            return
        back = Event(flush.worker.last_seen, "store", {"state": "file", "path": self._path})
        missed = replace(
            flush,
            findings=tuple(self._findings.values()),
            units=(*(unit for _, unit in memory.units(limit=UNITS_KEPT)), *flush.units),
            timeline=(*(point for _, point in memory.timeline(limit=TIMELINE_KEPT)), *flush.timeline),
            events=(*(event for _, event in memory.read().events), *flush.events, back),
        )
        self._opened().flush(missed)
        memory.close()
        self._memory, self._note = None, ""
        log.warning("memguard: the store file %s works again", self._path)

    def _in_memory(self) -> SqliteStore:
        if self._memory is None:
            self._memory = SqliteStore(Database(MEMORY), self._service)
            if self._last is not None:
                self._memory.flush(replace(self._last, findings=tuple(self._findings.values())))
        return self._memory

    def _to_memory(self, error: Exception) -> None:
        busy = isinstance(error, sqlite3.Error) and (getattr(error, "sqlite_errorcode", 0) & 0xFF) in _BUSY
        wait = RETRY_BUSY_SECONDS if busy else RETRY_SECONDS
        self._retry_at = self._clock() + wait
        if self._file is not None and not busy:
            with suppress(*FAULTS):
                self._file.close()
            self._file = None
        reason = _words(error)
        self._note = (
            f"The store file {self._path or 'of this service'} cannot be used ({reason}): this worker goes on in its "
            f"own memory, other workers are not shown here, and the file is tried again every {wait:.0f} seconds."
        )
        if self._clock() - self._logged.get(reason, -LOG_AGAIN_SECONDS) >= LOG_AGAIN_SECONDS:
            self._logged = {**({} if len(self._logged) > 50 else self._logged), reason: self._clock()}
            log.warning("memguard: %s", self._note)
        if self._memory is None:
            told = self._in_memory()
            if self._last is not None:
                detail = {"state": "memory", "path": self._path, "reason": reason}
                told.flush(replace(self._last, events=(Event(self._last.worker.last_seen, "store", detail),)))


def _words(error: Exception) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        where = f": {os.fspath(error.filename)!r}" if isinstance(error.filename, str) else ""
        return f"{os.strerror(error.errno)}{where}"
    return str(error)
