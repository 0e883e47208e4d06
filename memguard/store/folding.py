"""What hundreds of workers counted and accused, in few rows: pure, for stores that cannot sum up themselves."""

from collections import defaultdict
from collections.abc import Hashable, Iterable
from dataclasses import replace
from math import sqrt
from typing import TypeVar

from memguard.evidence import Holder
from memguard.model import Finding, Operation, OperationStats, WorkerId

QUIET_SECONDS = 20.0
"""A worker that told nothing for so long, by the clock of those that did, is likely to tell nothing any more."""
KNOWING, NEWEST = 12, 4
"""Of how many workers a finding comes with its evidence: of those that know who holds it, and of those that told last."""
INNOCENT = frozenset({"warming", "clean", "plateau"})

Row = tuple[WorkerId, OperationStats]
_Key = TypeVar("_Key", bound=Hashable)


def folded(told: Iterable[Row]) -> dict[tuple[Operation, str], Row]:
    """Return one row for each operation and verdict: that of the worker that counted last, with the sums of all."""
    alike: defaultdict[tuple[Operation, str], list[Row]] = defaultdict(list)
    for row in told:
        judged = row[1].judgement
        alike[judged.operation, judged.verdict].append(row)
    return {key: _sum(each) if len(each) > 1 else each[0] for key, each in alike.items()}


def _sum(told: list[Row]) -> Row:
    worker, last = max(told, key=lambda row: row[1].last_seen)
    counted = [stats for _, stats in told]
    sampled = sum(each.sampled_units for each in counted)

    def mean(name: str) -> float:
        weighted = sum(each.sampled_units * float(getattr(each.judgement, name)) for each in counted)
        return weighted / sampled if sampled else 0.0

    errors = [(each.sampled_units, each.judgement.objects_error) for each in counted if each.sampled_units]
    squares = [None if error is None else (units * error) ** 2 for units, error in errors]
    known = [square for square in squares if square is not None]
    judgement = replace(
        last.judgement,
        objects_per_unit=mean("objects_per_unit"),
        blocks_per_unit=mean("blocks_per_unit"),
        bytes_per_unit=mean("bytes_per_unit"),
        objects_error=sqrt(sum(known)) / sampled if sampled and len(known) == len(squares) else None,
    )
    units, failed = sum(each.units for each in counted), sum(each.errors for each in counted)
    return worker, OperationStats(judgement, units, failed, sampled, last.last_seen)


def accused(told: Iterable[Row]) -> set[Operation]:
    """Return the operations that somebody finds suspect, or worse."""
    return {stats.judgement.operation for _, stats in told if stats.judgement.verdict not in INNOCENT}


def lightened(finding: Finding) -> Finding:
    """Return it without its evidence: no sites, no types, of a holder its growth and nothing else."""
    holder = None if finding.holder is None else Holder("", "", "unknown", (), None, finding.holder.growth_per_unit)
    return replace(finding, sites=(), types=(), holder=holder)


def evident(told: Iterable[tuple[_Key, str, Finding]]) -> set[_Key]:
    """Return the keys of those whose evidence is wanted: of each kind of worker, because the others' may be overruled.

    Args:
        told: Of each finding a key, the kind of the worker that tells it, and itself, with evidence or without.
    """
    alike: defaultdict[tuple[str, str], list[tuple[_Key, Finding]]] = defaultdict(list)
    for key, kind, finding in told:
        alike[finding.fingerprint, kind].append((key, finding))
    chosen: set[_Key] = set()
    for each in alike.values():
        each.sort(key=lambda one: one[1].last_seen, reverse=True)
        chosen.update(key for key, _ in each[:NEWEST])
        each.sort(key=lambda one: _growth(one[1]), reverse=True)
        chosen.update(key for key, _ in each[:KNOWING])
    return chosen


def _growth(finding: Finding) -> float:
    """Return what a holder gains, -1.0 where none is known."""
    return -1.0 if finding.holder is None else finding.holder.growth_per_unit
