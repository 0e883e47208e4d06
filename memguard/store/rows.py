"""Values to rows and back. Rows hold plain numbers and clean text; what is nested is JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from memguard.model import (
    Event,
    Finding,
    Judgement,
    Operation,
    OperationStats,
    Pattern,
    Site,
    TimelinePoint,
    TypeCount,
    UnitRecord,
    WorkerId,
    WorkerState,
)

_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Row = tuple[Any, ...]

WORKER = (
    "host, pid, started_at, kind, server, mode, state, last_seen, rss_bytes, rss_baseline_bytes, ceiling_bytes, "
    "units_total, in_flight, windows_total, overhead_ratio, notes"
)
OPERATION = (
    "kind, name, verdict, reasons, objects_per_unit, blocks_per_unit, bytes_per_unit, units, errors, sampled_units, "
    "last_seen"
)
UNIT = "at, kind, name, seconds, error, overlapped, body_sent, traced, traced_peak, objects, blocks, rss"
TIMELINE = "at, rss_bytes, traced_bytes, units_total"
EVENT = "at, type, detail"


def text(value: str) -> str:
    """Return what UTF-8 can hold: a request line may carry lone surrogates, and SQLite refuses them."""
    return value.encode("utf-8", "backslashreplace").decode()


def number(value: float) -> float:
    """Return a number that JSON and SQLite can hold; both refuse infinities and SQLite reads NaN as NULL."""
    return float(value) if math.isfinite(value) else 0.0


def packed(value: object) -> str:
    """Return plain data as JSON in clean text; what JSON does not know is written as `str` writes it."""
    return _ENCODE(_clean(value))


def from_worker(state: WorkerState) -> Row:
    """Return the columns `WORKER`."""
    return (
        text(state.id.host), state.id.pid, state.id.started_at, text(state.kind), text(state.server),
        text(state.mode), text(state.state), number(state.last_seen), state.rss_bytes, state.rss_baseline_bytes, state.ceiling_bytes,
        state.units_total, state.in_flight, state.windows_total, number(state.overhead_ratio), packed(state.notes),
    )  # fmt: skip


def to_worker(row: Row) -> WorkerState:
    """Return the worker of the columns `WORKER`."""
    return WorkerState(WorkerId(*row[:3]), *(*row[3:-1], tuple(json.loads(row[-1]))))


def from_operation(stats: OperationStats) -> Row:
    """Return the columns `OPERATION`."""
    judged = stats.judgement
    return (
        text(judged.operation.kind), text(judged.operation.name), text(judged.verdict), packed(judged.reasons),
        number(judged.objects_per_unit), number(judged.blocks_per_unit), number(judged.bytes_per_unit),
        stats.units, stats.errors, stats.sampled_units, number(stats.last_seen),
    )  # fmt: skip


def to_operation(row: Row) -> OperationStats:
    """Return the operation of the columns `OPERATION`."""
    kind, name, verdict, reasons, objects, blocks, size, *counts = row
    judged = Judgement(Operation(kind, name), verdict, tuple(json.loads(reasons)), objects, blocks, size)
    return OperationStats(judged, *counts)


def from_finding(finding: Finding) -> Row:
    """Return fingerprint, last_seen and the rest as JSON."""
    return text(finding.fingerprint), number(finding.last_seen), packed(asdict(finding))


def to_finding(body: str) -> Finding:
    """Return the finding of its JSON."""
    found = json.loads(body)
    judged = found["judgement"]
    operation = Operation(**judged["operation"])
    return Finding(
        **{
            **found,
            "judgement": Judgement(**{**judged, "operation": operation, "reasons": tuple(judged["reasons"])}),
            "sites": tuple(Site(**site) for site in found["sites"]),
            "types": tuple(TypeCount(**counted) for counted in found["types"]),
            "pattern": Pattern(**found["pattern"]),
        }
    )


def from_unit(unit: UnitRecord) -> Row:
    """Return the columns `UNIT`."""
    return (
        number(unit.at), text(unit.operation.kind), text(unit.operation.name), number(unit.seconds), unit.error,
        unit.overlapped, unit.body_sent, unit.traced, unit.traced_peak, unit.objects, unit.blocks, unit.rss,
    )  # fmt: skip


def to_unit(row: Row) -> UnitRecord:
    """Return the unit of the columns `UNIT`."""
    at, kind, name, seconds, error, overlapped, *measured = row
    return UnitRecord(at, Operation(kind, name), seconds, bool(error), bool(overlapped), *measured)


def from_point(point: TimelinePoint) -> Row:
    """Return the columns `TIMELINE`."""
    return number(point.at), point.rss_bytes, point.traced_bytes, point.units_total


def from_event(event: Event) -> Row:
    """Return the columns `EVENT`."""
    return number(event.at), text(event.type), packed(event.detail)


def to_event(row: Row) -> Event:
    """Return the event of the columns `EVENT`."""
    at, kind, detail = row
    return Event(at, kind, json.loads(detail))


def _clean(value: Any) -> Any:
    if isinstance(value, str):
        return text(value)
    if value is None or isinstance(value, bool | int):
        return value
    if isinstance(value, float):
        return number(value)
    if isinstance(value, Mapping):
        return {text(str(key)): _clean(each) for key, each in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [_clean(each) for each in value]
    return text(str(value))
