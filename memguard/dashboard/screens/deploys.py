"""What the workers of each start said of one operation: how a finding came, and whether a deploy mended it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from memguard.dashboard.merging import gravity, mean, verdict_of
from memguard.model import Judgement, Operation, Stored, WorkerState
from memguard.residue.ageing import OVERLAP_SECONDS

GENERATIONS_MOST = 12


@dataclass(frozen=True, slots=True)
class Generation:
    """Workers that were started together, and what they found of one operation.

    Attributes:
        started_at: When the first of them started.
        workers: How many of them have run the operation.
        units, sampled_units: Units of it that they have run, and that were in windows.
        verdict: The gravest of theirs.
        objects_per_unit, bytes_per_unit: What they say that a unit leaves.
    """

    started_at: float
    workers: int
    units: int
    sampled_units: int
    verdict: str
    objects_per_unit: float
    bytes_per_unit: float


def generations(stored: Stored, operation: Operation) -> list[Generation]:
    """Return what the store still knows, the newest start first.

    A rolling restart takes some minutes, and is one start. A worker that was merely replaced is one of its own.
    """
    states = {state.id: state for state in stored.workers}
    told: dict[WorkerState, tuple[Judgement, int, int]] = {}
    for worker, finding in stored.findings:
        if worker in states and finding.judgement.operation == operation:
            told[states[worker]] = (finding.judgement, finding.units_observed, finding.units_observed)
    for worker, stats in stored.operations:
        if worker in states and stats.judgement.operation == operation:
            told[states[worker]] = (stats.judgement, stats.units, stats.sampled_units)
    starts = sorted(told, key=lambda state: state.id.started_at)
    return [_generation(group, told) for group in reversed(list(_grouped(starts)))][:GENERATIONS_MOST]


def _grouped(starts: Sequence[WorkerState]) -> Iterable[list[WorkerState]]:
    group: list[WorkerState] = []
    for state in starts:
        if group and state.id.started_at - group[0].id.started_at > OVERLAP_SECONDS:
            yield group
            group = []
        group.append(state)
    if group:
        yield group


def _generation(group: list[WorkerState], told: dict[WorkerState, tuple[Judgement, int, int]]) -> Generation:
    judged = [told[state] for state in group]
    gravest = max((judgement for judgement, _, _ in judged), key=gravity)
    return Generation(
        started_at=group[0].id.started_at,
        workers=len(group),
        units=sum(units for _, units, _ in judged),
        sampled_units=sum(sampled for _, _, sampled in judged),
        verdict=verdict_of(gravest),
        objects_per_unit=mean((sampled, judgement.objects_per_unit) for judgement, _, sampled in judged),
        bytes_per_unit=mean((sampled, judgement.bytes_per_unit) for judgement, _, sampled in judged),
    )
