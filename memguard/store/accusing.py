"""Findings in the store's file: each with all of its evidence, or of those that many workers tell, that of some."""

import json
import sqlite3
from collections import defaultdict
from collections.abc import Iterator
from functools import lru_cache

from memguard.evidence import Holder, Pattern
from memguard.model import Finding, Judgement, Operation
from memguard.store import rows

KNOWING, NEWEST = 12, 4
"""Of how many workers a finding comes with its evidence: of those that know who holds it, and of those that told last."""

_FROM = "FROM finding JOIN worker ON worker.id = finding.worker WHERE worker.service = ?"
_PATHS = (
    "judgement.operation.kind", "judgement.operation.name", "judgement.verdict", "judgement.reasons",
    "judgement.objects_per_unit", "judgement.blocks_per_unit", "judgement.bytes_per_unit", "judgement.objects_error",
    "first_seen", "units_observed", "holder.growth_per_unit", "pattern", "attribution",
)  # fmt: skip
_QUOTED = ", ".join(f"'$.{path}'" for path in _PATHS)
_LIGHT = (
    f"SELECT finding.rowid, worker.id, worker.kind, fingerprint, finding.last_seen, "
    f"json_extract(body, {_QUOTED}) {_FROM}"
)
_WHOLE = "SELECT rowid, body FROM finding WHERE rowid IN (SELECT value FROM json_each(?))"

_Light = tuple[int, int, str, Finding]


def read(connection: sqlite3.Connection, service: str, *, folded: bool) -> Iterator[tuple[int, Finding]]:
    """Yield a worker's number and what it accuses.

    A day of recycled workers leaves hundreds of rows of one leak, whose evidence takes long to read and says the same.
    Folded, most come without: no sites, no types, of a holder its growth and nothing else.
    """
    if not folded:
        for worker, body in connection.execute(f"SELECT worker.id, body {_FROM}", (service,)):
            yield worker, rows.to_finding(body)
        return
    light = [
        (row, worker, kind, _light(fingerprint, last_seen, told))
        for row, worker, kind, fingerprint, last_seen, told in connection.execute(_LIGHT, (service,))
    ]
    whole = dict(connection.execute(_WHOLE, (rows.packed(sorted(_telling(light))),)))
    for row, worker, _, finding in light:
        yield worker, rows.to_finding(whole[row]) if row in whole else finding


def _telling(light: list[_Light]) -> set[int]:
    """Return the rows whose evidence is wanted: of each kind of worker, because the others' may be overruled."""
    told: defaultdict[tuple[str, str], list[tuple[int, Finding]]] = defaultdict(list)
    for row, _, kind, finding in light:
        told[finding.fingerprint, kind].append((row, finding))
    chosen: set[int] = set()
    for each in told.values():
        each.sort(key=lambda one: one[1].last_seen, reverse=True)
        chosen.update(row for row, _ in each[:NEWEST])
        each.sort(key=lambda one: _growth(one[1]), reverse=True)
        chosen.update(row for row, _ in each[:KNOWING])
    return chosen


def _growth(finding: Finding) -> float:
    """Return what a holder gains, -1.0 where none is known."""
    return -1.0 if finding.holder is None else finding.holder.growth_per_unit


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
