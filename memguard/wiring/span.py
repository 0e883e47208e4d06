"""The units of the window in hand: which were inside, which only partly, and when that is enough."""

import gc
from collections import Counter, deque
from collections.abc import Collection
from threading import get_ident
from time import perf_counter, time

from memguard.evidence import Site
from memguard.model import Operation
from memguard.readings import Survivors, WindowReading
from memguard.residue.weighing import EDGE_WEIGHT
from memguard.wiring.unit import Unit

OPEN_SECONDS_MOST = 5.0
WAIT_SECONDS_MOST = 2.0
"""A stream or websocket that goes on longer is an edge of the window; it cannot hold the host's collector up."""
SETTLE_SECONDS = 0.005
"""Another thread's server may still be clearing up after the unit that closed the window; the same thread's is not."""
YOUNG_COLLECTIONS_MOST = 48
"""Collections of the youngest generation after which a window must end, or cyclic garbage would pile up in it."""


class Span:
    """One per process, emptied for each window: containers made anew would be promoted to the host's old generation.

    Attributes:
        inside: The operations of units that began and ended inside; a unit that was kept for longer than by its adapter
            would be seen in the allocator's blocks. (A deque, because it has its storage before its first item.)
        record: The row of the latest of them, in trace mode.
        edges: Units only partly inside, per operation.
        later: Units that ended between close and settle, per operation.
    """

    def __init__(self) -> None:
        self.inside: deque[Operation] = deque()
        self.record: int | None = None
        self.edges: Counter[Operation] = Counter()
        self.later: Counter[Operation] = Counter()
        self._before: set[Unit] = set()
        self._waiting: set[Unit] = set()
        self.start(1)

    def start(self, target: int, seconds: float = OPEN_SECONDS_MOST) -> None:
        """Begin a window that is to span so many units, but is to be open for so many seconds at most.

        It waits as long for those that are in flight when it closes.
        """
        self.inside.clear()
        self.edges.clear()
        self.later.clear()
        self._before.clear()
        self._waiting.clear()
        self._target = target
        self._seconds = seconds
        self._since = perf_counter()
        self._closed_by = get_ident()

    def opened(self, unit: Unit, live: Collection[Unit], ended: Collection[Unit]) -> None:
        """The window is open: of all units in flight by now, or just ended, only the one that opened it is inside.

        Threads may have switched while it opened, so what others have planted by now may be in it or not.
        """
        self._before.update(live)  # first these: a unit that ends is among the ended before it is out of these
        self._before.update(ended)
        self._before.discard(unit)

    def close(self, live: Collection[Unit], ended: Collection[Unit], now: float) -> None:
        """The window is closed; it waits for the units in flight, and for those that have ended while it closed."""
        self._waiting.update(live)
        self._waiting.update(ended)
        self._since = now
        self._closed_by = get_ident()

    def take(self, unit: Unit, *, is_open: bool, is_exact: bool) -> None:
        """Count an ended unit. After the close of an exact window what begins then is not in it."""
        operation = unit.operation
        if operation is None:
            return
        if unit in self._waiting:
            self._waiting.discard(unit)
            self.edges[operation] += 1
        elif is_open and unit not in self._before:
            self.inside.append(operation)
            self.record = unit.record
        elif is_open or not is_exact:
            self.edges[operation] += 1
        else:
            self.later[operation] += 1

    def is_long_enough(self, now: float) -> bool:
        """Tell whether an open window spans its target, or has to end."""
        ended = len(self.inside) + self.edges.total()
        return ended >= self._target or now - self._since > self._seconds or _is_pressing()

    def is_settled(self, now: float) -> bool:
        """Tell whether what units in a closed window leave can be seen, or the window has to end."""
        if now - self._since > min(self._seconds, WAIT_SECONDS_MOST) or _is_pressing():
            return True
        return not self._waiting and (get_ident() == self._closed_by or now - self._since > SETTLE_SECONDS)

    def give_up_waiting(self) -> None:
        """Count the units that are still in flight as edges."""
        for unit in self._waiting:
            self.edges[Operation(unit.kind, unit.name)] += 1
        self._waiting.clear()

    def reading(
        self,
        survivors: Survivors | None,
        sites: tuple[Site, ...],
        *,
        blocks: int | None,
        traced: int | None,
        seconds: float,
    ) -> WindowReading:
        """Return what the window read together with the units that it covered."""
        return WindowReading(
            at=time(),
            units=self.units(),
            edges=tuple(self.edges.items()),
            later=tuple(self.later.items()),
            survivors=survivors,
            sites=sites,
            blocks=blocks,
            traced=traced,
            seconds=seconds,
        )

    def units(self) -> tuple[tuple[Operation, int], ...]:
        """Return how many units were inside, per operation."""
        return tuple(Counter(self.inside).items())

    def weights(self) -> tuple[tuple[Operation, float], ...]:
        """Return units per operation; those only partly inside count as `EDGE_WEIGHT`."""
        found = {operation: float(units) for operation, units in self.units()}
        for operation, units in self.edges.items():
            found[operation] = found.get(operation, 0.0) + units * EDGE_WEIGHT
        return tuple(found.items())


def _is_pressing() -> bool:
    return gc.get_count()[1] > YOUNG_COLLECTIONS_MOST
