"""What watches the units of one serving process: made at its first unit, and anew in a forked child."""

from collections import deque
from collections.abc import Callable
from itertools import chain
from time import perf_counter, time
from types import ModuleType
from typing import TYPE_CHECKING

from memguard.explain import sites
from memguard.forking import undivided
from memguard.instruments.end_of_life import EndOfLife
from memguard.instruments.process import worker_id
from memguard.instruments.rss import RssReader
from memguard.instruments.traces import Tracing
from memguard.model import IGNORED, Operation, UnitRecord
from memguard.readings import WindowReading
from memguard.residue.ledger import Ledger
from memguard.residue.sampler import Sampler
from memguard.settings import Settings
from memguard.wiring.closely import Closely
from memguard.wiring.meter import Meter
from memguard.wiring.observer import Observer
from memguard.wiring.unit import Unit

if TYPE_CHECKING:
    from memguard.wiring.followed import FollowedUnits

NAMES_REMEMBERED = 1000
TIMED_ONE_IN, TIMED_SECONDS_MOST = 64, 20e-6
"""Of so many units one is timed, to know what the boundaries themselves cost; what takes longer was interrupted."""


def telemetry(settings: Settings) -> ModuleType | None:
    """Return what tells OpenTelemetry; importing it takes longer than all of memguard."""
    if not settings.opentelemetry:
        return None
    with undivided():
        from memguard.export import opentelemetry

    return opentelemetry


