"""The store that does not fail: where it belongs while that works, in this process's memory while it does not."""

import os
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from math import inf
from typing import TypeVar

from memguard.commands import Command
from memguard.forking import reset_in_child
from memguard.model import Event, Finding, Flush, Stored, TimelinePoint, UnitRecord, WorkerId
from memguard.safety import log
from memguard.snapshots import Kept, Snapshot
from memguard.store.attempts import Limit
from memguard.store.bounds import Bounds
from memguard.store.connection import MEMORY, Database
from memguard.store.held import Held
from memguard.store.origins import Origin
from memguard.store.protocol import Store
from memguard.store.pruning import UNITS_KEPT
from memguard.store.sqlite import BOUNDS, SqliteStore

LOG_AGAIN_SECONDS = 300.0
BRIEF_TRIES = 4
"""How often a question is asked where another process merely holds a lock, which each time is waited for a moment."""

POINTS_MOST = 10_000
"""More than all tiers of a timeline have for one worker."""

_Answer = TypeVar("_Answer")


class ResilientStore:
    """A `Store` whose methods do not raise what a file system, a network or another process brings about.

    Nothing of this worker is lost in memory: its state and its operations are cumulative, its findings are remembered,
    and units, timeline and events are written once the store works again. Only the other workers are out of sight
    meanwhile, which `notes` says.

    Args:
        origin: Where the store really is; asked again in every process and at every new try.
        service: Whose rows these are.
        bounds: How much is kept in memory.
        clock: Seconds that only grow.
    """

    def __init__(
        self, origin: Origin, service: str, bounds: Bounds = BOUNDS, *, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._origin = origin
        self._service = service
        self._bounds = bounds
        self._clock = clock
        self._logged: dict[str, float] = {}
        self._start()
        reset_in_child(self._start)

    def _start(self) -> None:
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._real: Store | None = None
        self._memory: SqliteStore | None = None
        self._retry_at = 0.0
        self._note = ""
        self._held = Held()
        self._last: Flush | None = None
        self._findings: dict[str, Finding] = {}

    def _own_lock(self) -> threading.Lock:
        if self._pid != os.getpid():  # forked by C code, which runs no hook
            self._start()
        return self._lock

    @property
    def place(self) -> str:
        """The path or address of the store, or `:memory:` while it cannot be used."""
        return MEMORY if self._memory is not None else self._origin.place

    @property
    def notes(self) -> tuple[str, ...]:
        """One sentence that names the store and the reason while it is in memory."""
        return (self._note,) if self._note else ()

    def flush(self, flush: Flush) -> None:
        """Write all that this worker has to tell; into memory where the store does not take it."""
        with self._own_lock():
            self._last = replace(flush, units=(), timeline=(), events=())
            self._findings.update((finding.fingerprint, finding) for finding in flush.findings)
            if self._memory is None or self._clock() >= self._retry_at:
                flush = self._held.put_before(flush)
                try:
                    self._to_origin(flush)
                    self._held.take()
                    return
                except self._origin.faults as error:
                    if self._memory is None and self._origin.is_brief(error) and self._held.hold(flush, self._clock()):
                        return
                    self._held.take()
                    self._to_memory(error)
            self._in_memory().flush(flush)

    def read(self, *, folded: bool = False) -> Stored:
        """Return all that is kept of the service; only of this process while the store is in memory."""
        return self._answer(lambda store: store.read(folded=folded))

    def count_workers(self, since: float) -> int:
        """Return how many workers have told something after a moment."""
        return self._answer(lambda store: store.count_workers(since))

    def timeline(
        self, *, since: float = 0.0, until: float = inf, step: float | None = None, limit: int = 1000
    ) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the newest points after `since`, oldest first; of each worker and step the highest figures."""
        return self._answer(lambda store: store.timeline(since=since, until=until, step=step, limit=limit))

    def events(self, *, since: float = 0.0, until: float = inf, limit: int = 1000) -> list[tuple[WorkerId, Event]]:
        """Return the newest events after `since`, oldest first."""
        return self._answer(lambda store: store.events(since=since, until=until, limit=limit))

    def units(
        self, *, since: float = 0.0, limit: int = 1000, operation: str | None = None
    ) -> list[tuple[WorkerId, UnitRecord]]:
        """Return the newest units that ended after `since`, oldest first; of one operation's name where it is given."""
        return self._answer(lambda store: store.units(since=since, limit=limit, operation=operation))

    def add_commands(self, commands: Sequence[Command]) -> None:
        """Ask workers to do something; while the store is in memory only this one hears of it."""
        self._answer(lambda store: store.add_commands(commands))

    def take_commands(self, worker: WorkerId, now: float) -> list[Command]:
        """Return what waits for a worker; from then on it is running."""
        return self._answer(lambda store: store.take_commands(worker, now))

    def update_command(self, command: Command) -> None:
        """Say what has become of a command."""
        self._answer(lambda store: store.update_command(command))

    def commands(self, *, limit: int = 200) -> list[Command]:
        """Return the newest commands, newest first."""
        return self._answer(lambda store: store.commands(limit=limit))

    def add_snapshot(self, worker: WorkerId, snapshot: Snapshot) -> None:
        """Keep a worker's latest snapshot."""
        self._answer(lambda store: store.add_snapshot(worker, snapshot))

    def snapshots(self) -> list[tuple[WorkerId, Snapshot]]:
        """Return the latest snapshot of each worker, newest first."""
        return self._answer(lambda store: store.snapshots())

    def add_allocations(self, worker: WorkerId, kept: Kept, body: bytes, *, most: int) -> None:
        """Keep a snapshot of allocations."""
        self._answer(lambda store: store.add_allocations(worker, kept, body, most=most))

    def allocations(self) -> list[tuple[WorkerId, Kept]]:
        """Return what is said of the snapshots of allocations, newest first."""
        return self._answer(lambda store: store.allocations())

    def allocations_of(self, name: str) -> bytes | None:
        """Return one of them, None where it is not there."""
        return self._answer(lambda store: store.allocations_of(name))

    def allow_login(self, peer: str, now: float, limit: Limit) -> bool:
        """Note an attempt to log in and return True, unless there were too many; in memory, of this worker alone."""
        return self._answer(lambda store: store.allow_login(peer, now, limit))

    def forget_logins(self, peer: str) -> None:
        """Forget the attempts from an address: one of them was right."""
        self._answer(lambda store: store.forget_logins(peer))

    def close(self) -> None:
        """Close what this process has open; the next use opens it again."""
        with self._own_lock():
            if self._real is None:
                return
            for _ in range(BRIEF_TRIES):
                held = self._held.take()
                if held is None:
                    break
                try:
                    self._real.flush(held)
                except self._origin.faults as error:
                    if self._origin.is_brief(error):
                        self._held.hold(held, self._clock())
            self._real.close()

    def _answer(self, question: Callable[[Store], _Answer]) -> _Answer:
        with self._own_lock():
            tries = BRIEF_TRIES
            while self._memory is None:
                tries -= 1
                try:
                    return question(self._opened())
                except self._origin.faults as error:
                    if not tries or not self._origin.is_brief(error):
                        self._to_memory(error)
            return question(self._in_memory())

    def _opened(self) -> Store:
        if self._real is None:
            self._real = self._origin.open()
        return self._real

    def _to_origin(self, flush: Flush) -> None:
        memory = self._memory
        if memory is None:
            self._opened().flush(flush)
            return
        back = Event(flush.worker.last_seen, "store", {"state": self._origin.kind, "path": self._origin.place})
        missed = replace(
            flush,
            findings=tuple(self._findings.values()),
            units=(*(unit for _, unit in memory.units(limit=UNITS_KEPT)), *flush.units),
            timeline=(*(point for _, point in memory.timeline(limit=POINTS_MOST)), *flush.timeline),
            events=(*(event for _, event in memory.read().events), *flush.events, back),
        )
        self._opened().flush(missed)
        memory.close()
        self._memory, self._note = None, ""
        log.warning("memguard: the %s %s works again", self._origin.name, self._origin.place)

    def _in_memory(self) -> SqliteStore:
        if self._memory is None:
            self._memory = SqliteStore(Database(MEMORY), self._service, self._bounds)
            if self._last is not None:
                self._memory.flush(replace(self._last, findings=tuple(self._findings.values())))
        return self._memory

    def _to_memory(self, error: Exception) -> None:
        origin, wait = self._origin, self._origin.retry_seconds(error)
        self._retry_at = self._clock() + wait
        if self._real is not None and not origin.is_brief(error):
            with suppress(*origin.faults):
                self._real.close()
            self._real = None
        reason = origin.words(error)
        self._note = (
            f"The {origin.name} {origin.place or 'of this service'} cannot be used ({reason}): this worker goes on in its "
            f"own memory, other workers are not shown here, and it is tried again every {wait:.0f} seconds."
        )
        if self._clock() - self._logged.get(reason, -LOG_AGAIN_SECONDS) >= LOG_AGAIN_SECONDS:
            self._logged = {**({} if len(self._logged) > 50 else self._logged), reason: self._clock()}
            log.warning("memguard: %s", self._note)
        if self._memory is None:
            told = self._in_memory()
            if self._last is not None:
                detail = {"state": "memory", "path": origin.place, "reason": reason}
                told.flush(replace(self._last, events=(Event(self._last.worker.last_seen, "store", detail),)))
            held = self._held.take()
            if held is not None:
                told.flush(held)
