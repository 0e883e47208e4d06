"""The report: what all workers have told, merged into one answer per operation and per finding (design §10)."""

from collections import defaultdict
from collections.abc import Iterable
from typing import Any

from memguard.dashboard.accused import findings, well
from memguard.dashboard.living import clocks_ahead, is_alive
from memguard.dashboard.merging import DAY, GRAVITY, gravity, mean, mean_error, moment, verdict_of
from memguard.dashboard.succession import with_successors
from memguard.model import Event, Judgement, Operation, OperationStats, Stored, WorkerId, WorkerState
from memguard.residue.ageing import History

SCHEMA = 1

DEAD_WORKERS_SECONDS = 3600.0
"""How long a dead worker stays in the list of workers."""
DEAD_OPERATIONS_SECONDS = DAY
"""How long the operations of a dead worker are counted."""


def build(
    stored: Stored, *, service: str, answered_by: WorkerId, now: float, place: str = "", notes: Iterable[str] = ()
) -> dict[str, Any]:
    """Return the report of a service as plain JSON data; its names are the contract of design §10."""
    alive = {state.id: is_alive(state, here=answered_by.host, now=now) for state in stored.workers}
    last_seen = {state.id: state.last_seen for state in stored.workers}

    def recent(worker: WorkerId, seconds: float) -> bool:
        return alive.get(worker, False) or last_seen.get(worker, 0.0) >= now - seconds

    def order(state: WorkerState) -> tuple[bool, str, str, float, int]:
        # The living first, the web before others, then by age: a line stays where it is while workers come and go.
        kind = "" if state.kind == "web" else state.kind
        return (not alive[state.id], kind, state.id.host, state.id.started_at, state.id.pid)

    workers = sorted((state for state in stored.workers if recent(state.id, DEAD_WORKERS_SECONDS)), key=order)
    operations = [(worker, stats) for worker, stats in stored.operations if recent(worker, DEAD_OPERATIONS_SECONDS)]
    history, events = History(stored, alive), with_successors(stored.events)
    return {
        "schema": SCHEMA,
        "service": service,
        "generated_at": moment(now),
        "answered_by": {"host": answered_by.host, "pid": answered_by.pid},
        "store": {"place": place, "notes": [*notes, *clocks_ahead(stored.workers, here=answered_by.host, now=now)]},
        "workers": [_worker(state, alive=alive[state.id]) for state in workers],
        "operations": _operations(operations, history),
        "findings": findings(stored, history, now=now),
        "events": [event_row(worker, event) for worker, event in sorted(events, key=lambda row: -row[1].at)],
    }


def _worker(state: WorkerState, *, alive: bool) -> dict[str, Any]:
    return {
        "host": state.id.host,
        "pid": state.id.pid,
        "kind": state.kind,
        "server": state.server,
        "mode": state.mode,
        "alive": alive,
        "state": state.state,
        "started_at": moment(state.id.started_at),
        "release": state.release,
        "last_seen": moment(state.last_seen),
        "rss_bytes": state.rss_bytes,
        "rss_baseline_bytes": state.rss_baseline_bytes,
        "ceiling_bytes": state.ceiling_bytes,
        "hard_ceiling_bytes": state.hard_ceiling_bytes,
        "rss_floor_bytes": state.rss_floor_bytes,
        "units_total": state.units_total,
        "in_flight": state.in_flight if alive else 0,
        "windows_total": state.windows_total,
        "overhead_ratio": state.overhead_ratio,
        "leaves": state.leaves,
        "stays_because": state.stays_because,
        "inner_adapter": state.inner_adapter,
        "notes": list(state.notes),
    }


def _operations(told: Iterable[tuple[WorkerId, OperationStats]], history: History) -> list[dict[str, Any]]:
    grouped: defaultdict[Operation, list[tuple[WorkerId, OperationStats]]] = defaultdict(list)
    for worker, stats in told:
        grouped[stats.judgement.operation].append((worker, stats))
    merged = [_operation(operation, each, history) for operation, each in grouped.items()]
    return sorted(merged, key=lambda row: (-GRAVITY.index(row["verdict"]), -row["units"], row["kind"], row["name"]))


def _operation(operation: Operation, told: list[tuple[WorkerId, OperationStats]], history: History) -> dict[str, Any]:
    overruled = [worker for worker, _ in told if history.is_overruled(worker, operation)]
    standing = [stats for worker, stats in told if worker not in overruled]
    judged = [(stats.judgement, stats.sampled_units) for stats in standing]
    if overruled:
        judged.append((Judgement(operation, "plateau", (well(history, operation, overruled),)), 0))
    gravest, _ = max(judged, key=lambda each: (gravity(each[0]), each[1]))
    return {
        "kind": operation.kind,
        "name": operation.name,
        "units": sum(stats.units for _, stats in told),
        "errors": sum(stats.errors for _, stats in told),
        "sampled_units": sum(stats.sampled_units for _, stats in told),
        "objects_per_unit": mean((units, judgement.objects_per_unit) for judgement, units in judged),
        "objects_per_unit_error": mean_error((units, judgement.objects_error) for judgement, units in judged),
        "blocks_per_unit": mean((units, judgement.blocks_per_unit) for judgement, units in judged),
        "bytes_per_unit": mean((units, judgement.bytes_per_unit) for judgement, units in judged),
        "verdict": verdict_of(gravest),
        "reasons": list(gravest.reasons),
        "last_seen": moment(max(stats.last_seen for _, stats in told)),
    }


def event_row(worker: WorkerId, event: Event) -> dict[str, Any]:
    """Return something that happened, as the API tells it."""
    return {
        "at": moment(event.at), "host": worker.host, "pid": worker.pid, "started_at": moment(worker.started_at),
        "type": event.type, "detail": event.detail,
    }  # fmt: skip
