"""The store in SQLite: every worker writes its rows about once a second, any worker reads all of them."""
# ruff: noqa: S608 (names of our own tables and columns are all that is put into statements)

import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from typing import TypeVar

from memguard.commands import Command
from memguard.model import Event, Flush, Stored, TimelinePoint, UnitRecord, WorkerId
from memguard.snapshots import Kept, Snapshot
from memguard.store import allocated, asked, attempts, curve, known, rows, seen
from memguard.store.accusing import Accused
from memguard.store.bounds import Bounds
from memguard.store.connection import Database
from memguard.store.counted import Counted
from memguard.store.listing import Choice, newest
from memguard.store.pruning import limit_size, make_room, newest_units, prune_if_due
from memguard.store.steps import Steps
from memguard.store.telling import Known as _Known
from memguard.store.telling import Told
from memguard.store.writing import insert, renew, row_of, written_row

EVENTS_READ = 200
"""The newest events that `read` hands back."""
BOUNDS = Bounds()
SECONDS_BETWEEN_CHECKS = 60.0
"""How often a worker looks whether it is time to prune."""
_Written = TypeVar("_Written")


class SqliteStore:
    """The rows of one service in one database; `flush` and `read` raise what the database raises.

    Args:
        database: The file, or memory.
        service: Whose rows are written and read; a file that was named explicitly may hold several services.
        bounds: How much is kept.
    """

    def __init__(self, database: Database, service: str, bounds: Bounds = BOUNDS) -> None:
        self.service = service
        self._bounds = bounds
        self._database = database
        self._counted, self._accused = Counted(), Accused()
        self._forget(0)

    @property
    def place(self) -> str:
        """The path of the file."""
        return self._database.path

    @property
    def notes(self) -> tuple[str, ...]:
        """Nothing to say: what goes wrong here is raised."""
        return ()

    def _forget(self, opened: int) -> None:
        self._opened = opened
        self._worker: WorkerId | None = None
        self._row: int | None = None
        self._checked = -inf
        self._written: _Known = {}
        self._steps = Steps(self._bounds)

    def flush(self, flush: Flush) -> None:
        """Write all that a worker has to tell, in one transaction."""
        try:
            written = self._with_room(lambda: self._told(flush), flush.worker.last_seen)
        except BaseException:
            self._forget(self._opened)
            raise
        self._written.update(written)

    def _told(self, flush: Flush) -> _Known:
        if self._opened != self._database.opened or self._worker != flush.worker.id:
            self._forget(self._database.opened)
            self._worker = flush.worker.id
        # All that takes Python's time is done before the file is locked, for which others wait.
        told = Told(flush, self._written, self._steps)
        with self._writing() as connection:
            if self._opened != self._database.opened:  # it was opened just now, and knows nothing of before
                self._forget(self._database.opened)
                self._worker = flush.worker.id
                limit_size(connection, self._bounds)
                told = Told(flush, self._written, self._steps)
            return self._write(connection, flush, told)

    def _with_room(self, write: Callable[[], _Written], now: float) -> _Written:
        """Write; where the file is as large as it may be, forget the oldest first. Raise where the disk is full."""
        try:
            return write()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_FULL:
                raise
            with self._writing() as connection:
                if not make_room(connection, now):
                    raise
            return write()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._database.session() as connection:
            connection.execute("BEGIN IMMEDIATE")
            yield connection
            connection.execute("COMMIT")

    def _write(self, connection: sqlite3.Connection, flush: Flush, told: Told) -> _Known:
        worker = written_row(connection, self.service, flush.worker, self._row)
        if worker != self._row:
            # Another worker of ours, or one that was pruned while it slept: nothing is known of it.
            if self._row is not None:
                self._written.clear()
                self._steps.forget()
                told = Told(flush, self._written, self._steps)
            self._row = worker
        if not renew(connection, worker, told.renewed):  # a worker that slept for days: its counts were forgotten
            told.operations = [rows.from_operation(each) for each in flush.operations]
        insert(connection, "REPLACE INTO operation", rows.OPERATION, worker, told.operations)
        insert(connection, "REPLACE INTO finding", "fingerprint, last_seen, body", worker, told.findings)
        for each in told.found:
            known.remember(connection, self.service, each)
        insert(connection, "INSERT INTO unit", rows.UNIT, worker, told.units)
        curve.write(connection, worker, told.due)
        insert(connection, "INSERT INTO event", rows.EVENT, worker, told.events)
        if flush.units:
            newest_units(connection)
        if not 0 <= flush.worker.last_seen - self._checked < SECONDS_BETWEEN_CHECKS:
            self._checked = flush.worker.last_seen
            prune_if_due(connection, flush.worker.last_seen, self._bounds)
        return told.changed

    def read(self, *, folded: bool = False) -> Stored:
        """Return all that is kept of the service, as of one moment; of the events the newest `EVENTS_READ`."""
        with self._database.session() as connection:
            connection.execute("BEGIN")
            workers, ids, opened = [], {}, self._database.opened
            found = connection.execute(f"SELECT id, {rows.WORKER} FROM worker WHERE service = ?", (self.service,))
            for row, *columns in found:
                workers.append(rows.to_worker(tuple(columns)))
                ids[row] = workers[-1].id
            return Stored(
                workers=tuple(workers),
                operations=tuple(
                    (ids[row[0]], rows.to_operation(row[1:]))
                    for row in self._counted.read(connection, self.service, folded=folded, opened=opened)
                ),
                findings=tuple(
                    (ids[worker], finding)
                    for worker, finding in self._accused.read(connection, self.service, folded=folded, opened=opened)
                ),
                events=tuple(
                    (WorkerId(*row[:3]), rows.to_event(row[3:]))
                    for row in newest(connection, "event", rows.EVENT, Choice(self.service, EVENTS_READ))
                ),
                known=known.read(connection, self.service),
            )

    def count_workers(self, since: float) -> int:
        """Return how many workers have told something after a moment."""
        query = "SELECT count(*) FROM worker WHERE service = ? AND last_seen > ?"
        with self._database.session() as connection:
            return int(connection.execute(query, (self.service, since)).fetchone()[0])

    def timeline(
        self, *, since: float = 0.0, until: float = inf, step: float | None = None, limit: int = 1000
    ) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the newest points after `since`, oldest first; of each worker and step the highest figures."""
        with self._database.session() as connection:
            found = curve.read(connection, Choice(self.service, limit, since, until), step, self._bounds)
        return [(WorkerId(*row[:3]), TimelinePoint(*row[3:])) for row in found]

    def events(self, *, since: float = 0.0, until: float = inf, limit: int = 1000) -> list[tuple[WorkerId, Event]]:
        """Return the newest events after `since`, oldest first."""
        with self._database.session() as connection:
            found = newest(connection, "event", rows.EVENT, Choice(self.service, limit, since, until))
        return [(WorkerId(*row[:3]), rows.to_event(row[3:])) for row in found]

    def units(
        self, *, since: float = 0.0, limit: int = 1000, operation: str | None = None
    ) -> list[tuple[WorkerId, UnitRecord]]:
        """Return the newest units that ended after `since`, oldest first; of one operation's name where it is given."""
        with self._database.session() as connection:
            found = newest(connection, "unit", rows.UNIT, Choice(self.service, limit, since, name=operation))
        return [(WorkerId(*row[:3]), rows.to_unit(row[3:])) for row in found]

    def add_commands(self, commands: Sequence[Command]) -> None:
        """Ask workers to do something."""
        with self._writing() as connection:
            asked.add(connection, self.service, commands)

    def take_commands(self, worker: WorkerId, now: float) -> list[Command]:
        """Return what waits for a worker; from then on it is running."""
        with self._database.session() as connection:
            if not asked.is_waited_for(connection, self.service, worker):
                return []
        with self._writing() as connection:
            return asked.take(connection, self.service, worker, now)

    def update_command(self, command: Command) -> None:
        """Say what has become of a command."""
        with self._writing() as connection:
            asked.update(connection, command)

    def commands(self, *, limit: int = 200) -> list[Command]:
        """Return the newest commands, newest first."""
        with self._database.session() as connection:
            return asked.read(connection, self.service, limit)

    def add_snapshot(self, worker: WorkerId, snapshot: Snapshot) -> None:
        """Keep a worker's latest snapshot; one of a worker that has told nothing yet is not kept."""
        with self._writing() as connection:
            row = row_of(connection, self.service, worker)
            if row is not None:
                seen.write(connection, row, snapshot)

    def snapshots(self) -> list[tuple[WorkerId, Snapshot]]:
        """Return the latest snapshot of each worker, newest first."""
        with self._database.session() as connection:
            return seen.read(connection, self.service)

    def add_allocations(self, worker: WorkerId, kept: Kept, body: bytes, *, most: int) -> None:
        """Keep a snapshot of allocations; one of a worker that has told nothing yet is not kept."""

        def add() -> None:
            with self._writing() as connection:
                row = row_of(connection, self.service, worker)
                allocated.add(connection, row, kept, body, most=most, bounds=self._bounds)

        self._with_room(add, kept.at)

    def allocations(self) -> list[tuple[WorkerId, Kept]]:
        """Return what is said of the snapshots of allocations, newest first."""
        with self._database.session() as connection:
            return allocated.read(connection, self.service)

    def allocations_of(self, name: str) -> bytes | None:
        """Return one of them, None where it is not there."""
        with self._database.session() as connection:
            return allocated.body(connection, self.service, name)

    def allow_login(self, peer: str, now: float, limit: attempts.Limit) -> bool:
        """Note an attempt to log in and return True, unless there were too many."""
        with self._writing() as connection:
            return attempts.allow(connection, self.service, peer, now, limit)

    def forget_logins(self, peer: str) -> None:
        """Forget the attempts from an address: one of them was right."""
        with self._writing() as connection:
            attempts.forget(connection, self.service, peer)

    def services(self) -> list[str]:
        """Return the names of all services in the database."""
        with self._database.session() as connection:
            return [name for (name,) in connection.execute("SELECT DISTINCT service FROM worker ORDER BY service")]

    def close(self) -> None:
        """Close this process's connection."""
        self._database.close()
