"""Containers that grow, nobody knows by whom, are read at the end of every unit: who was in flight tells whose gains are.

See `residue/witnesses.py`. Costs some microseconds a unit, and only while there is such a container.
"""

from collections import deque
from collections.abc import Collection, Mapping
from threading import Lock
from time import perf_counter, thread_time

from memguard.model import Operation
from memguard.residue.watched import Watched
from memguard.wiring.containers import Containers
from memguard.wiring.unit import Unit

AT_ONCE = 2
IN_FLIGHT_MOST = 32
"""With more in flight at once hardly anything can be told from who was there, and it would take long to ask them."""
ASKED_ONE_IN, TIMED_ONE_IN = 16, 7
"""So often it is noted who is in flight while nothing is gained, and what a look has cost: of both kinds of looks."""
TOLD_MOST = 4096


class Closely:
    """One per process. `look` belongs to units' threads, all else to the keeper, under the observer's lock.

    Attributes:
        paths: What is read now; empty while there is nothing to find out.
        seconds: CPU seconds that `look` has used.
    """

    def __init__(self, containers: Containers, live: Collection[Unit]) -> None:
        self.paths: tuple[str, ...] = ()
        self.seconds = 0.0
        self._containers = containers
        self._live = live
        self._lock = Lock()
        self._known: frozenset[Operation] = frozenset()
        self._sizes: dict[str, int] = {}
        self._ended: deque[Operation] = deque(maxlen=TOLD_MOST)
        self._gains: deque[tuple[str, int, frozenset[Operation] | None]] = deque(maxlen=TOLD_MOST)
        self._meetings: deque[tuple[Operation, frozenset[Operation], float]] = deque(maxlen=TOLD_MOST)
        self._looks = 0
        self._last = perf_counter()
        self._missed = True

    def look(self, ended: Operation, *, in_a_window: bool) -> None:
        """A unit of this operation has ended: see what has been gained; whoever would have to wait leaves it to the next.

        Args:
            ended: Its operation.
            in_a_window: What is noted now would be seen as residue of units; it is left out, and so is what grew meanwhile.
        """
        if in_a_window:
            self._missed = True
            return
        self._ended.append(ended)
        if not self._lock.acquire(blocking=False):
            return
        try:
            self._look(ended)
        finally:
            self._lock.release()

    def _look(self, ended: Operation) -> None:
        self._looks += 1
        is_asked, is_timed = self._looks % ASKED_ONE_IN == 0, self._looks % TIMED_ONE_IN == 0
        started = thread_time() if is_timed else 0.0
        changes, ended_since = [], tuple(self._ended)
        for path in self.paths:
            size = self._containers.size(path)
            before = self._sizes.get(path, size)
            self._sizes[path] = size
            if size != before:
                changes.append((path, size - before))
        if changes or is_asked or self._missed:
            now = perf_counter()
            present = self._present(ended_since) if not self._missed else None
            self._gains.extend((path, entries, present) for path, entries in changes)
            if is_asked and present is not None:
                self._meetings.append((ended, present, now - self._last))
            self._missed = False
        self._last = perf_counter()
        for _ in ended_since:  # those that other threads add meanwhile are for the next
            self._ended.popleft()
        if is_timed:
            self.seconds += (thread_time() - started) * TIMED_ONE_IN

    def _present(self, ended: Collection[Operation]) -> frozenset[Operation] | None:
        """Return the operations that were in flight since the last look; None where that cannot be said."""
        flying = tuple(self._live)
        if len(flying) + len(ended) > IN_FLIGHT_MOST:
            return None
        found = {Operation(unit.kind, unit.running_name()) for unit in flying}
        return frozenset(found.union(ended)) if found <= self._known else None

    def turn(self, watched: Watched, units: Mapping[Operation, int]) -> None:
        """Put what was seen into the books, and read from now on what they cannot explain.

        Args:
            watched: The books of containers.
            units: How many units of each operation there have been.
        """
        for _ in range(len(self._meetings)):
            watched.company.saw(*self._meetings.popleft())
        for _ in range(len(self._gains)):
            watched.gained(*self._gains.popleft())
        self._known = frozenset(units)
        chosen = tuple(watched.unexplained(units)[:AT_ONCE])
        if chosen != self.paths:
            self._missed = True
            self.paths = chosen
        self._sizes = {path: size for path, size in self._sizes.items() if path in self._containers}
