"""Ageing: what a worker said that is gone no longer counts once those after it have found nothing wrong.

A deploy that mends a leak leaves the old workers' accusations in the store. A worker that is merely recycled runs the
same code, so a later start alone says nothing: it takes a firm verdict of a later worker, on as many units as would
have shown the leak.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import accumulate

from memguard.model import Finding, Judgement, Known, Operation, OperationStats, Stored, WorkerId, WorkerState

OVERLAP_SECONDS = 300.0
"""A rolling restart starts the new workers while the old ones still end: for at most this long."""
LEAKS_EXPECTED = 20.0
"""Later workers must have sampled so many units that this much would have stayed: a rare leak takes many."""
UNITS_ENOUGH = 10_000
"""No more than this is asked for, however rare the leak was."""
INNOCENT = frozenset({"clean", "plateau"})
ACCUSED = frozenset({"suspect", "leak"})


@dataclass(frozen=True, slots=True)
class _Accusation:
    """What one worker holds against one operation, since when, on how many sampled units; entries gained per unit."""

    by: WorkerState
    judgement: Judgement
    since: float
    units: int
    growth: float = 0.0

    @property
    def units_needed(self) -> float:
        """How many units without residue refute it."""
        rate = max(self.judgement.objects_per_unit, self.judgement.blocks_per_unit, self.growth)
        return min(self.units, UNITS_ENOUGH, LEAKS_EXPECTED / rate if rate > 0 else UNITS_ENOUGH)

    @property
    def over(self) -> float:
        """Who started after this moment ran without the accused worker, and perhaps another version."""
        return max(self.by.last_seen - OVERLAP_SECONDS, self.since)


_Row = tuple[WorkerState, OperationStats]


class _Acquittals:
    """Workers of one kind that found nothing wrong with one operation, by their start.

    A service that recycles its workers leaves hundreds of rows, and the report is asked for every two seconds.
    """

    def __init__(self, rows: Iterable[_Row]) -> None:
        found = sorted((state.id.started_at, stats.sampled_units) for state, stats in rows)
        self._starts = [start for start, _ in found]
        self._units_from = list(accumulate((units for _, units in reversed(found)), initial=0))[::-1]

    def of(self, accusation: _Accusation) -> float | None:
        """Return when the first of those started that refute an accusation together, None where it stands."""
        first = bisect_right(self._starts, accusation.over)
        if first == len(self._starts) or self._units_from[first] < accusation.units_needed:
            return None
        return self._starts[first]


class History:
    """Who accused what, and who came after.

    Args:
        stored: All that is kept of the service.
        alive: Whether each of its workers is.
    """

    def __init__(self, stored: Stored, alive: Mapping[WorkerId, bool]) -> None:
        workers = {state.id: state for state in stored.workers}
        self._accusations: defaultdict[Operation, dict[WorkerId, _Accusation]] = defaultdict(dict)
        self._innocent: defaultdict[tuple[Operation, str], list[_Row]] = defaultdict(list)
        accused_until: defaultdict[tuple[Operation, str], float] = defaultdict(float)
        for worker, stats in stored.operations:
            if worker not in workers:
                continue
            state, key = workers[worker], (stats.judgement.operation, workers[worker].kind)
            if stats.judgement.verdict in INNOCENT:
                self._innocent[key].append((state, stats))
            elif stats.judgement.verdict in ACCUSED and alive.get(worker, False):
                accused_until[key] = max(accused_until[key], worker.started_at)
            # Since when it was suspected is not known, so that only those count which started after it was gone.
            self._accuse(_Accusation(state, stats.judgement, state.last_seen, stats.sampled_units))
        for worker, finding in stored.findings:
            if worker in workers:
                growth = finding.holder.growth_per_unit if finding.holder is not None else 0.0
                units = finding.units_observed
                self._accuse(_Accusation(workers[worker], finding.judgement, finding.first_seen, units, growth))
        self._past = {
            operation: [each for worker, each in told.items() if not alive.get(worker, False)]
            for operation, told in self._accusations.items()
        }
        acquittals = {key: _Acquittals(rows) for key, rows in self._innocent.items()}
        self._overruled: dict[tuple[WorkerId, Operation], float] = {}
        for operation, told in self._past.items():
            for each in told:
                key = operation, each.by.kind
                since = acquittals[key].of(each) if key in acquittals else None
                if since is not None and accused_until[key] <= each.over:
                    self._overruled[each.by.id, operation] = since

    def is_overruled(self, worker: WorkerId, operation: Operation) -> bool:
        """Tell whether what this worker says against the operation no longer counts."""
        return (worker, operation) in self._overruled

    def well_since(self, operation: Operation, workers: Iterable[WorkerId]) -> float:
        """Return since when no worker that started has borne out what these said against an operation."""
        return max(self._overruled.get((worker, operation), 0.0) for worker in workers)

    def standing(self, told: Iterable[tuple[WorkerId, Finding]]) -> list[tuple[WorkerId, Finding]]:
        """Return those findings, of one operation or several, that still count."""
        return [(worker, each) for worker, each in told if not self.is_overruled(worker, each.judgement.operation)]

    def back_since(self, standing: Iterable[tuple[WorkerId, Finding]], known: Known | None) -> float | None:
        """Return when a finding was told again after it was gone: mended, or not a word of it for a week.

        Args:
            standing: What workers say of it that still counts.
            known: What is remembered of it beyond them.

        Returns:
            The moment of the last such return; None where it never was gone, or nobody accuses any more.
        """
        accusing = [
            (worker, each.judgement.operation) for worker, each in standing if each.judgement.verdict in ACCUSED
        ]
        if not accusing:
            return None
        returns = (
            self._returned(accusing[0][1], [worker for worker, _ in accusing]),
            known.returned if known is not None else None,
        )
        return max((at for at in returns if at is not None), default=None)

    def _returned(self, operation: Operation, accusers: Iterable[WorkerId]) -> float | None:
        """Return when the first of these accused what workers before it had found mended."""
        told = self._accusations[operation]
        by_kind: defaultdict[str, list[_Accusation]] = defaultdict(list)
        for each in (told[worker] for worker in accusers if worker in told):
            by_kind[each.by.kind].append(each)
        returns: list[float] = []
        for kind, accusations in by_kind.items():
            latest = max(each.by.id.started_at for each in accusations)
            rows = self._innocent.get((operation, kind), [])
            between = _Acquittals(row for row in rows if row[0].last_seen - OVERLAP_SECONDS < latest)
            if any(each.by.kind == kind and between.of(each) is not None for each in self._past[operation]):
                returns += [each.since for each in accusations if between.of(each) is None]
        return min(returns, default=None)

    def _accuse(self, accusation: _Accusation) -> None:
        if accusation.judgement.verdict in ACCUSED:
            self._accusations[accusation.judgement.operation][accusation.by.id] = accusation
