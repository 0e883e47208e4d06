"""OpenTelemetry: metrics of this process, and what a unit did to memory as attributes of the span it runs in.

Only the API is used: where the application has set up no SDK, nothing happens. Nothing here starts anything.
"""

from collections.abc import Callable, Iterator
from typing import Any

from opentelemetry import metrics, trace
from opentelemetry.metrics import CallbackOptions, Observation

from memguard.model import Flush, WorkerId
from memguard.safety import Part

OPERATIONS_MOST = 200
_part = Part("telling OpenTelemetry")


class _Latest:
    """What this process told last; callbacks of instruments, which are made once, look here."""

    flush: Flush | None = None
    are_made = False


def tell(flush: Flush) -> None:
    """Remember what this worker tells; the first time, make the instruments of which readers ask for it."""
    _Latest.flush = flush
    if not _Latest.are_made:
        _Latest.are_made = True
        with _part:
            _make_instruments()


def mark(*, rss: int, traced: int | None, peak: int | None, overlapped: bool) -> None:
    """Put what a unit has done to memory so far on the current span, if there is one that records.

    Args:
        rss: By how much the process's RSS has changed since it began, in bytes.
        traced: The same of traced memory; None where it was not measured.
        peak: The highest of traced memory above the begin; None where it was not measured.
        overlapped: Other units were in flight: the figures are of all of them.
    """
    with _part:
        span = trace.get_current_span() if _part.on else trace.INVALID_SPAN
        if span.is_recording():
            said = {"rss.change": rss, "traced.change": traced, "traced.peak": peak}
            span.set_attributes({f"memguard.memory.{name}": value for name, value in said.items() if value is not None})
            span.set_attribute("memguard.overlapped", overlapped)


def _make_instruments() -> None:
    meter = metrics.get_meter("memguard")
    meter.create_observable_up_down_counter(
        "process.memory.usage", [_of_worker(lambda flush: flush.worker.rss_bytes)], "By", "RSS of this process."
    )
    meter.create_observable_up_down_counter(
        "memguard.units.active", [_of_worker(lambda flush: flush.worker.in_flight)], "{unit}", "Units that run now."
    )
    meter.create_observable_gauge(
        "memguard.overhead",
        [_of_worker(lambda flush: flush.worker.overhead_ratio)],
        "1",
        "CPU that memguard used of the CPU that the process used.",
    )
    meter.create_observable_counter(
        "memguard.units",
        [_of_operations(lambda stats: stats.units)],
        "{unit}",
        "Units of an operation that have ended.",
    )
    meter.create_observable_counter(
        "memguard.errors",
        [_of_operations(lambda stats: stats.errors)],
        "{unit}",
        "Those that have ended with an error.",
    )
    meter.create_observable_gauge(
        "memguard.residue",
        [_of_operations(lambda stats: stats.judgement.bytes_per_unit)],
        "By",
        "What a unit of an operation leaves.",
    )
    meter.create_observable_gauge(
        "memguard.findings",
        [_findings],
        "{finding}",
        "Findings of this process that stand now, by verdict and pattern.",
    )


def _of_worker(value: Callable[[Flush], float]) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        with _part:
            if _Latest.flush is not None:
                yield Observation(value(_Latest.flush), _about(_Latest.flush.worker.id))

    return observe


def _of_operations(value: Callable[[Any], float]) -> Callable[[CallbackOptions], Iterator[Observation]]:
    def observe(_: CallbackOptions) -> Iterator[Observation]:
        with _part:
            operations = _Latest.flush.operations if _Latest.flush is not None else ()
            for stats in sorted(operations, key=lambda each: -each.units)[:OPERATIONS_MOST]:
                operation = stats.judgement.operation
                yield Observation(
                    value(stats),
                    {
                        "memguard.operation.kind": operation.kind,
                        "memguard.operation.name": operation.name,
                    },
                )

    return observe


def _findings(_: CallbackOptions) -> Iterator[Observation]:
    with _part:
        found: dict[tuple[str, str], int] = {}
        for finding in _Latest.flush.findings if _Latest.flush is not None else ():
            key = finding.judgement.verdict, finding.pattern.id
            found[key] = found.get(key, 0) + 1
        for (verdict, pattern), count in found.items():
            yield Observation(count, {"memguard.verdict": verdict, "memguard.pattern": pattern})


def _about(worker: WorkerId) -> dict[str, str | int]:
    return {"host.name": worker.host, "process.pid": worker.pid}
