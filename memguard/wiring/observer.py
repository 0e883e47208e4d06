"""Drives windows over units: opens one when the sampler says so, closes it when it spans enough, settles it later.

The end of a unit is not the moment its memory is free: inside WSGI `close()` the response is alive, at Celery's
`task_postrun` the arguments are. So a closed window is settled at the next begin, or by the keeper, once every unit
that was in flight at its close has ended.

Unit threads never wait here: whoever does not get the lock leaves it to the next. Ended units go through a queue
for the same reason. A finalizer that runs inside a collection of ours and ends a unit finds the lock taken, too.
"""

import gc
from collections import deque
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from math import inf
from threading import Lock
from time import perf_counter, thread_time

from memguard.explain import sites
from memguard.instruments import census
from memguard.instruments.collector import collections
from memguard.instruments.heap import CLOSED, IDLE, OPEN, DisturbedError, choose_window
from memguard.instruments.late import LateObjects
from memguard.instruments.traces import Tracing
from memguard.readings import Survivors, WindowReading
from memguard.residue.criteria import LASTING_UNITS
from memguard.residue.ledger import Ledger
from memguard.residue.sampler import OVERLAP_FACTOR, Sampler
from memguard.wiring.containers import Containers
from memguard.wiring.exhibits import line_of
from memguard.wiring.gauges import Gauges
from memguard.wiring.own_work import OwnWork
from memguard.wiring.span import Span
from memguard.wiring.unit import Unit
from memguard.wiring.zoom import Zoom

TRACED_SHARE = 0.1
"""In trace mode windows may take this share of the time: while tracemalloc is on, types, sites and sums cost a multiple of
what they cost otherwise, and what windows that follow each other make old is more than a collector is there for."""
SPOILED_SECONDS = 1e-3
"""What a step is taken to have cost where a full collection fell into it: more than most do."""


