"""The store in SQLite: every worker writes its rows about once a second, any worker reads all of them."""
# ruff: noqa: S608 (names of our own tables and columns are all that is put into statements)

import sqlite3
from collections.abc import Iterable

from memguard.model import Finding, Flush, Operation, OperationStats, Stored, TimelinePoint, UnitRecord, WorkerId
from memguard.store import rows
from memguard.store.connection import Database
from memguard.store.pruning import UNITS_KEPT, newest_units, prune_if_due

EVENTS_READ = 200
"""The newest events that `read` hands back."""

_Known = dict[Operation | str, OperationStats | Finding]
"""What this process last wrote, by operation and by fingerprint."""

_KEY = "service = ? AND host = ? AND pid = ? AND started_at = ?"


class SqliteStore:
    """The rows of one service in one database; `flush` and `read` raise what the database raises.

    Args:
        database: The file, or memory.
        service: Whose rows are written and read; a file that was named explicitly may hold several services.
    """

    def __init__(self, database: Database, service: str) -> None:
        self.service = service
        self._database = database
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
        self._row: int | None = None
        self._written: _Known = {}

    def flush(self, flush: Flush) -> None:
        """Write all that a worker has to tell, in one transaction."""
        with self._database.session() as connection:
            if self._opened != self._database.opened:
                self._forget(self._database.opened)
            connection.execute("BEGIN IMMEDIATE")
            try:
                written = self._write(connection, flush)
                connection.execute("COMMIT")
            except BaseException:
                self._forget(self._opened)
                raise
            self._written.update(written)

    def _write(self, connection: sqlite3.Connection, flush: Flush) -> _Known:
        worker = self._worker(connection, flush)
        # What is whole is told again each time, and seldom differs from the time before.
        known = self._written
        changed = {each.judgement.operation: each for each in flush.operations}
        changed = {operation: each for operation, each in changed.items() if known.get(operation) != each}
        found = {each.fingerprint: each for each in flush.findings if known.get(each.fingerprint) != each}
        operations = map(rows.from_operation, changed.values())
        findings = map(rows.from_finding, found.values())
        units = map(rows.from_unit, flush.units[-UNITS_KEPT:])
        points = map(rows.from_point, flush.timeline)
        _insert(connection, "REPLACE INTO operation", rows.OPERATION, worker, operations)
        _insert(connection, "REPLACE INTO finding", "fingerprint, last_seen, body", worker, findings)
        _insert(connection, "INSERT INTO unit", rows.UNIT, worker, units)
        _insert(connection, "INSERT INTO timeline", rows.TIMELINE, worker, points)
        _insert(connection, "INSERT INTO event", rows.EVENT, worker, map(rows.from_event, flush.events))
        if flush.units:
            newest_units(connection)
        prune_if_due(connection, flush.worker.last_seen)
        written: _Known = {}
        written.update(changed.items())
        written.update(found.items())
        return written

    def _worker(self, connection: sqlite3.Connection, flush: Flush) -> int:
        columns = rows.WORKER.split(", ")
        renewed = ", ".join(f"{column} = excluded.{column}" for column in columns[3:])
        connection.execute(
            f"INSERT INTO worker (service, {rows.WORKER}) VALUES (?{', ?' * len(columns)}) "
            f"ON CONFLICT (service, host, pid, started_at) DO UPDATE SET {renewed}",
            (self.service, *rows.from_worker(flush.worker)),
        )
        me = flush.worker.id
        found = connection.execute(
            f"SELECT id FROM worker WHERE {_KEY}", (self.service, rows.text(me.host), me.pid, me.started_at)
        )
        (row,) = found.fetchone()
        if row != self._row:  # another worker of ours, or one that was pruned while it slept
            self._written.clear()
            self._row = row
        return int(row)

    def read(self) -> Stored:
        """Return all that is kept of the service, as of one moment; of the events the newest `EVENTS_READ`."""
        with self._database.session() as connection:
            connection.execute("BEGIN")
            workers, ids = [], {}
            found = connection.execute(f"SELECT id, {rows.WORKER} FROM worker WHERE service = ?", (self.service,))
            for row, *columns in found:
                workers.append(rows.to_worker(tuple(columns)))
                ids[row] = workers[-1].id
            return Stored(
                workers=tuple(workers),
                operations=tuple(
                    (ids[worker], rows.to_operation(tuple(columns)))
                    for worker, *columns in connection.execute(f"SELECT worker, {rows.OPERATION} FROM operation")
                    if worker in ids
                ),
                findings=tuple(
                    (ids[worker], rows.to_finding(body))
                    for worker, body in connection.execute("SELECT worker, body FROM finding")
                    if worker in ids
                ),
                events=tuple(
                    (ids[worker], rows.to_event(tuple(columns)))
                    for worker, *columns in reversed(self._newest(connection, "event", rows.EVENT, EVENTS_READ))
                ),
            )

    def timeline(self, *, since: float = 0.0, limit: int = 1000) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the newest points after `since`, oldest first."""
        with self._database.session() as connection:
            found = self._newest(connection, "timeline", rows.TIMELINE, limit, since=since, key=True)
        return [(WorkerId(*row[:3]), TimelinePoint(*row[3:])) for row in reversed(found)]

    def units(
        self, *, since: float = 0.0, limit: int = 1000, operation: str | None = None
    ) -> list[tuple[WorkerId, UnitRecord]]:
        """Return the newest units that ended after `since`, oldest first; of one operation's name where it is given."""
        with self._database.session() as connection:
            found = self._newest(connection, "unit", rows.UNIT, limit, since=since, key=True, name=operation)
        return [(WorkerId(*row[:3]), rows.to_unit(row[3:])) for row in reversed(found)]

    def services(self) -> list[str]:
        """Return the names of all services in the database."""
        with self._database.session() as connection:
            return [name for (name,) in connection.execute("SELECT DISTINCT service FROM worker ORDER BY service")]

    def close(self) -> None:
        """Close this process's connection."""
        self._database.close()

    def _newest(
        self,
        connection: sqlite3.Connection,
        table: str,
        columns: str,
        limit: int,
        *,
        since: float = 0.0,
        key: bool = False,
        name: str | None = None,
    ) -> list[rows.Row]:
        wanted = ", ".join(f"{table}.{column}" for column in columns.split(", "))
        who = "worker.host, worker.pid, worker.started_at" if key else f"{table}.worker"
        named = "" if name is None else f" AND {table}.name = ?"
        return connection.execute(
            f"SELECT {who}, {wanted} FROM {table} JOIN worker ON worker.id = {table}.worker "
            f"WHERE worker.service = ? AND {table}.at > ?{named} ORDER BY {table}.id DESC LIMIT ?",
            (self.service, since, *(() if name is None else (rows.text(name),)), limit),
        ).fetchall()


def _insert(
    connection: sqlite3.Connection, statement: str, columns: str, worker: int, found: Iterable[rows.Row]
) -> None:
    marks = ", ?" * len(columns.split(", "))
    connection.executemany(f"{statement} (worker, {columns}) VALUES (?{marks})", ((worker, *row) for row in found))
