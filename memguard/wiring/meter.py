"""Deltas of every single unit, in trace mode."""

from memguard.instruments.blocks import BlockCounter
from memguard.instruments.rss import RssReader
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.readings import WindowReading
from memguard.units import format_bytes
from memguard.wiring.observer import Observer
from memguard.wiring.records import Records
from memguard.wiring.unit import Start, Unit


class Meter:
    """Reads the process's counters at a unit's begin and end, and keeps the records until they are flushed.

    The counters are the process's: of a unit that overlapped others they say what all of them did together, and its
    record is marked so. The peak can be told only of a unit that was alone when it began.
    """

    def __init__(self, tracing: Tracing, observer: Observer, rss: RssReader) -> None:
        self.records = Records()
        self._tracing = tracing
        self._observer = observer
        self._rss = rss
        self._blocks = BlockCounter()

    def start(self, *, alone: bool) -> Start:
        """Return what the counters say as a unit begins."""
        if alone:
            self._tracing.reset_peak()
        return Start(
            traced=self._tracing.read()[0],
            level=self._observer.level(),
            window=self._observer.windows,
            blocks=self._blocks.read_if_affordable(),
            rss=self._rss.read(),
            peak_is_own=alone and self._tracing.ours,
        )

    def record(self, unit: Unit, operation: Operation, at: float, *, error: bool) -> None:
        """Keep the record of a unit that has just ended."""
        start = unit.start
        if start is None:
            return
        traced, peak = self._tracing.read()
        unit.record = self.records.add(
            at,
            operation,
            unit.seconds(),
            error=error,
            overlapped=unit.overlapped,
            body_sent=unit.body_seconds(),
            traced=traced - start.traced,
            traced_peak=peak - start.traced if start.peak_is_own and not unit.overlapped else None,
            objects=self._objects(start),
            blocks=self._blocks.read() - start.blocks if start.blocks is not None else None,
            rss=self._rss.read() - start.rss,
        )

    def _objects(self, start: Start) -> int | None:
        """Return how many objects were born since, and are alive; None where it was in no window, or not in one alone."""
        if start.level is None or start.window != self._observer.windows:
            return None
        level = self._observer.level()
        return None if level is None else level - start.level

    def settle(self, record: int, reading: WindowReading) -> None:
        """Correct a record by the settled window that covered its unit alone."""
        if reading.survivors is not None:
            self.records.settle(record, reading.survivors.objects, reading.blocks)

    def timings(self, start: Start, *, overlapped: bool) -> str:
        """Return a `Server-Timing` value: the deltas of the process since the unit began, for the browser's tools."""
        traced, peak = self._tracing.read()
        entries = [
            ("memguard-traced", f"traced {_signed(traced - start.traced)}"),
            ("memguard-rss", f"RSS {_signed(self._rss.read() - start.rss)}"),
        ]
        if start.peak_is_own and not overlapped:
            entries.insert(1, ("memguard-peak", f"peak {_signed(peak - start.traced)}"))
        if (objects := self._objects(start)) is not None:
            entries.insert(-1, ("memguard-objects", f"objects {objects:+d}"))
        if start.blocks is not None:
            entries.insert(-1, ("memguard-blocks", f"blocks {self._blocks.read() - start.blocks:+d}"))
        if overlapped:
            entries.append(("memguard-overlap", "other units were in flight, the figures are of all of them"))
        return ", ".join(f'{name};desc="{text}"' for name, text in entries)


def _signed(count: int) -> str:
    return ("+" if count >= 0 else "") + format_bytes(count)
