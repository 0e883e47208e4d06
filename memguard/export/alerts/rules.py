"""Which rules hold now, from what all workers have told. Pure: a whole history can be replayed."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from memguard.alerting import Measure, Rule
from memguard.model import Event, Finding, Known, Operation, OperationStats, WorkerId, WorkerState
from memguard.units import format_bytes

HOUR = 3600.0
SLOPE_SECONDS_LEAST = 600.0
"""A slope is believed once it was watched for so long."""
POINTS_LEAST = 10
FINDING_SECONDS = HOUR
"""A finding that is older than this when it is first looked at is no news."""


@dataclass(frozen=True, slots=True)
class View:
    """All that rules look at.

    Attributes:
        now: The moment.
        workers: Those that are alive.
        operations, findings, events: As in the store; findings are those that still count, whoever told them.
        known: Since when each fingerprint is known.
        back: When each fingerprint was told again after it was gone, of those that were.
        curves: `(moment, RSS)` of each living worker over the last hour, oldest first.
    """

    now: float
    workers: tuple[WorkerState, ...] = ()
    operations: tuple[tuple[WorkerId, OperationStats], ...] = ()
    findings: tuple[tuple[WorkerId, Finding], ...] = ()
    known: tuple[Known, ...] = ()
    back: Mapping[str, float] = field(default_factory=dict)
    events: tuple[tuple[WorkerId, Event], ...] = ()
    curves: Mapping[WorkerId, tuple[tuple[float, int], ...]] | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """One thing that a rule found.

    Attributes:
        rule: Its text.
        key: What it is about: the same for the same thing in all workers, empty for the service as a whole.
        text: A sentence for a person.
        worker: Whom it is about most, None where it is no worker's.
        value, limit: What was measured, and what is allowed; 0.0 where it is an event.
        lasts: It can be over; an event that was cannot.
        is_news: It may begin; what came to be long ago only goes on where it was told then.
    """

    rule: str
    key: str
    text: str
    worker: WorkerId | None = None
    value: float = 0.0
    limit: float = 0.0
    lasts: bool = True
    is_news: bool = True


def causes(rules: Iterable[Rule], view: View) -> tuple[Cause, ...]:
    """Return what the rules find now."""
    return tuple(cause for rule in rules for cause in _MEASURES[rule.measure](rule, view))


def _rss(rule: Rule, view: View) -> Iterator[Cause]:
    yield from _worst(rule, view, lambda worker: float(worker.rss_bytes), "uses {value}, over {limit}")


def _of_ceiling(rule: Rule, view: View) -> Iterator[Cause]:
    def share(worker: WorkerState) -> float:
        return worker.rss_bytes / worker.ceiling_bytes if worker.ceiling_bytes else 0.0

    yield from _worst(rule, view, share, "uses {value} of its ceiling, over {limit}")


def _of_baseline(rule: Rule, view: View) -> Iterator[Cause]:
    def share(worker: WorkerState) -> float:
        return worker.rss_bytes / worker.rss_baseline_bytes if worker.rss_baseline_bytes else 0.0

    yield from _worst(rule, view, share, "uses {value} of what it used when its first unit began, over {limit}")


def _slope(rule: Rule, view: View) -> Iterator[Cause]:
    curves = view.curves or {}
    yield from _worst(
        rule, view, lambda worker: slope(curves.get(worker.id, ())), "has grown by {value} per hour, over {limit}"
    )


def slope(curve: tuple[tuple[float, int], ...]) -> float:
    """Return the slope of a curve in bytes per hour by least squares, 0.0 where it is too short to tell."""
    if len(curve) < POINTS_LEAST or curve[-1][0] - curve[0][0] < SLOPE_SECONDS_LEAST:
        return 0.0
    mean_at = sum(at for at, _ in curve) / len(curve)
    mean_rss = sum(rss for _, rss in curve) / len(curve)
    spread = sum((at - mean_at) ** 2 for at, _ in curve)
    return HOUR * sum((at - mean_at) * (rss - mean_rss) for at, rss in curve) / spread


def _worst(rule: Rule, view: View, value_of: Callable[[WorkerState], float], text: str) -> Iterator[Cause]:
    """Yield one cause for the service, about the worker that is furthest over."""
    over = [(value, worker) for worker in view.workers if (value := value_of(worker)) > rule.limit]
    if not over:
        return
    value, worker = max(over, key=lambda each: each[0])
    others = f"; so are {len(over) - 1} other workers" if len(over) > 1 else ""
    shown = text.format(value=_shown(rule.measure, value), limit=_shown(rule.measure, rule.limit))
    who = f"The {worker.kind} worker {worker.id.pid} on {worker.id.host}"
    yield Cause(rule.text, "", f"{who} {shown}{others}.", worker.id, value, rule.limit)


def _shown(measure: Measure, value: float) -> str:
    return format_bytes(value) if measure in {"rss", "slope"} else f"{value:.0%}"


def _objects(rule: Rule, view: View) -> Iterator[Cause]:
    most: dict[Operation, tuple[float, WorkerId]] = {}
    for worker, stats in view.operations:
        if stats.judgement.verdict in {"suspect", "leak"}:
            operation, left = stats.judgement.operation, (stats.judgement.objects_per_unit, worker)
            most[operation] = max(most.get(operation, left), left, key=lambda each: each[0])
    for operation, (value, worker) in most.items():
        if value > rule.limit:
            text = f"Each unit of {_title(operation)} leaves {value:.1f} objects, over {rule.limit:g}."
            yield Cause(rule.text, f"{operation.kind} {operation.name}", text, worker, value, rule.limit)


def _recycles(rule: Rule, view: View) -> Iterator[Cause]:
    recent = [
        (worker, event) for worker, event in view.events if event.type == "recycle" and view.now - event.at <= HOUR
    ]
    if len(recent) > rule.limit:
        last, event = max(recent, key=lambda each: each[1].at)
        why = f" The last one: {event.detail['why']}." if event.detail.get("why") else ""
        text = f"{len(recent)} workers were replaced within an hour, over {rule.limit:g}.{why}"
        yield Cause(rule.text, "", text, last, float(len(recent)), rule.limit)


def _died(rule: Rule, view: View) -> Iterator[Cause]:
    for worker, event in view.events:
        if event.type == "died" and view.now - event.at <= HOUR:
            why = f": {event.detail['why']}" if event.detail.get("why") else ""
            text = f"A worker of {worker.host} ended without a word{why}."
            yield Cause(rule.text, f"{worker.host} {worker.pid} {event.at:.0f}", text, worker, lasts=False)


def _finding(rule: Rule, view: View) -> Iterator[Cause]:
    since = {known.fingerprint: known.first_seen for known in view.known}
    for worker, finding in _accusing(view):
        at = since.get(finding.fingerprint, view.now)
        yield _found(rule, finding.fingerprint, worker, finding, says="leaks", is_news=_is_news(at, view))


def _finding_back(rule: Rule, view: View) -> Iterator[Cause]:
    for worker, finding in _accusing(view):
        at = view.back.get(finding.fingerprint)
        if at is not None:  # a later return is another one
            key = f"{finding.fingerprint} {at:.0f}"
            yield _found(rule, key, worker, finding, says="leaks again", is_news=_is_news(at, view))


def _is_news(at: float, view: View) -> bool:
    return at >= view.now - FINDING_SECONDS


def _accusing(view: View) -> Iterable[tuple[WorkerId, Finding]]:
    """Return each leak once, with the worker that has seen most of it, of those that are alive if there are any."""
    alive = {worker.id for worker in view.workers}
    best: dict[str, tuple[WorkerId, Finding]] = {}
    for worker, finding in view.findings:
        if finding.judgement.verdict == "leak":
            pair = worker, finding
            best[finding.fingerprint] = max(
                best.get(finding.fingerprint, pair), pair, key=lambda each: (each[0] in alive, each[1].units_observed)
            )
    return best.values()


def _found(rule: Rule, key: str, worker: WorkerId, finding: Finding, *, says: str, is_news: bool) -> Cause:
    text = f"{_title(finding.judgement.operation)} {says}: {finding.pattern.title.lower()}."
    if finding.sites:
        text += f" Allocated at {finding.sites[0].file}:{finding.sites[0].line}."
    if finding.holder is not None:
        text += f" Held by {finding.holder.path}."
    return Cause(rule.text, key, text, worker, finding.judgement.objects_per_unit, is_news=is_news)


def _title(operation: Operation) -> str:
    return operation.name if operation.kind == "request" else f"{operation.kind} {operation.name}"


_MEASURES: dict[Measure, Callable[[Rule, View], Iterator[Cause]]] = {
    "rss": _rss,
    "rss of ceiling": _of_ceiling,
    "rss of baseline": _of_baseline,
    "slope": _slope,
    "objects": _objects,
    "recycles": _recycles,
    "died": _died,
    "finding": _finding,
    "finding back": _finding_back,
}
