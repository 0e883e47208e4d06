"""Values to rows and back. Rows hold plain numbers and clean text; what is nested is JSON."""

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, fields
from functools import cache, lru_cache
from typing import Any, TypeVar

from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.model import (
    Event,
    Finding,
    Judgement,
    Operation,
    OperationStats,
    UnitRecord,
    WorkerId,
    WorkerState,
)

_ENCODE = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode

Row = tuple[Any, ...]
Value = TypeVar("Value")

WORKER = (
    "host, pid, started_at, kind, server, mode, state, last_seen, rss_bytes, rss_baseline_bytes, ceiling_bytes, "
    "units_total, in_flight, windows_total, overhead_ratio, notes, more"
)
OPERATION = (
    "kind, name, verdict, reasons, objects_per_unit, blocks_per_unit, bytes_per_unit, units, errors, sampled_units, "
    "last_seen, more"
)
COUNTERS = "units, errors, sampled_units, last_seen"
UNIT = "at, kind, name, seconds, error, overlapped, body_sent, traced, traced_peak, objects, blocks, rss"
EVENT = "at, type, detail"
_WORKER = WORKER.split(", ")
WORKER_MORE = tuple(field.name for field in fields(WorkerState) if field.name not in {"id", *_WORKER})
JUDGEMENT_MORE = tuple(field.name for field in fields(Judgement))[6:]
"""Fields without a column of their own: a later memguard may have more of them, an earlier one fewer."""


def text(value: str) -> str:
    """Return what UTF-8 can hold: a request line may carry lone surrogates, and SQLite refuses them."""
    return value if value.isascii() else value.encode("utf-8", "backslashreplace").decode()


def number(value: float) -> float:
    """Return a number that JSON and SQLite can hold; both refuse infinities and SQLite reads NaN as NULL."""
    return float(value) if math.isfinite(value) else 0.0


def packed(value: object) -> str:
    """Return plain data as JSON in clean text; what JSON does not know is written as `str` writes it."""
    return _ENCODE(_clean(value))


# Reasons, notes and the like are told every second, and seldom change.
@lru_cache(maxsize=1024)
def _packed_texts(texts: tuple[str, ...]) -> str:
    return packed(texts)


def from_worker(state: WorkerState) -> Row:
    """Return the columns `WORKER`."""
    return (
        text(state.id.host), state.id.pid, state.id.started_at, text(state.kind), text(state.server),
        text(state.mode), text(state.state), number(state.last_seen), state.rss_bytes, state.rss_baseline_bytes, state.ceiling_bytes,
        state.units_total, state.in_flight, state.windows_total, number(state.overhead_ratio), _packed_texts(state.notes),
        _more(state, WORKER_MORE),
    )  # fmt: skip


def to_worker(row: Row) -> WorkerState:
    """Return the worker of the columns `WORKER`."""
    values = dict(zip(_WORKER, row, strict=True))
    values.update(id=WorkerId(*row[:3]), notes=_texts(values["notes"]))
    return made(WorkerState, {**_told_more(values["more"]), **values})


def _more(value: WorkerState | Judgement, names: tuple[str, ...]) -> str:
    return _packed_fields(names, tuple([getattr(value, name) for name in names]))


@lru_cache(maxsize=1024)
def _packed_fields(names: tuple[str, ...], values: tuple[object, ...]) -> str:
    return packed(dict(zip(names, values, strict=True)))


@lru_cache(maxsize=1024)
def _known(more: str) -> dict[str, Any]:
    return {name: value for name, value in json.loads(more).items() if name in JUDGEMENT_MORE}


@lru_cache(maxsize=512)
def _told_more(more: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(more)
    return found


@lru_cache(maxsize=1024)
def _texts(packed_texts: str) -> tuple[str, ...]:
    return tuple(json.loads(packed_texts))


def from_operation(stats: OperationStats) -> Row:
    """Return the columns `OPERATION`."""
    judged = stats.judgement
    return (
        text(judged.operation.kind), text(judged.operation.name), text(judged.verdict), _packed_texts(judged.reasons),
        number(judged.objects_per_unit), number(judged.blocks_per_unit), number(judged.bytes_per_unit),
        stats.units, stats.errors, stats.sampled_units, number(stats.last_seen), _more(judged, JUDGEMENT_MORE),
    )  # fmt: skip


def counters(stats: OperationStats) -> Row:
    """Return the columns `COUNTERS`, and the kind and name that they belong to."""
    operation = stats.judgement.operation
    return (
        stats.units, stats.errors, stats.sampled_units, number(stats.last_seen), text(operation.kind), text(operation.name),
    )  # fmt: skip


def to_operation(row: Row) -> OperationStats:
    """Return the operation of the columns `OPERATION`."""
    kind, name, verdict, reasons, objects, blocks, size, units, errors, sampled, last_seen, more = row
    told = _known(more) if len(more) > 2 else {}
    judged = Judgement(Operation(kind, name), verdict, _texts(reasons), objects, blocks, size, **told)
    return OperationStats(judged, units, errors, sampled, last_seen)


def from_finding(finding: Finding) -> Row:
    """Return fingerprint, last_seen and the rest as JSON."""
    return text(finding.fingerprint), number(finding.last_seen), packed(asdict(finding))


def to_finding(body: str) -> Finding:
    """Return the finding of its JSON, also of one that a memguard with fewer or more fields wrote."""
    found = json.loads(body)
    judged = found["judgement"]
    operation = made(Operation, judged["operation"])
    return made(
        Finding,
        {
            **found,
            "judgement": made(Judgement, {**judged, "operation": operation, "reasons": tuple(judged["reasons"])}),
            "sites": tuple(made(Site, site) for site in found["sites"]),
            "types": tuple(made(TypeCount, counted) for counted in found["types"]),
            "pattern": made(Pattern, found["pattern"]),
            "holder": _to_holder(found.get("holder")),
        },
    )


def _to_holder(found: dict[str, Any] | None) -> Holder | None:
    if not found or not {field.name for field in fields(Holder)} <= found.keys():
        return None  # the first memguards wrote holders in other forms
    return made(Holder, {**found, "chain": tuple(made(Link, link) for link in found["chain"])})


def made(kind: type[Value], values: Mapping[str, Any]) -> Value:
    """Return a dataclass of those values that it knows."""
    return kind(**{name: values[name] for name in _names(kind) if name in values})  # type: ignore[arg-type]


@cache
def _names(kind: Any) -> tuple[str, ...]:
    return tuple(field.name for field in fields(kind))


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
