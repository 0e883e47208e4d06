"""The search for containers that grow, and for who holds what stays: looks at the whole heap, seldom, in the keeper."""

import gc
import sys
from collections.abc import Callable
from time import monotonic, thread_time
from typing import Any

from memguard.evidence import Holder
from memguard.explain import holders, sites
from memguard.instruments.growers import Growers, entries
from memguard.model import Operation
from memguard.residue.criteria import LIKELY, SURE, WINDOWS_LEAST
from memguard.wiring.watch import Watch

SECONDS_BETWEEN, SECONDS_BETWEEN_MOST = 9.0, 120.0
SECONDS_BETWEEN_NEAR, SECONDS_BETWEEN_NEAR_MOST = 3.0, 30.0
SECONDS_UNTIL_FIRST = 30.0
"""Until the first scan of the whole heap, where nothing is suspected: a process just started has used little CPU time that
it could be paid of."""
BUDGET_SHARE, BUDGET_SHARE_CALM = 0.2, 0.1
"""Shares of the overhead budget that scans may use, while something is suspected and while nothing is."""
BUDGET_SHARE_NEAR = 0.2
"""The same for scans of what is near the application's modules, where most leaks are and which cost little."""
FIRST_SCANS, FIRST_SCANS_NEAR = 3, 4
"""So many of each kind are not paced by what they cost, for with fewer there is nothing to compare; those of the whole
heap only once a verdict waits for them."""
TRACED_BLOCKS_MOST = 1_000_000
"""With more allocator blocks in use the whole heap is left alone while tracemalloc is on: each number that the scan makes is
then traced, which takes a hundred times as long and lets no other thread run (2 million objects: half a minute)."""
DEEP_ONE_IN = 8
FOUND_AT_ONCE = 16
SEARCH_SECONDS, SEARCH_SECONDS_OF_GROWERS = 1.5, 0.25
"""The longer one is seldom needed whole, and then by chains of frames, each of which takes a pass over the heap. Nobody is
accused of a container that was not found."""
ENTRIES_SHOWN = 2
INTERVALS_LEAST, INTERVALS_LEAST_OF_NONE = 16, 32
"""So many looks at a container must have been taken before it is said to grow with an operation or not to."""
LOOKS_BEYOND_DOUBT = 24
"""So many windows must have been looked at again where only their figures say whose the objects are: fewer, over a dozen
operations at once, leave hardly more equations than unknowns."""
CALM_WINDOWS, CALM_ERRORS = 64, 2.0
"""A watched container that has not grown with any operation over so many windows makes room for another."""


