"""What watches the units of one serving process: made at its first unit, and anew in a forked child."""

from time import perf_counter, time

from memguard.instruments.process import worker_id
from memguard.instruments.rss import RssReader
from memguard.instruments.traces import Tracing
from memguard.model import IGNORED, Operation
from memguard.readings import WindowReading
from memguard.residue.ledger import Ledger
from memguard.residue.sampler import Sampler
from memguard.settings import Settings
from memguard.wiring.meter import Meter
from memguard.wiring.observer import Observer
from memguard.wiring.unit import Unit

NAMES_REMEMBERED = 1000
TIMED_ONE_IN, TIMED_SECONDS_MOST = 64, 20e-6
"""Of so many units one is timed, to know what the boundaries themselves cost; what takes longer was interrupted."""


class Watch:
    """The instruments, the ledger and the units in flight of one process.

    Attributes:
        begun: Units that have begun; the number of the latest one.
        live: Units in flight.
        baseline: RSS in bytes when the first unit began.
        boundary_seconds: CPU seconds that begins have cost so far, estimated from every n-th.
    """

    def __init__(self, settings: Settings, tracing: Tracing) -> None:
        tracing_every_unit = settings.mode == "trace"
        self.worker_id = worker_id()
        self.rss = RssReader()
        self.baseline = self.rss.read()
        self.tracing = tracing
        if tracing_every_unit:
            self.tracing.start(settings.trace_frames)
        self.begun = 0
        self.live: set[Unit] = set()
        self.ledger = Ledger()
        self.sampler = Sampler(settings.overhead_budget)
        self.observer = Observer(
            self.sampler, self.ledger, self.tracing, self.live, self._settled, every_unit=tracing_every_unit
        )
        self.meter = Meter(self.tracing, self.observer, self.rss) if tracing_every_unit else None
        self._settings = settings
        self._operations: dict[tuple[str, str], Operation] = {}
        self.boundary_seconds = 0.0

    def begin(self, unit: Unit) -> None:
        """A unit begins."""
        # Under threads two units may get one number; all that it decides is on which side of a window's edge they are.
        self.begun = unit.sequence = self.begun + 1
        unit.overlapped = bool(self.live)
        self.live.add(unit)
        if unit.began >= self.observer.wake:
            self.observer.begin(unit)
        elif unit.sequence % TIMED_ONE_IN == 0:
            self.boundary_seconds += min(TIMED_SECONDS_MOST, perf_counter() - unit.began) * TIMED_ONE_IN
        if self.meter is not None:
            unit.start = self.meter.start(alone=len(self.live) == 1)

    def end(self, unit: Unit, *, error: bool) -> None:
        """A unit ends; nothing happens if it did not begin here: while nothing was watched, or in the parent of a fork."""
        if unit not in self.live:
            return
        self.live.discard(unit)
        if self.begun != unit.sequence:
            unit.overlapped = True
        operation = unit.operation = self._operation(unit.kind, unit.name)
        at = time()
        if operation.name is not IGNORED:
            self.ledger.count(operation, at, error=error)
            if self.meter is not None and unit.start is not None:
                self.meter.record(unit, operation, at, error=error)
        if self.observer.active:
            self.observer.end(unit)

    def timings(self, unit: Unit) -> str | None:
        """Return what a unit in flight has done to memory so far as a `Server-Timing` value; None outside trace mode."""
        if self.meter is None or unit.start is None:
            return None
        return self.meter.timings(unit.start, overlapped=unit.overlapped or self.begun != unit.sequence)

    def stop(self) -> None:
        """Put the heap and tracemalloc back as they were."""
        self.observer.stop()
        self.tracing.stop()

    def _operation(self, kind: str, name: str) -> Operation:
        operation = self._operations.get((kind, name))
        if operation is None:
            ignored = self._settings.ignores(name)
            operation = Operation(kind, IGNORED) if ignored else self.ledger.operation(kind, name)
            if len(self._operations) < NAMES_REMEMBERED:
                self._operations[kind, name] = operation
        return operation

    def _settled(self, reading: WindowReading, record: int | None) -> None:
        if self.meter is not None and record is not None and not reading.edges:
            self.meter.settle(record, reading)
