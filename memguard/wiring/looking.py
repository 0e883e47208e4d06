"""Takes snapshots of what is alive in this process, and compares each with the one before."""

from collections import Counter
from time import time

from memguard.explain import sites
from memguard.instruments import alive
from memguard.instruments.alive import OLDEST
from memguard.instruments.allocated import Allocated
from memguard.instruments.collector import number_of_objects
from memguard.snapshots import SiteSize, Snapshot, TypeGrowth
from memguard.wiring.watch import Watch

TYPES_SHOWN, GROWTH_SHOWN, SITES_SHOWN = 100, 100, 50
LOOKED_AT = 100_000
"""Objects that are looked at while tracemalloc is on."""
TYPES_KEPT = 10_000
"""Types that are remembered until the next snapshot; a program that makes classes without end has more."""

Place = tuple[str, int]


class Looking:
    """One per process, used by the keeper thread. Remembers numbers and names from snapshot to snapshot."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._before: float | None = None
        self._counts: dict[str, int] = {}
        self._sizes: dict[Place, int] | None = None

    def snapshot(self, allocated: Allocated | None = None) -> Snapshot:
        """Count all objects by type, and what is traced by the line that allocated it.

        It takes about a second for a million objects, in pieces between which other threads run. While everything is
        traced it would take many times as long, so that of a large heap only a part is looked at then.

        Args:
            allocated: What was found while tracing was on; it may be off by now.
        """
        step = 1
        with self._watch.observer.quiet():
            if self._watch.tracing.on:
                allocated = allocated or Allocated()
                step = max(1, number_of_objects(OLDEST) // LOOKED_AT)
            types = alive.count(step=step)
        at, before = time(), self._before
        counts = {each.type: each.count for each in types}
        growth = _growth(self._counts, counts) if before is not None else ()
        self._before = at
        self._counts = dict(Counter(counts).most_common(TYPES_KEPT))
        return Snapshot(
            at=at,
            before=before,
            objects=sum(counts.values()),
            types=tuple(types[:TYPES_SHOWN]),
            growth=growth,
            sites=self._sites(allocated),
            is_sampled=step > 1 or (allocated is not None and allocated.is_sampled),
        )

    def begin_sites(self) -> None:
        """Tracing has just begun: nothing that is alive was allocated since."""
        self._sizes = {}

    def _sites(self, allocated: Allocated | None) -> tuple[SiteSize, ...]:
        if allocated is None:
            self._sizes = None  # tracing that begins anew knows nothing of what was allocated before
            return ()
        found = sites.blame(allocated.traces())
        known, self._sizes = self._sizes, {(site.file, site.line): site.bytes for site in found}
        most = map(sites.describe, sorted(found, key=lambda site: -site.bytes)[:SITES_SHOWN])
        return tuple(
            SiteSize(
                site.file, site.line, site.function, site.bytes, site.objects,
                None if known is None else site.bytes - known.get((site.file, site.line), 0),
            )
            for site in most
        )  # fmt: skip


def _growth(before: dict[str, int], after: dict[str, int]) -> tuple[TypeGrowth, ...]:
    """Return the types whose number changed, those that grew most first and those that shrank most last."""
    names = before.keys() | after.keys()
    changed = [TypeGrowth(name, before.get(name, 0), after.get(name, 0)) for name in names]
    changed = [each for each in changed if each.before != each.after]
    most = sorted(changed, key=lambda each: (-abs(each.after - each.before), each.type))[:GROWTH_SHOWN]
    return tuple(sorted(most, key=lambda each: (each.before - each.after, each.type)))
