"""The report: what all workers have told, merged into one answer per operation and per finding (design §10)."""

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import asdict
from datetime import UTC, datetime
from typing import Any

import psutil

from memguard.model import Event, Finding, Judgement, Operation, OperationStats, Stored, WorkerId, WorkerState

SCHEMA = 1
GRAVITY = ("warming", "clean", "plateau", "suspect", "leak")
"""Verdicts from the least to the gravest: of several workers' the gravest is the operation's."""

ALIVE_SECONDS = 10.0
"""A worker that told something within these seconds is alive."""
START_TOLERANCE = 2.0
"""Seconds by which the start of a process may seem to move, because clocks are set while it runs."""
DEAD_WORKERS_SECONDS = 3600.0
"""How long a dead worker stays in the list of workers."""
DEAD_OPERATIONS_SECONDS = 86400.0
"""How long the operations of a dead worker are counted."""

SITES_SHOWN = 10
TYPES_SHOWN = 20
_LATEST = 253402300799.0


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
    operations = [stats for worker, stats in stored.operations if recent(worker, DEAD_OPERATIONS_SECONDS)]
    return {
        "schema": SCHEMA,
        "service": service,
        "generated_at": moment(now),
        "answered_by": {"host": answered_by.host, "pid": answered_by.pid},
        "store": {"place": place, "notes": list(notes)},
        "workers": [_worker(state, alive=alive[state.id]) for state in workers],
        "operations": _operations(operations),
        "findings": _findings(stored.findings),
        "events": [_event(worker, event) for worker, event in sorted(stored.events, key=lambda row: -row[1].at)],
    }


def is_alive(state: WorkerState, *, here: str, now: float) -> bool:
    """Tell whether a worker still runs: it told so just now, or it is a process of this host that still exists."""
    if state.state == "stopped":
        return False
    if now - state.last_seen <= ALIVE_SECONDS:
        return True
    return state.id.host == here and _runs(state.id.pid, state.id.started_at)


def moment(at: float) -> str:
    """Return a moment in ISO 8601, in UTC, to the millisecond."""
    then = datetime.fromtimestamp(min(max(at, 0.0), _LATEST), UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _runs(pid: int, started_at: float) -> bool:
    try:
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at) <= START_TOLERANCE
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):
        return False


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
        "last_seen": moment(state.last_seen),
        "rss_bytes": state.rss_bytes,
        "rss_baseline_bytes": state.rss_baseline_bytes,
        "ceiling_bytes": state.ceiling_bytes,
        "units_total": state.units_total,
        "in_flight": state.in_flight if alive else 0,
        "windows_total": state.windows_total,
        "overhead_ratio": state.overhead_ratio,
        "notes": list(state.notes),
    }


def _operations(told: Iterable[OperationStats]) -> list[dict[str, Any]]:
    grouped: defaultdict[Operation, list[OperationStats]] = defaultdict(list)
    for stats in told:
        grouped[stats.judgement.operation].append(stats)
    merged = [_operation(operation, each) for operation, each in grouped.items()]
    return sorted(merged, key=lambda row: (-GRAVITY.index(row["verdict"]), -row["units"], row["kind"], row["name"]))


def _operation(operation: Operation, told: list[OperationStats]) -> dict[str, Any]:
    gravest = max(told, key=lambda stats: (_gravity(stats.judgement), stats.sampled_units))
    weighted = [(stats.sampled_units, stats.judgement) for stats in told]
    return {
        "kind": operation.kind,
        "name": operation.name,
        "units": sum(stats.units for stats in told),
        "errors": sum(stats.errors for stats in told),
        "sampled_units": sum(stats.sampled_units for stats in told),
        "objects_per_unit": _mean((units, judged.objects_per_unit) for units, judged in weighted),
        "blocks_per_unit": _mean((units, judged.blocks_per_unit) for units, judged in weighted),
        "bytes_per_unit": _mean((units, judged.bytes_per_unit) for units, judged in weighted),
        "verdict": gravest.judgement.verdict if _gravity(gravest.judgement) >= 0 else GRAVITY[0],
        "reasons": list(gravest.judgement.reasons),
    }


def _findings(told: Iterable[tuple[WorkerId, Finding]]) -> list[dict[str, Any]]:
    grouped: defaultdict[str, list[Finding]] = defaultdict(list)
    for _, finding in told:
        grouped[finding.fingerprint].append(finding)
    merged = [_finding(each) for each in grouped.values()]

    def order(row: dict[str, Any]) -> tuple[int, float, float, str]:
        rate = row["rate"]
        return (-GRAVITY.index(row["verdict"]), -rate["objects_per_unit"], -rate["bytes_per_unit"], row["fingerprint"])

    return sorted(merged, key=order)


def _finding(told: list[Finding]) -> dict[str, Any]:
    newest = max(told, key=lambda finding: finding.last_seen)
    gravest = max(told, key=lambda finding: (_gravity(finding.judgement), finding.last_seen)).judgement
    weighted = [(finding.units_observed, finding.judgement) for finding in told]
    holders = [finding for finding in told if finding.holder is not None]
    return {
        "fingerprint": newest.fingerprint,
        "operation": asdict(gravest.operation),
        "verdict": gravest.verdict if _gravity(gravest) >= 0 else GRAVITY[0],
        "reasons": list(gravest.reasons),
        "first_seen": moment(min(finding.first_seen for finding in told)),
        "last_seen": moment(newest.last_seen),
        "units_observed": sum(finding.units_observed for finding in told),
        "workers": len(told),
        "rate": {
            "objects_per_unit": _mean((units, judged.objects_per_unit) for units, judged in weighted),
            "bytes_per_unit": _mean((units, judged.bytes_per_unit) for units, judged in weighted),
        },
        "sites": _sites(told),
        "types": _types(told),
        "holder": max(holders, key=lambda finding: finding.last_seen).holder if holders else None,
        "pattern": asdict(newest.pattern),
    }


def _sites(told: list[Finding]) -> list[dict[str, Any]]:
    merged: dict[tuple[str, int, str], dict[str, Any]] = {}
    for site in (site for finding in told for site in finding.sites):
        row = merged.setdefault((site.file, site.line, site.function), {**asdict(site), "objects": 0, "bytes": 0})
        row["objects"] += site.objects
        row["bytes"] += site.bytes
    return sorted(merged.values(), key=lambda row: (-row["objects"], -row["bytes"]))[:SITES_SHOWN]


def _types(told: list[Finding]) -> list[dict[str, Any]]:
    counts: defaultdict[str, int] = defaultdict(int)
    for counted in (counted for finding in told for counted in finding.types):
        counts[counted.type] += counted.count
    most = sorted(counts.items(), key=lambda each: (-each[1], each[0]))[:TYPES_SHOWN]
    return [{"type": name, "count": count} for name, count in most]


def _event(worker: WorkerId, event: Event) -> dict[str, Any]:
    return {
        "at": moment(event.at), "host": worker.host, "pid": worker.pid, "type": event.type, "detail": event.detail,
    }  # fmt: skip


def _gravity(judged: Judgement) -> int:
    return GRAVITY.index(judged.verdict) if judged.verdict in GRAVITY else -1


def _mean(weighted: Iterable[tuple[int, float]]) -> float:
    """Return the mean of rates, each weighted by the units it was measured on."""
    pairs = list(weighted)
    total = sum(units for units, _ in pairs)
    return round(sum(units * rate for units, rate in pairs) / total, 6) if total else 0.0
