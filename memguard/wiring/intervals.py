"""Intervals: what grows in the process, against all units that ended meanwhile, read by the keeper some times a second.

Windows see only the units they sample. The size of a container, threads or memory of C code can be read without one,
so here every unit counts; operations that come in changing mixes are told apart by regression.
"""

from collections import Counter
from dataclasses import dataclass, field
from time import perf_counter, thread_time

from memguard.instruments import process
from memguard.instruments.native import NativeReader
from memguard.model import Operation
from memguard.readings import DESCRIPTORS, NATIVE, RSS, TASKS, THREADS, Interval
from memguard.wiring.containers import Sizes
from memguard.wiring.watch import Watch

UNITS_LEAST = 4
PUT_OFF_MOST = 3
SECONDS_BETWEEN, SECONDS_BETWEEN_NATIVE = 0.4, 1.0
NATIVE_SHARE = 0.0005
"""Share of a core that readings of the C allocator may use; it walks its lists of free chunks for each."""


class Intervals:
    """One per process, used by the keeper.

    While units are in flight nobody knows which of them have left by now what they leave. So a look waits for a moment
    when none is: it is then taken at once, by the thread whose unit was the last. Where no such moment comes in time the
    keeper looks all the same, and says what was in flight.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._native = NativeReader()
        self._sizes: Sizes = {}
        self._units: dict[Operation, int] = {}
        self._held_last, self._native_last = _Last(), _Last()
        self._next = self._next_native = 0.0
        self._in_flight: Counter[Operation] = Counter()
        self._put_off = self._switches = 0

    def look(self) -> None:
        """Read, and put what changed since the last look into the ledger, if units have ended meanwhile."""
        watch = self._watch
        if perf_counter() < self._next:
            return
        if self._put_off < PUT_OFF_MOST and (watch.observer.active or watch.live):
            self._put_off += watch.observer.active or watch.when_quiet is not None
            watch.when_quiet = self._look_when_quiet
            return
        watch.when_quiet = None
        with watch.observer.unmeasured, watch.observer.lock:
            self._look()

    def _look_when_quiet(self) -> None:
        """No unit is in flight: look, on the thread of the last one, unless it would have to wait."""
        lock, started = self._watch.observer.lock, thread_time()
        if not lock.acquire(blocking=False):
            return
        try:
            with self._watch.observer.unmeasured:
                self._look()
        finally:
            lock.release()
        self._watch.boundary_seconds += thread_time() - started

    def _look(self) -> None:
        ledger, containers = self._watch.ledger, self._watch.observer.containers
        self._put_off, self._next = 0, perf_counter() + SECONDS_BETWEEN
        totals = ledger.totals()
        units = _since(totals, self._units)
        if sum(count for _, count in units) < UNITS_LEAST:
            return
        flying = (Operation(unit.kind, unit.running_name()) for unit in tuple(self._watch.live))
        live = Counter(each for each in flying if each in totals)
        in_flight = tuple((live + self._in_flight).items())
        self._in_flight = live
        growths = containers.grown(self._sizes)
        self._sizes, self._units = containers.sizes(), totals
        if growths:
            ledger.add_interval(Interval(units, containers=growths, in_flight=in_flight))
        self._look_at_what_is_held(totals, in_flight)

    def _look_at_what_is_held(self, totals: dict[Operation, int], in_flight: tuple[tuple[Operation, int], ...]) -> None:
        held = process.held()
        tracing = self._watch.tracing
        if tracing.on or tracing.switches != self._switches:  # its tables are no operation's memory
            self._switches = tracing.switches
            self._native_last.counts.pop(NATIVE, None)
            self._held_last.counts.pop(RSS, None)
        self._note(
            self._held_last,
            {THREADS: held.threads, DESCRIPTORS: held.descriptors, TASKS: held.tasks, RSS: self._watch.rss.read()},
            totals,
            in_flight,
        )
        if perf_counter() >= self._next_native:
            started = thread_time()
            native = self._native.read()
            rest = (thread_time() - started) / NATIVE_SHARE
            self._next_native = perf_counter() + max(SECONDS_BETWEEN_NATIVE, rest)
            self._note(self._native_last, {NATIVE: native.in_use if native is not None else None}, totals, in_flight)

    def _note(
        self,
        last: "_Last",
        read: dict[str, int | None],
        totals: dict[Operation, int],
        in_flight: tuple[tuple[Operation, int], ...],
    ) -> None:
        counts = {name: count for name, count in read.items() if count is not None}
        changes = tuple((name, count - last.counts[name]) for name, count in counts.items() if name in last.counts)
        if changes:
            self._watch.ledger.add_interval(Interval(_since(totals, last.units), held=changes, in_flight=in_flight))
        last.counts, last.units = counts, totals


@dataclass(slots=True)
class _Last:
    """What was read last, and how many units there had been."""

    counts: dict[str, int] = field(default_factory=dict)
    units: dict[Operation, int] = field(default_factory=dict)


def _since(totals: dict[Operation, int], before: dict[Operation, int]) -> tuple[tuple[Operation, int], ...]:
    changed = ((operation, count - before.get(operation, 0)) for operation, count in totals.items())
    return tuple((operation, units) for operation, units in changed if units > 0)
