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
from time import perf_counter, thread_time, time

from memguard.explain import sites
from memguard.instruments import census
from memguard.instruments.blocks import BlockCounter
from memguard.instruments.heap import CLOSED, IDLE, OPEN, DisturbedError, choose_window
from memguard.instruments.late import LateObjects
from memguard.instruments.traces import Tracing
from memguard.readings import Survivors, WindowReading
from memguard.residue.ledger import Ledger
from memguard.residue.sampler import OVERLAP_FACTOR, Sampler
from memguard.residue.verdict import LASTING_UNITS
from memguard.wiring.span import Span
from memguard.wiring.unit import Unit

SECONDS_BETWEEN_EVIDENCE = 0.02
"""In trace mode every unit is measured, but no more windows than this go into the ledger: while tracemalloc is on,
types, sites and sums cost a multiple of what they cost otherwise."""


class Observer:
    """One per process.

    Attributes:
        wake: Moment (`perf_counter`) from which a `begin` has something to do here; adapters' hot path compares it.
        active: A window is open or waits to be settled, so ends matter.
        seconds: CPU seconds spent here so far.
        note: Why windows are not exact in this process, or empty.
    """

    def __init__(
        self,
        sampler: Sampler,
        ledger: Ledger,
        tracing: Tracing,
        live: Collection[Unit],
        on_settled: Callable[[WindowReading, int | None], None],
        *,
        every_unit: bool,
    ) -> None:
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
        self._every_unit = every_unit
        self._blocks = BlockCounter()
        self._own_work = 0
        self._late = LateObjects()
        self._ended: deque[Unit] = deque()
        self._state = IDLE
        self._absorbed = 0
        self._window_seconds = 0.0
        self._before: tuple[int | None, int | None] = (None, None)
        self._spoiled = False
        self._next_evidence = 0.0
        self._span = Span()

    def begin(self, unit: Unit) -> None:
        """A unit begins, and `wake` has come: settle what waits, then perhaps open a window with this unit in it."""
        self._advance(unit)

    def end(self, unit: Unit) -> None:
        """A unit ended while a window is active."""
        self._ended.append(unit)
        self._advance(None)

    def tick(self) -> None:
        """The keeper looks: windows end even where no unit comes any more, and late objects are looked at again."""
        self._advance(None)
        with self.lock:
            for look in self._late.look(perf_counter(), self._ledger.units):
                self._ledger.add_look(look)

    @contextmanager
    def unmeasured(self) -> Iterator[None]:
        """Around work of memguard's own that leaves something in caches: a window it falls into is not counted."""
        self._spoiled = True
        self._own_work += 1
        try:
            yield
        finally:
            self._own_work -= 1
            self._spoiled = True

    def level(self) -> int:
        """Return a running number of objects whose differences say how many were born and are alive; O(those)."""
        return self._absorbed + (self.window.born() if self.window and self._state != IDLE else 0)

    def _advance(self, begun: Unit | None) -> None:
        if not self.lock.acquire(blocking=False):
            return
        now, used = perf_counter(), thread_time()
        try:
            self._take_ended()
            if self._state == OPEN and self._span.is_long_enough(now):
                self._close(now)
            elif self._state == CLOSED and self._span.is_settled(now):
                self._settle(now)
            if self._state == IDLE and begun is not None and now >= self.wake:
                self._open(begun)
            self._account(thread_time() - used)
        finally:
            self.lock.release()

    def _account(self, seconds: float) -> None:
        self.seconds += seconds
        self._window_seconds += seconds
        self._sampler.spend(seconds)

    def _take_ended(self) -> None:
        is_exact = self.window is None or self.window.two_phase
        while self._ended:
            self._span.take(self._ended.popleft(), is_open=self._state == OPEN, is_exact=is_exact)

    def _open(self, unit: Unit) -> None:
        others = len(self._live) - 1
        length = 1 + OVERLAP_FACTOR * others if self._every_unit else self._sampler.length(others)
        self._span.start(unit.sequence, length)
        self._spoiled = self._own_work > 0
        if self.window is not None:
            self.window.open()
        self._state = OPEN
        self.active = True
        self.wake = inf
        # A window must not see its own bookkeeping. What is kept of the counters takes memory itself, so placeholders
        # of the same size are there while they are read, and go when the figures take their place.
        self._window_seconds = 0.0 * unit.began
        self._before = (unit.sequence + 2**20, None)
        traced = self._tracing.read()[0] if self._tracing.on else None
        self._before = (self._blocks.read_if_affordable(), traced)

    def _close(self, now: float) -> None:
        if self.window is not None:
            self.window.close()
        self._span.close(self._live, now)
        self._state = CLOSED
        self.wake = now

    def _settle(self, now: float) -> None:
        if self._span.later:
            gc.collect(0)  # cyclic garbage of later units is no growth; the open of the window had collected, too
        blocks, traced = self._before
        if blocks is not None:
            blocks = self._blocks.read() - blocks
        if traced is not None:
            traced = self._tracing.read()[0] - traced if self._tracing.on else None
        self._span.give_up_waiting()
        is_evidence = not self._spoiled and now >= self._next_evidence
        try:
            survivors = self._read_window(now, is_evidence=is_evidence)
        except DisturbedError:
            self._rest()
            self.window, self.note = choose_window()
            return
        reading = WindowReading(
            at=time(),
            units=self._span.units(),
            edges=tuple(self._span.edges.items()),
            later=tuple(self._span.later.items()),
            survivors=survivors,
            sites=sites.blame(survivors.traces) if survivors else (),
            blocks=blocks,
            traced=traced,
            seconds=self._window_seconds,
        )
        if is_evidence:
            self._ledger.add(reading)
            self._next_evidence = now + SECONDS_BETWEEN_EVIDENCE if self._every_unit else 0.0
        if not self._spoiled:
            self._on_settled(reading, self._span.record if len(self._span.inside) == 1 else None)
        self._rest()

    def _read_window(self, now: float, *, is_evidence: bool) -> Survivors | None:
        if self.window is None:
            return None
        if self._every_unit:
            self._absorbed += self.window.born()
        born = self.window.settle()
        survivors = census.take(born, self.window.garbage, traces=self._tracing.on and is_evidence)
        if is_evidence:
            weights = self._span.weights()
            due = {operation: self._ledger.units(operation) + LASTING_UNITS for operation, _ in weights}
            self._late.follow(born, now, weights, due, self._line)
        born.clear()
        return survivors

    def _line(self, each: object) -> tuple[str, int] | None:
        found = sites.blame(census.trace(each)) if self._tracing.on else ()
        return (found[0].file, found[0].line) if found else None

    def _rest(self) -> None:
        self._state = IDLE
        self.active = False
        self.plan()

    def plan(self) -> None:
        """Decide when the next window may open; called again whenever the sampler was granted time."""
        if self._state == IDLE:
            gap = 0.0 if self._every_unit else self._sampler.gap()
            self.wake = inf if gap is None else perf_counter() + gap if gap else 0.0

    def stop(self) -> None:
        """Put the heap back and open no more windows."""
        with self.lock:
            self.abandon()

    def abandon(self) -> None:
        """Put the heap back without waiting for whoever holds the lock: in a forked child nobody does any more."""
        if self.window is not None:
            self.window.abandon()
        self._state = IDLE
        self.active = False
        self.wake = inf