class Observer:
    """One per process.

    Attributes:
        wake: Moment (`perf_counter`) from which a `begin` has something to do here; adapters' hot path compares it.
        active: A window is open or waits to be settled, so ends matter.
        seconds: CPU seconds spent here so far.
        note: Why windows are not exact in this process, or empty.
        containers: Those that were seen to grow.
        unmeasured: Around work of memguard's own that leaves something in caches.
        zoom: Whom to ask for tracebacks of what an operation leaves.
        late: Survivors of past windows that are being followed.
        windows: How many have been opened.
        every_unit: Windows come as often as `TRACED_SHARE` lets them, whatever the budget; changed while it is `quiet`.
    """

    def __init__(
        self, sampler: Sampler, ledger: Ledger, tracing: Tracing, live: Collection[Unit],
        on_settled: Callable[[WindowReading, int | None], None], *, every_unit: bool,
    ) -> None:  # fmt: skip
        self.lock = Lock()
        self.wake = 0.0
        self.active = False
        self.seconds = 0.0
        self.window, self.note = choose_window()
        self._sampler = sampler
        self._ledger = ledger
        self._tracing = tracing
        self._live = live
        self._on_settled = on_settled
        self.every_unit = every_unit
        self.containers = Containers()
        self.zoom = Zoom(tracing, self.containers)
        self.late = LateObjects()
        self._gauges = Gauges(tracing)
        self.unmeasured = OwnWork()
        self._ended: deque[Unit] = deque()
        self._state = IDLE
        self.windows = 0
        self._is_zoomed = False
        self._window_seconds = 0.0
        self._rested = 0.0
        self._span = Span()

    def begin(self, unit: Unit) -> None:
        """A unit begins, and `wake` has come: settle what waits, then perhaps open a window with this unit in it."""
        self._advance(unit)

    def ends(self, unit: Unit) -> None:
        """A unit ends while a window is active; it is still among those in flight, so at any moment it is in one place."""
        self._ended.append(unit)

    def end(self) -> None:
        """It has ended: settle what waits."""
        self._advance(None)

    def tick(self) -> None:
        """The keeper looks: windows end even where no unit comes any more, and late objects are looked at again."""
        self._advance(None)
        with self.lock:
            self.zoom.expire()
            for look in self.late.look(perf_counter(), self._ledger.units):
                self._ledger.add_look(look)

    def without_waiting(self, work: Callable[[], None]) -> None:
        """Do something that nobody else may do meanwhile, on a unit's thread: if it would have to wait, it is left out."""
        if self.lock.acquire(blocking=False):
            try:
                work()
            finally:
                self.lock.release()

    @contextmanager
    def quiet(self) -> Iterator[None]:
        """Around a look at the whole heap: no window is open, and none opens; one that was is given up.

        So is the tracing of a unit: the look would take a multiple of its time, and the host as long.
        """
        with self.lock:
            if self._state != IDLE or self.zoom.is_on:
                self.abandon()
            try:
                yield
            finally:
                self.plan()

    def level(self) -> int | None:
        """Return how many objects were born in the window that is active and are alive, None without one; O(those)."""
        return self.window.born() if self.window is not None and self._state != IDLE else None

    def _advance(self, begun: Unit | None) -> None:
        if not self.lock.acquire(blocking=False):
            return
        now, used, full = perf_counter(), thread_time(), collections()[1]
        try:
            self._take_ended()
            if self._state == OPEN and self._span.is_long_enough(now):
                self._close(now)
            elif self._state == CLOSED and self._span.is_settled(now):
                self._settle(now)
            if self._state == IDLE and begun is not None and now >= self.wake:
                self._open(begun)
            self._account(thread_time() - used, is_spoiled=collections()[1] > full)
        finally:
            self.lock.release()

    def _account(self, seconds: float, *, is_spoiled: bool) -> None:
        if is_spoiled:  # by a full collection that was due: the host's own, wherever it happens to fall
            seconds = min(seconds, SPOILED_SECONDS)
        self.seconds += seconds
        self._window_seconds += seconds
        if not self._is_zoomed:  # a zoom has bounds of its own, and must not take other operations' windows
            self._sampler.spend(seconds)

    def _take_ended(self) -> None:
        is_exact = self.window is None or self.window.two_phase
        for _ in range(len(self._ended)):  # those that other threads add meanwhile are for the next
            self._span.take(self._ended.popleft(), is_open=self._state == OPEN, is_exact=is_exact)

    def _open(self, unit: Unit) -> None:
        zoomed = self.zoom.begin() if perf_counter() >= self.zoom.rests_until else 0
        self._is_zoomed = zoomed > 0
        others = len(self._live) - 1
        if zoomed:
            self._span.start(zoomed + OVERLAP_FACTOR * others, self.zoom.seconds_at_once)
        else:
            self._span.start(1 + OVERLAP_FACTOR * others if self.every_unit else self._sampler.length(others))
        self.unmeasured.spoiled = self.unmeasured.going
        self._gauges.open()
        self._ended.clear()  # while the last window was settled: they are in none
        self.active = True  # before it opens: what ends meanwhile may have left something in it
        self.windows += 1
        if self.window is not None:
            self.window.open()
        self._span.opened(unit, self._live, self._ended)
        self._state = OPEN
        self.wake = inf
        # A window must not see its own bookkeeping, so this number takes its memory now, before the blocks are counted.
        self._window_seconds = 0.0 * unit.began
        self._gauges.count_blocks()

    def _close(self, now: float) -> None:
        if self.window is not None:
            self.window.close()
        self._span.close(self._live, self._ended, now)
        self._state = CLOSED
        self.wake = now

    def _settle(self, now: float) -> None:
        started = thread_time()
        if self._span.later:
            gc.collect(0)  # cyclic garbage of later units is no growth; the open of the window had collected, too
        blocks, traced = self._gauges.settle()
        self._span.give_up_waiting()
        # A zoomed window is for sites alone: while tracemalloc is on everything else takes a multiple of its time.
        is_evidence = not self.unmeasured.spoiled and (self.every_unit or not self.zoom.is_on)
        try:
            survivors = self._read_window(now, is_evidence=is_evidence)
        except DisturbedError:
            self.zoom.stop()
            self._rest()
            self.window, self.note = choose_window()
            return
        found = sites.blame(survivors.traces) if survivors else ()
        reading = self._span.reading(survivors, found, blocks=blocks, traced=traced, seconds=self._window_seconds)
        if is_evidence:
            self._ledger.add(reading)
        if not self.unmeasured.spoiled:
            self._on_settled(reading, self._span.record if len(self._span.inside) == 1 else None)
        self._rested = perf_counter() + (self._window_seconds + thread_time() - started) / TRACED_SHARE
        self._rest()

    def _read_window(self, now: float, *, is_evidence: bool) -> Survivors | None:
        born = self.window.settle() if self.window is not None else []
        if self._is_zoomed and self.zoom.is_on:
            self.zoom.end(dict(self._span.weights()), born)
        if self.window is None:
            return None
        survivors = None
        if is_evidence:
            survivors = census.take(born, self.window.garbage, traces=self._tracing.on)
            weights = self._span.weights()
            numbers = {operation: self._ledger.units(operation) for operation, _ in weights}
            self.late.follow(
                born, now, weights, numbers, patience=LASTING_UNITS, line=line_of if self._tracing.on else None
            )
        born.clear()
        return survivors

    def _rest(self) -> None:
        self._state = IDLE
        self.active = False
        self.plan()

    def plan(self) -> None:
        """Decide when the next window may open; called again whenever the sampler was granted time."""
        if self._state != IDLE:
            return
        gap = max(0.0, self._rested - perf_counter()) if self.every_unit else self._sampler.gap()
        wake = inf if gap is None else perf_counter() + gap if gap else 0.0
        self.wake = min(wake, self.zoom.rests_until) if self.zoom.is_wished else wake

    def stop(self) -> None:
        """Put the heap back and open no more windows."""
        with self.lock:
            self.abandon()

    def abandon(self) -> None:
        """Put the heap back without waiting for whoever holds the lock: in a forked child nobody does any more."""
        if self.window is not None:
            self.window.abandon()
        self.zoom.stop()
        self._state = IDLE
        self.active = False
        self.wake = inf
