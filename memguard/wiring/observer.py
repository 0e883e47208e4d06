"""Drives windows over units: opens one when the sampler says so, closes it when it spans enough, settles it later.

The end of a unit is not the moment its memory is free: inside WSGI `close()` the response is alive, at Celery's
`task_postrun` the arguments are. So a closed window is settled at the next begin, or by the keeper, once every unit
that was in flight at its close has ended.

Unit threads never wait here: whoever does not get the lock leaves it to the next. Ended units go through a queue
for the same reason. A finalizer that runs inside a collection of ours and ends a unit finds the lock taken, too.
"""

import gc
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from math import inf
from threading import Lock, get_ident
from time import perf_counter, thread_time, time

from memguard.explain import sites
from memguard.instruments import census
from memguard.instruments.blocks import BlockCounter
from memguard.instruments.heap import CLOSED, IDLE, OPEN, DisturbedError, choose_window
from memguard.instruments.late import LateObjects
from memguard.instruments.traces import Tracing
from memguard.model import Operation, Survivors, WindowReading
from memguard.residue.ledger import Ledger
from memguard.residue.sampler import OVERLAP_FACTOR, Sampler
from memguard.wiring.unit import Unit

OPEN_SECONDS_MOST = 5.0
WAIT_SECONDS_MOST = 2.0
"""A stream or websocket that goes on longer is an edge of the window; it cannot hold the host's collector up."""
SETTLE_SECONDS = 0.005
"""Another thread's server may still be clearing up after the unit that closed the window; on the same thread it is not."""
YOUNG_COLLECTIONS_MOST = 48
"""Collections of the youngest generation after which a window must end, or cyclic garbage would pile up in it."""


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
        on_settled: Callable[[WindowReading, Sequence[Unit]], None],
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
        self._forget()

    def _forget(self) -> None:
        self._inside: deque[Unit] = deque()  # a deque has its storage from the start: see `_open`
        self._edges: Counter[Operation] = Counter()
        self._later: Counter[Operation] = Counter()
        self._waiting: set[Unit] = set()
        self._target = 1
        self._first = 0
        self._since = 0.0
        self._closed_by = get_ident()
        self._before: tuple[int | None, int | None] = (None, None)
        self._spoiled = self._own_work > 0

    def begin(self, unit: Unit) -> None:
        """A unit begins, and `wake` has come: settle what waits, then perhaps open a window with this unit in it."""
        self._advance(unit)

    def end(self, unit: Unit) -> None:
        """A unit ended while a window is active."""
        self._ended.append(unit)
        self._advance(None)

    def tick(self) -> None:
        """The keeper looks: windows end even where no unit comes any more."""
        self._advance(None)

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
            if self._state == OPEN and self._is_long_enough(now):
                self._close(now)
            elif self._state == CLOSED and self._is_settled(now):
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
        while self._ended:
            unit = self._ended.popleft()
            if unit.operation is None:
                continue
            if unit in self._waiting:
                self._waiting.discard(unit)
                self._edges[unit.operation] += 1
            elif self._state == OPEN and unit.sequence >= self._first:
                self._inside.append(unit)
            elif self._state == OPEN or (self.window is not None and not self.window.two_phase):
                self._edges[unit.operation] += 1
            else:
                self._later[unit.operation] += 1

    def _is_long_enough(self, now: float) -> bool:
        ended = len(self._inside) + self._edges.total()
        return ended >= self._target or now - self._since > OPEN_SECONDS_MOST or _is_pressing()

    def _is_settled(self, now: float) -> bool:
        if now - self._since > WAIT_SECONDS_MOST or _is_pressing():
            return True
        return not self._waiting and (get_ident() == self._closed_by or now - self._since > SETTLE_SECONDS)

    def _open(self, unit: Unit) -> None:
        self._forget()
        others = len(self._live) - 1
        self._target = 1 + OVERLAP_FACTOR * others if self._every_unit else self._sampler.length(others)
        self._first = unit.sequence
        self._window_seconds = 0.0
        if self.window is not None:
            self.window.open()
        self._state = OPEN
        self.active = True
        self.wake = inf
        # What is kept of the counters takes memory itself: a placeholder of the same size is there while they are
        # read, and goes when the figures take its place. A window must not see its own bookkeeping.
        self._before = (unit.sequence + 2**20, None)
        traced = self._tracing.read()[0] if self._tracing.on else None
        self._before = (self._blocks.read_if_affordable(), traced)
        self._since = perf_counter()

    def _close(self, now: float) -> None:
        if self.window is not None:
            self.window.close()
        self._waiting = set(self._live)  # after the close, or the set itself would be born in the window
        self._state = CLOSED
        self._since = self.wake = now
        self._closed_by = get_ident()

    def _settle(self, now: float) -> None:
        if self._later:
            gc.collect(0)  # cyclic garbage of later units is no growth; the open of the window had collected, too
        blocks, traced = self._before
        if blocks is not None:
            blocks = self._blocks.read() - blocks
        if traced is not None:
            traced = self._tracing.read()[0] - traced if self._tracing.on else None
        for unit in self._waiting:
            self._edges[Operation(unit.kind, unit.name)] += 1
        try:
            survivors = self._read_window(now)
        except DisturbedError:
            self._rest()
            self.window, self.note = choose_window()
            return
        if self._spoiled:
            self._rest()
            return
        reading = WindowReading(
            at=time(),
            units=tuple(Counter(unit.operation for unit in self._inside if unit.operation).items()),
            edges=tuple(self._edges.items()),
            later=tuple(self._later.items()),
            survivors=survivors,
            sites=sites.blame(survivors.traces) if survivors else (),
            blocks=blocks,
            traced=traced,
            seconds=self._window_seconds,
            late=self._late.look(now),
        )
        self._ledger.add(reading)
        self._on_settled(reading, self._inside)
        self._rest()

    def _read_window(self, now: float) -> Survivors | None:
        if self.window is None:
            return None
        if self._every_unit:
            self._absorbed += self.window.born()
        born = self.window.settle()
        survivors = census.take(born, self.window.garbage, traces=self._tracing.on)
        operations = {unit.operation for unit in self._inside if unit.operation}
        self._late.follow(born, now, operations.pop() if len(operations) == 1 and not self._edges else None)
        born.clear()
        return survivors

    def _rest(self) -> None:
        self._state = IDLE
        self.active = False
        self._forget()
        self.plan()

    def plan(self) -> None:
        """Decide when the next window may open; called again whenever the sampler was granted time."""
        if self._state == IDLE:
            gap = 0.0 if self._every_unit else self._sampler.gap()
            self.wake = inf if gap is None else perf_counter() + gap

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


def _is_pressing() -> bool:
    return gc.get_count()[1] > YOUNG_COLLECTIONS_MOST
