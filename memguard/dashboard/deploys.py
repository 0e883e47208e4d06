"""What the workers of each deploy said of one operation: how a finding came, and whether a deploy mended it."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from typing import Any

from memguard.dashboard.merging import gravity, mean, moment, verdict_of
from memguard.model import Judgement, Operation, Stored, WorkerState
from memguard.residue.ageing import OVERLAP_SECONDS

GENERATIONS_MOST = 12


@dataclass(frozen=True, slots=True)
class Generation:
    """Workers of one deploy, and what they found of one operation.

    Attributes:
        started_at: When the first of them started, or what started them.
        release: What the application calls its version, empty where it does not say.
        workers: How many of them have run the operation.
        units, sampled_units: Units of it that they have run, and that were in windows.
        verdict: The gravest of theirs.
        objects_per_unit, bytes_per_unit: What they say that a unit leaves.
    """

    started_at: float
    release: str
    workers: int
    units: int
    sampled_units: int
    verdict: str
    objects_per_unit: float
    bytes_per_unit: float


def generations(stored: Stored, operation: Operation) -> list[Generation]:
    """Return what the store still knows, the newest deploy first.

    Workers of one release are one deploy. Without a name for it those are whose supervisors started within some minutes
    of each other, as in a rolling restart: a worker that replaces another is of the same deploy. A worker without a
    supervisor counts by its own start.
    """
    states = {state.id: state for state in stored.workers}
    told: dict[WorkerState, tuple[Judgement, int, int]] = {}
    for worker, finding in stored.findings:
        if worker in states and finding.judgement.operation == operation:
            told[states[worker]] = (finding.judgement, finding.units_observed, finding.units_observed)
    for worker, stats in stored.operations:
        if worker in states and stats.judgement.operation == operation:
            told[states[worker]] = (stats.judgement, stats.units, stats.sampled_units)
    groups = [_generation(group, told) for group in (*_of_releases(told), *_of_starts(told))]
    return sorted(groups, key=lambda each: -each.started_at)[:GENERATIONS_MOST]


def history(stored: Stored, operation: Operation) -> list[dict[str, Any]]:
    """Return the same as the API tells it."""
    return [{**asdict(each), "started_at": moment(each.started_at)} for each in generations(stored, operation)]


def _started(state: WorkerState) -> float:
    return state.supervisor_started_at or state.id.started_at


def _of_releases(told: Iterable[WorkerState]) -> Iterator[list[WorkerState]]:
    named: defaultdict[str, list[WorkerState]] = defaultdict(list)
    for state in told:
        if state.release:
            named[state.release].append(state)
    yield from named.values()


def _of_starts(told: Iterable[WorkerState]) -> Iterator[list[WorkerState]]:
    group: list[WorkerState] = []
    for state in sorted((each for each in told if not each.release), key=_started):
        if group and _started(state) - _started(group[0]) > OVERLAP_SECONDS:
            yield group
            group = []
        group.append(state)
    if group:
        yield group


def _generation(group: list[WorkerState], told: dict[WorkerState, tuple[Judgement, int, int]]) -> Generation:
    judged = [told[state] for state in group]
    gravest = max((judgement for judgement, _, _ in judged), key=gravity)
    return Generation(
        started_at=min(map(_started, group)),
        release=group[0].release,
        workers=len(group),
        units=sum(units for _, units, _ in judged),
        sampled_units=sum(sampled for _, _, sampled in judged),
        verdict=verdict_of(gravest),
        objects_per_unit=mean((sampled, judgement.objects_per_unit) for judgement, _, sampled in judged),
        bytes_per_unit=mean((sampled, judgement.bytes_per_unit) for judgement, _, sampled in judged),
    )