class Search:
    """One per process; its calls belong to the keeper.

    Attributes:
        searches: How often the heap was searched for who holds something; each may take `SEARCH_SECONDS`.
    """

    def __init__(self, watch: Watch, *, show_keys: bool) -> None:
        self._watch = watch
        self._show_keys = show_keys
        self._growers = Growers()
        self._holders: dict[tuple[Operation, str], Holder] = {}
        self._outliving: set[tuple[Operation, str]] = set()
        self._doubtful: set[tuple[Operation, str]] = set()
        self._next_try, self._pause = 0.0, SECONDS_BETWEEN
        self.searches = 0
        self._scans = self._scans_near = 0
        now = monotonic()
        self._next, self._earliest, self._units = now + SECONDS_UNTIL_FIRST, now + SECONDS_BETWEEN / 2, 0
        self._next_near, self._units_near = now + SECONDS_BETWEEN_NEAR / 2, 0

    def scan_if_due(self, allowed: float, *, is_eager: bool, is_awaited: bool = False, is_over: bool = False) -> None:
        """Look for containers that have grown since the last scans, and watch them from now on.

        Args:
            allowed: CPU seconds per second that memguard may use in all.
            is_eager: There is something to find out: an operation is new, or suspected.
            is_awaited: A verdict waits for what is found.
            is_over: It has used more so far; then what is due waits for as long again.
        """
        begun, now = self._watch.begun, monotonic()
        is_hurried = is_awaited and self._scans < FIRST_SCANS
        due = self._earliest if is_hurried else self._next + is_over * SECONDS_BETWEEN
        if now >= due and begun != self._units and not self._would_be_traced():
            self._units = begun
            pause = _cpu_seconds(self._scan) / (allowed * (BUDGET_SHARE if is_eager else BUDGET_SHARE_CALM))
            self._earliest = now + SECONDS_BETWEEN
            self._next = now + min(SECONDS_BETWEEN_MOST, max(SECONDS_BETWEEN, pause))
        elif now >= self._next_near + is_over * SECONDS_BETWEEN_NEAR / 2 and begun != self._units_near:
            self._units_near = begun
            used = _cpu_seconds(self._scan_near)
            pause = used / (allowed * BUDGET_SHARE_NEAR) if self._scans_near >= FIRST_SCANS_NEAR else 0.0
            self._next_near = now + min(SECONDS_BETWEEN_NEAR_MOST, max(SECONDS_BETWEEN_NEAR, pause))

    def _would_be_traced(self) -> bool:
        return self._watch.tracing.on and sys.getallocatedblocks() > TRACED_BLOCKS_MOST

    def _scan_near(self) -> None:
        self._scans_near += 1
        self._watch_new(self._growers.scan_near(sites.namespaces()))

    def _scan(self) -> None:
        containers, ledger = self._watch.observer.containers, self._watch.ledger
        with self._watch.observer.quiet():
            grown = self._growers.scan(sites.namespaces(), deep=self._scans % DEEP_ONE_IN == DEEP_ONE_IN - 1)
        self._scans += 1
        ledger.add_search()
        for path in containers.paths:
            if ledger.books.watched.is_calm(path, CALM_WINDOWS, CALM_ERRORS):
                containers.forget(path)
                ledger.books.watched.forget(path)
        self._watch_new(grown)

    def _watch_new(self, grown: list[Any]) -> None:
        """Find where those are that are not watched yet, and watch them; the list is emptied."""
        containers = self._watch.observer.containers
        watched = {id(each) for path in containers.paths for each in containers.of(path)}
        new = [each for each in grown if id(each) not in watched][:FOUND_AT_ONCE]
        grown.clear()
        if not new:
            return
        with self._watch.observer.quiet():
            for found in holders.find(new, seconds=SEARCH_SECONDS_OF_GROWERS, show_keys=self._show_keys, growing=True):
                if found is not None and not f"{found.holder.root}.".startswith("module memguard."):
                    containers.watch(found)

    def confirm(self) -> bool:
        """Find out whether what seems to last is held; return whether any of it was, so that it is time to judge anew.

        Where a root is found it is, and if a container holds it, that must grow with this operation: in windows over
        several operations the objects may be another's. Without a root nothing but the figures says whose they are, so
        those must be beyond doubt; and it may be garbage that waits for a full collection, so that is made up for. If it
        was garbage, objects are looked at again only after a full collection from then on. After a search of the heap
        the rest waits for the next verdict: the report waits for whoever searches.
        """
        ledger, observer = self._watch.ledger, self._watch.observer
        unconfirmed, ledger.unconfirmed = ledger.unconfirmed, []
        found, searches = False, self.searches
        for operation, name in unconfirmed:
            if self.searches > searches:
                break
            grower = ledger.books.watched.held(operation)
            place = grower.path if grower is not None and grower.trend.whole.z >= SURE else ""
            is_held = bool(place)
            if not is_held:
                holder = self.holder(operation, name)
                is_held = holder is not None and self._grows_with(operation, holder)
                if holder is not None and holder.root_kind != "unknown" and not is_held:
                    self._doubtful.add((operation, name))  # others may be its own
                    continue
                place = observer.containers.place(holder.path) if holder and _holds_directly(holder) else ""
            if is_held or observer.late.awaits_collections or self._outlives_a_collection(operation, name):
                if is_held or self._is_beyond_doubt(operation):
                    ledger.books.confirm(operation, name, place)
                    found = True
            else:
                with observer.lock:
                    observer.late.forget()
                    ledger.books.forget_looks()
                break
        return found

    def _grows_with(self, operation: Operation, holder: Holder) -> bool:
        """Tell whether a holder's container grows with an operation; one that grows with none cannot be asked."""
        if holder.root_kind == "unknown" or holder.size is None:
            return holder.root_kind != "unknown"
        books, place = self._watch.ledger.books, self._watch.observer.containers.place(holder.path)
        held = books.watched.container(operation, place)
        if held is None or held.trend.windows < INTERVALS_LEAST:
            return False
        # A container that is full holds its entries for long, too; but one that grows with no operation and holds
        # them by way of something else cannot be asked.
        return held.trend.whole.z >= LIKELY or (
            held.trend.windows >= INTERVALS_LEAST_OF_NONE
            and not _holds_directly(holder)
            and not books.watched.grows_with_any(place, SURE)
            and books.lasting(operation).trend.whole.z >= SURE
        )

    def _is_beyond_doubt(self, operation: Operation) -> bool:
        books = self._watch.ledger.books
        lasting = books.lasting(operation)
        is_alone = books.alone_windows(operation) >= WINDOWS_LEAST
        return is_alone or (lasting.windows >= LOOKS_BEYOND_DOUBT and lasting.trend.whole.z >= SURE)

    def _outlives_a_collection(self, operation: Operation, name: str) -> bool:
        """Tell whether it is no garbage; a full collection is made up for once."""
        if (operation, name) not in self._outliving:
            with self._watch.observer.quiet():
                before = len(self._watch.observer.late.exhibits(operation, name))
                gc.collect()
                if len(self._watch.observer.late.exhibits(operation, name)) <= before / 2:
                    return False
            self._outliving.add((operation, name))
        return True

    def holder(self, operation: Operation, name: str) -> Holder | None:
        """Return who holds objects of a type that an operation has left, and watch that container; None if unknown.

        Where the search ended without a root, or with a container that does not grow with the operation, it is made
        again, with other objects, after longer and longer pauses.
        """
        key, now = (operation, name), monotonic()
        known = self._holders.get(key)
        is_doubtful = known is not None and (known.root_kind == "unknown" or key in self._doubtful)
        if known is None or (is_doubtful and now >= self._next_try):
            self._doubtful.discard(key)
            found = self._find(lambda: self._watch.observer.late.exhibits(operation, name))
            if known is not None:
                self._pause = min(2 * self._pause, SECONDS_BETWEEN_MOST)
            self._next_try = now + self._pause
            if found is not None and (known is None or found.root_kind != "unknown"):
                self._holders[key] = known = found
        return known

    def holder_of_entries(self, place: str) -> Holder | None:
        """Return who holds the latest entries of a watched container: the same, with the way on to what is kept."""
        containers = self._watch.observer.containers

        def latest() -> list[Any]:
            found = [each for container in containers.of(place) for each in entries(container, ENTRIES_SHOWN)]
            return [each for each in found if id(type(each)) not in _PLAIN]  # a number or text is held by many

        return self._find(latest)

    def holder_of_late(self, operation: Operation) -> Holder | None:
        """Return who holds requests and responses of an operation that outlive their units."""
        return self._find(lambda: self._watch.end_of_life.alive(operation))

    def _find(self, exhibits: Callable[[], list[Any]]) -> Holder | None:
        with self._watch.observer.quiet():
            objects = exhibits()[:FOUND_AT_ONCE]
            if not objects:
                return None
            self.searches += 1
            found = holders.representative(holders.find(objects, seconds=SEARCH_SECONDS, show_keys=self._show_keys))
            objects.clear()
        if found is None:
            return None
        self._watch.observer.containers.watch(found)
        return found.holder


def _cpu_seconds(work: Callable[[], None]) -> float:
    started = thread_time()
    work()
    return thread_time() - started


def _holds_directly(holder: Holder) -> bool:
    """Tell whether what is kept is an entry of the container itself."""
    return len(holder.chain) > 1 and holder.chain[-2].grows


_PLAIN = frozenset(map(id, (int, str, bytes, float, bool, complex, type(None), tuple)))
