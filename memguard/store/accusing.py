"""Findings in the store's file: each with all of its evidence, or of those that many workers tell, that of some."""

import json
import sqlite3
from collections.abc import Iterator
from functools import lru_cache

from memguard.evidence import Holder, Pattern
from memguard.model import Finding, Judgement, Operation
from memguard.store import rows
from memguard.store.folding import QUIET_SECONDS, evident

_FROM = "FROM finding JOIN worker ON worker.id = finding.worker WHERE worker.service = ?"
_PATHS = (
    "judgement.operation.kind", "judgement.operation.name", "judgement.verdict", "judgement.reasons",
    "judgement.objects_per_unit", "judgement.blocks_per_unit", "judgement.bytes_per_unit", "judgement.objects_error",
    "first_seen", "units_observed", "holder.growth_per_unit", "pattern", "attribution",
)  # fmt: skip
_QUOTED = ", ".join(f"'$.{path}'" for path in _PATHS)
_ROWS = f"SELECT finding.rowid, worker.id, worker.kind, fingerprint, finding.last_seen, worker.last_seen {_FROM}"
_OF_ROWS = "FROM finding WHERE rowid IN (SELECT value FROM json_each(?))"
_LIGHT, _WHOLE = f"SELECT rowid, json_extract(body, {_QUOTED}) {_OF_ROWS}", f"SELECT rowid, body {_OF_ROWS}"

_Light = tuple[int, int, str, Finding]
_Key = tuple[int, str, float]


class Accused:
    """Reads them for one process, which remembers in short what workers have told that tell nothing any more.

    A day of recycled workers leaves hundreds of rows of one leak, whose evidence takes long to read and says the same.
    """

    def __init__(self) -> None:
        self._quiet: dict[_Key, Finding] = {}
        self._opened = 0

    def read(
        self, connection: sqlite3.Connection, service: str, *, folded: bool, opened: int = 0
    ) -> Iterator[tuple[int, Finding]]:
        """Yield a worker's number and what it accuses.

        Folded, most come without evidence: no sites, no types, of a holder its growth and nothing else.

        Args:
            connection: To the file.
            service: Whose rows are read.
            folded: See above.
            opened: Another number says that it may be another file.
        """
        if not folded:
            for worker, body in connection.execute(f"SELECT worker.id, body {_FROM}", (service,)):
                yield worker, rows.to_finding(body)
            return
        light = self._light(connection, service, opened)
        whole = dict(
            connection.execute(
                _WHOLE, (rows.packed(sorted(evident((row, kind, finding) for row, _, kind, finding in light))),)
            )
        )
        for row, worker, _, finding in light:
            yield worker, rows.to_finding(whole[row]) if row in whole else finding

    def _light(self, connection: sqlite3.Connection, service: str, opened: int) -> list[_Light]:
        """Return all in short, in the order of the file; what is known of quiet workers is not read again."""
        if opened != self._opened:
            self._quiet, self._opened = {}, opened
        found = connection.execute(_ROWS, (service,)).fetchall()
        keys: list[_Key] = [(worker, fingerprint, last_seen) for _, worker, _, fingerprint, last_seen, _ in found]
        unknown = [row[0] for row, key in zip(found, keys, strict=True) if key not in self._quiet]
        told = dict(connection.execute(_LIGHT, (rows.packed(unknown),)))
        known, quiet = self._quiet, max((row[-1] for row in found), default=0.0) - QUIET_SECONDS
        self._quiet, light = {}, []
        for (row, worker, kind, fingerprint, last_seen, worker_seen), key in zip(found, keys, strict=True):
            finding = known.get(key) or _light(fingerprint, last_seen, told[row])
            light.append((row, worker, kind, finding))
            if worker_seen < quiet:
                self._quiet[key] = finding
        return light


# Hundreds of rows are of few operations and fewer patterns.
_operation = lru_cache(maxsize=256)(Operation)
_pattern = lru_cache(maxsize=64)(Pattern)
_decoded = json.JSONDecoder().raw_decode


def _light(fingerprint: str, last_seen: float, told: str) -> Finding:
    kind, name, verdict, reasons, objects, blocks, size, error, first_seen, units, growth, pattern, attribution = (
        _decoded(told)[0]
    )
    judged = Judgement(
        _operation(kind, name), verdict, tuple(reasons), objects or 0.0, blocks or 0.0, size or 0.0, error
    )
    holder = None if growth is None else Holder("", "", "unknown", (), None, growth)
    known = _pattern(pattern["id"], pattern["title"], pattern["advice"])
    return Finding(fingerprint, judged, first_seen, last_seen, units, (), (), known, holder, attribution or "")
