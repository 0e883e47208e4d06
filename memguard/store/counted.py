"""Operations in the store's file: what each worker counted, or what all of them did."""
# ruff: noqa: S608 (names of our own columns are all that is put into statements)

import sqlite3
from collections.abc import Iterator
from itertools import chain
from math import inf, sqrt

from memguard.store import rows
from memguard.store.folding import INNOCENT, QUIET_SECONDS

QUIET_MORE = 32
"""So many more quiet workers are summed up anew each time before the sums of the others are made again."""

_COLUMNS = ", ".join(f"operation.{column}" for column in rows.OPERATION.split(", "))
_FROM = "FROM operation JOIN worker ON worker.id = operation.worker WHERE worker.service = ?"
_MEAN = "CASE WHEN sum(sampled_units) THEN sum(sampled_units * {0}) / sum(sampled_units) ELSE 0.0 END"
_MEANS = ", ".join(_MEAN.format(f"{name}_per_unit") for name in ("objects", "blocks", "bytes"))
_ERROR = "json_extract(operation.more, '$.objects_error')"
# SQLite takes columns that are neither grouped nor aggregated from the row that has the maximum.
_ALIKE = (
    f"SELECT worker.id, operation.kind, name, verdict, reasons, {_MEANS}, sum(units), sum(errors), sum(sampled_units), "
    f"max(operation.last_seen), sum(sampled_units > 0 AND {_ERROR} IS NULL), "
    f"sum(sampled_units * {_ERROR} * sampled_units * {_ERROR}) {_FROM} "
    "AND worker.last_seen >= ? AND worker.last_seen < ? GROUP BY operation.kind, name, verdict"
)
# By the table's key: of each worker a few rows of many.
_SINGLE = (
    "WITH accused (kind, name) AS "
    "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each(?)) "
    f"SELECT worker.id, {_COLUMNS} FROM accused CROSS JOIN worker "
    "JOIN operation ON operation.worker = worker.id AND operation.kind = accused.kind AND operation.name = accused.name "
    "WHERE worker.service = ?"
)


class Counted:
    """Reads them for one process, which remembers the sums of workers that tell nothing any more.

    A day of recycled workers leaves thousands of rows, and the report is asked for every two seconds.
    """

    def __init__(self) -> None:
        self._until = -inf
        self._quiet: tuple[object, ...] = ()
        self._sums: list[rows.Row] = []

    def read(
        self, connection: sqlite3.Connection, service: str, *, folded: bool, opened: int = 0
    ) -> Iterator[rows.Row]:
        """Return rows that begin with the worker's number; folded, operations never accused as few for each verdict.

        A folded row is that of the worker that counted last, with the sums of all that it stands for.

        Args:
            connection: To the file.
            service: Whose rows are read.
            folded: See above.
            opened: Another number says that it may be another file.
        """
        if not folded:
            return iter(connection.execute(f"SELECT worker.id, {_COLUMNS} {_FROM}", (service,)))
        self._look(connection, service, opened)
        alike = [*self._sums, *_alike(connection, service, self._until, inf)]
        accused = {(row[1], row[2]) for row in alike if row[3] not in INNOCENT}
        accused.update(connection.execute("SELECT kind, name FROM known WHERE service = ?", (service,)))
        single = connection.execute(_SINGLE, (rows.packed(sorted(accused)), service))
        return chain((row for row in alike if (row[1], row[2]) not in accused), single)

    def _look(self, connection: sqlite3.Connection, service: str, opened: int) -> None:
        """Find out who is quiet, and forget the sums where that has changed."""
        (newest,) = connection.execute(
            "SELECT coalesce(max(last_seen), 0.0) FROM worker WHERE service = ?", (service,)
        ).fetchone()
        quiet = newest - QUIET_SECONDS
        (more,) = connection.execute(
            "SELECT count(*) FROM worker WHERE service = ? AND last_seen >= ? AND last_seen < ?",
            (service, self._until, quiet),
        ).fetchone()
        until = quiet if more >= QUIET_MORE or self._until > newest else self._until
        found = connection.execute(
            "SELECT count(*), total(id), total(last_seen), (SELECT at FROM pruned) FROM worker "
            "WHERE service = ? AND last_seen < ?",
            (service, until),
        ).fetchone()
        if (opened, service, until, *found) != self._quiet:
            self._until, self._quiet = until, (opened, service, until, *found)
            self._sums = _alike(connection, service, -inf, until)


def _alike(connection: sqlite3.Connection, service: str, since: float, until: float) -> list[rows.Row]:
    return [_with_error(row) for row in connection.execute(_ALIKE, (service, since, until))]


def _with_error(row: rows.Row) -> rows.Row:
    """Return a folded row with the standard error of its mean, unless one that counts in it is not known."""
    *columns, unknown, squares = row
    sampled = columns[10]
    error = None if unknown or squares is None or not sampled else sqrt(squares) / sampled
    return (*columns, rows.packed({"objects_error": error}))
