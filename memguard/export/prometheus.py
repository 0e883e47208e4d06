"""Prometheus: the metrics of all workers of a service, from what they told the store, in the text format 0.0.4.

Labels are bounded: slots in place of process ids, and operations beyond `OPERATIONS_MOST` under one name.
"""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from memguard.export.slots import slots, worker_of
from memguard.model import OTHER, OperationStats

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
OPERATIONS_MOST = 200
HOUR = 3600.0

Labels = tuple[tuple[str, str], ...]
Told = Iterable[tuple[tuple[str, int, str], OperationStats]]
"""What each worker has counted for each operation, by the worker's host, pid and start."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One metric with all of its samples."""

    name: str
    kind: str
    told: str
    samples: tuple[tuple[Labels, float], ...]


def exposition(report: Mapping[str, Any], told: Told) -> str:
    """Return the metrics as text.

    Args:
        report: The report of the service (`dashboard.report.build`).
        told: What its workers have counted.
    """
    lines = []
    for metric in metrics(report, told):
        lines += [f"# HELP {metric.name} {metric.told}", f"# TYPE {metric.name} {metric.kind}"]
        lines += [f"{metric.name}{_braces(labels)} {value!r}" for labels, value in metric.samples]
    return "\n".join([*lines, ""])


def metrics(report: Mapping[str, Any], told: Told) -> Iterator[Metric]:
    """Yield the metrics of a service; those without any sample are left out."""
    service = (("service", str(report["service"])),)
    for name, (kind, help_, samples) in (_workers(report) | _operations(report, told) | _rest(report)).items():
        labelled = tuple((service + labels, float(value)) for labels, value in samples)
        if labelled:
            yield Metric(f"memguard_{name}", kind, help_, labelled)


_Samples = list[tuple[Labels, float]]
_Table = dict[str, tuple[str, str, _Samples]]

_OF_WORKERS = {
    "worker_resident_memory_bytes": ("gauge", "What a worker uses, by the metric it was told to use.", "rss_bytes"),
    "worker_baseline_memory_bytes": ("gauge", "The same when its first unit began.", "rss_baseline_bytes"),
    "worker_ceiling_bytes": ("gauge", "The soft ceiling, for workers that have one.", "ceiling_bytes"),
    "worker_units_total": ("counter", "Requests, websocket sessions and task runs that a worker has begun.", "units_total"),
    "worker_units_in_flight": ("gauge", "Units that run now.", "in_flight"),
    "worker_windows_total": ("counter", "Windows of memguard's that a worker has settled.", "windows_total"),
    "worker_overhead_ratio": ("gauge", "CPU that memguard used of the CPU that the process used.", "overhead_ratio"),
}  # fmt: skip


def _workers(report: Mapping[str, Any]) -> _Table:
    numbers = slots(report["workers"])
    living = [row for row in report["workers"] if row["alive"]]
    table: _Table = {}
    for name, (kind, told, field) in _OF_WORKERS.items():
        table[name] = kind, told, [(_worker(row, numbers), row[field]) for row in living if row[field] is not None]
    started = [(_worker(row, numbers), _seconds(row["started_at"])) for row in living]
    table["worker_start_time_seconds"] = "gauge", "When a worker started, in seconds since the epoch.", started
    states = Counter((row["host"], row["kind"], row["state"]) for row in living)
    table["workers"] = "gauge", "Workers that are alive.", [
        ((("host", host), ("kind", kind), ("state", state)), count) for (host, kind, state), count in sorted(states.items())
    ]  # fmt: skip
    return table


def _operations(report: Mapping[str, Any], told: Told) -> _Table:
    rows = sorted(report["operations"], key=lambda row: (row["verdict"] != "leak", -row["units"]))[:OPERATIONS_MOST]
    known = {(row["kind"], row["name"]) for row in rows}
    numbers = slots(report["workers"])
    living = {worker_of(row): _worker(row, numbers) for row in report["workers"] if row["alive"]}
    units: defaultdict[Labels, int] = defaultdict(int)
    errors: defaultdict[Labels, int] = defaultdict(int)
    for worker, stats in told:
        if worker in living:
            operation = stats.judgement.operation
            name = operation.name if (operation.kind, operation.name) in known else OTHER
            labels = (*living[worker], ("operation_kind", operation.kind), ("operation", name))
            units[labels] += stats.units
            errors[labels] += stats.errors
    named: list[tuple[Labels, Mapping[str, Any]]] = [
        ((("operation_kind", row["kind"]), ("operation", row["name"])), row) for row in rows
    ]
    return {
        "operation_units_total": ("counter", "Units of an operation that have ended.", sorted(units.items())),
        "operation_errors_total": ("counter", "Those that have ended with an error.", sorted(errors.items())),
        "operation_residue_objects": (
            "gauge", "GC-tracked objects that a unit of an operation leaves.",
            [(labels, row["objects_per_unit"]) for labels, row in named],
        ),
        "operation_residue_bytes": (
            "gauge", "Bytes that a unit of an operation leaves.", [(labels, row["bytes_per_unit"]) for labels, row in named],
        ),
        "operation_verdict": (
            "gauge", "1 for the verdict that an operation has now.",
            [((*labels, ("verdict", row["verdict"])), 1.0) for labels, row in named],
        ),
    }  # fmt: skip


def _rest(report: Mapping[str, Any]) -> _Table:
    findings = Counter((row["verdict"], row["pattern"]["id"]) for row in report["findings"])
    now = _seconds(report["generated_at"])
    recent = [row for row in report["events"] if now - _seconds(row["at"]) <= HOUR]
    recycles = Counter(recycle_reason(row["detail"]) for row in recent if row["type"] == "recycle")
    return {
        "findings": (
            "gauge", "Findings that stand now.",
            [((("verdict", verdict), ("pattern", pattern)), count) for (verdict, pattern), count in sorted(findings.items())],
        ),
        "recycles_last_hour": (
            "gauge", "Workers that were replaced in the last hour.",
            [((("reason", reason),), recycles[reason]) for reason in REASONS],
        ),
        "workers_died_last_hour": (
            "gauge", "Workers that ended without a word in the last hour.", [((), sum(row["type"] == "died" for row in recent))],
        ),
    }  # fmt: skip


REASONS = ("ceiling", "hard_ceiling", "asked_for")


def recycle_reason(detail: Mapping[str, Any]) -> str:
    """Return why a worker was recycled, one of `REASONS`, from the event's detail."""
    if detail.get("asked_for"):
        return "asked_for"
    return "hard_ceiling" if detail.get("hard") else "ceiling"


def _worker(row: Mapping[str, Any], numbers: Mapping[tuple[str, int, str], int]) -> Labels:
    return (("host", row["host"]), ("kind", row["kind"]), ("worker", str(numbers[worker_of(row)])))


def _seconds(moment: str) -> float:
    return datetime.fromisoformat(moment).timestamp()


def _braces(labels: Labels) -> str:
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")