class Watch:
    """The instruments, the ledger and the units in flight of one process.

    Attributes:
        begun: Units that have begun; the number of the latest one.
        inner_adapter: The adapter that has met units which another one had begun, empty where none has.
        live: Units in flight.
        code: The host's own code that an operation runs, where it is known.
        baseline: RSS in bytes when the first unit began.
        end_of_life: Follows requests and responses from the end of their units, a few of each operation.
        when_quiet: Called once, at the next moment when no unit is in flight and no window is open; None for nothing.
        followed: Units that are followed line by line, None while nobody asked for it.
        telemetry: Where units and metrics are told to OpenTelemetry, None where nobody asked for it.
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
        self.begun, self.inner_adapter = 0, ""
        self.live: set[Unit] = set()
        self.ledger = Ledger()
        self.sampler = Sampler(settings.overhead_budget)
        self.code: dict[Operation, sites.Code] = {}
        self.observer = Observer(
            self.sampler, self.ledger, self.tracing, self.live, self._settled, every_unit=tracing_every_unit
        )
        self.observer.zoom.code = self.code
        self.closely = Closely(self.observer.containers, self.live)
        self.meter = Meter(self.tracing, self.observer, self.rss) if tracing_every_unit else None
        self.end_of_life = EndOfLife()
        self.telemetry = telemetry(settings)
        self._settings = settings
        self._unread: deque[tuple[UnitRecord, ...]] = deque()
        self._operations: dict[tuple[str, str], Operation] = {}
        self.boundary_seconds = 0.0
        self.when_quiet: Callable[[], None] | None = None
        self.followed: FollowedUnits | None = None

    def begin(self, unit: Unit) -> None:
        """A unit begins."""
        # Under threads two units may get one number; all that it decides is whether they seem to overlap.
        self.begun = unit.sequence = self.begun + 1
        unit.overlapped = bool(self.live)
        self.live.add(unit)
        observer = self.observer
        if observer.zoom.is_asked and observer.zoom.awaits_units:
            unit.when_known = self._known
        if unit.began >= observer.wake:
            observer.begin(unit)
        elif unit.sequence % TIMED_ONE_IN == 0:
            self.boundary_seconds += min(TIMED_SECONDS_MOST, perf_counter() - unit.began) * TIMED_ONE_IN
        if self.meter is not None:
            unit.start = self.meter.start(alone=len(self.live) == 1)
        if self.telemetry is not None:
            unit.rss = self.rss.read()
        if self.followed is not None:
            self.followed.begin(unit)

    def end(self, unit: Unit, *, error: bool) -> None:
        """A unit ends; nothing happens if it did not begin here: while nothing was watched, or in the parent of a fork."""
        if unit not in self.live:
            return
        if self.begun != unit.sequence:
            unit.overlapped = True
        if self.telemetry is not None:
            self._mark(unit)
        operation = unit.operation = self._operations.get((unit.kind, unit.name)) or self._operation(unit)
        if self.followed is not None and self.followed.end(unit, operation, unit.view):
            unit.start = None  # its peak was reset with each line
        observer = self.observer
        zoom = observer.zoom
        if zoom.unit is unit:
            zoom.has_left = True
        if zoom.has_left:
            observer.without_waiting(zoom.leave)
        unit.when_known = None
        if unit.inner:
            self.inner_adapter = unit.inner
        is_in_a_window = observer.active
        if is_in_a_window:
            observer.ends(unit)
        self.live.discard(unit)
        at = time()
        # Whoever keeps the unit must not be seen to keep more by it.
        expiring, unit.expiring, view, unit.view = unit.expiring, (), unit.view, None
        if view is not None and operation not in self.code:
            self.code[operation] = sites.code_of(view)
        if operation.name is not IGNORED:
            self.ledger.count(operation, at, error=error)
            if self.closely.paths:
                self.closely.look(operation, in_a_window=is_in_a_window)
            if self.meter is not None and unit.start is not None:
                self.meter.record(unit, operation, at, error=error)
        if is_in_a_window:
            observer.end()
        elif expiring and operation.name is not IGNORED:
            # Not while a window is active: what memguard keeps of them would be seen as the units' residue.
            now = perf_counter()
            for label, reference in expiring:
                self.end_of_life.follow(label, operation, reference(), now)
        if self.when_quiet is not None and not self.live and not observer.active:
            look, self.when_quiet = self.when_quiet, None
            if look is not None:  # another unit that ended just now may have taken it meanwhile
                look()

    def _known(self, unit: Unit) -> None:
        operation = self._operation(unit)
        self.observer.without_waiting(lambda: self.observer.zoom.meet(unit, operation))

    def timings(self, unit: Unit) -> str | None:
        """Return what a unit in flight has done to memory so far as a `Server-Timing` value; None outside trace mode."""
        self._mark(unit)
        if self.meter is None or unit.start is None:
            return None
        return self.meter.timings(unit.start, overlapped=unit.overlapped or self.begun != unit.sequence)

    def _mark(self, unit: Unit) -> None:
        """Put on the unit's span what it has done so far. A span may be over before its unit ends: so at two moments."""
        if self.telemetry is not None:
            rss, start = self.rss.read() - unit.rss, unit.start
            traced, peak = self.tracing.read() if start is not None else (0, 0)
            overlapped = unit.overlapped or self.begun != unit.sequence
            self.telemetry.mark(
                rss=rss,
                traced=None if start is None else traced - start.traced,
                peak=None if start is None or overlapped or not start.peak_is_own else peak - start.traced,
                overlapped=overlapped,
            )

    def trace_every_unit(self, frames: int) -> None:
        """Do from now on what `trace` mode does, in a process where nothing is traced."""
        with self.observer.quiet():
            self.tracing.start(frames)
            self.observer.every_unit = True
            self.meter = Meter(self.tracing, self.observer, self.rss)

    def trace_no_more(self) -> int:
        """Do what the mode says again; return how many units were measured meanwhile."""
        with self.observer.quiet():
            meter, self.meter = self.meter, None
            self.observer.every_unit = False
            self.tracing.stop()
        if meter is None:
            return 0
        self._unread.append(meter.records.drain())
        return meter.records.added

    def records(self) -> tuple[UnitRecord, ...]:
        """Return the units that were measured since this was last asked."""
        meter = self.meter
        found = [self._unread.popleft() for _ in range(len(self._unread))]
        found += [meter.records.drain()] if meter is not None else []
        return tuple(chain.from_iterable(found))

    def abandon(self) -> None:
        """In the child of a fork: what went on in the parent's threads is over."""
        self.observer.abandon()
        if self.followed is not None:
            self.followed.abandon()

    def stop(self) -> None:
        """Put the heap and tracemalloc back as they were."""
        if self.followed is not None:
            self.followed.stop()
        self.observer.stop()
        self.tracing.stop()

    def _operation(self, unit: Unit) -> Operation:
        kind, name = unit.kind, unit.name
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
