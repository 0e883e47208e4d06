"""What of a process's memory counts against its ceiling, where it was forked from another one.

A child begins with all that its parent has in memory, and its RSS says so, though it costs nothing more: of 952 MB that
a preloaded worker shows 0.8 MB may be its own (tried). As it runs, reference counts are written and the collector
passes, and page after page becomes its own: 787 of 792 MB after one walk over the heap (tried). So

- what is still shared does not count: to end the process would give nothing of it back;
- what was inherited and has become its own counts, as any replacement's will, unless that alone comes near the ceiling:
  then every worker would be over it, and the ceiling is for what the worker has added since the fork.
"""

from collections.abc import Callable
from pathlib import Path
from time import perf_counter

from memguard.forking import reset_in_child
from memguard.instruments.rss import RssReader

FAT = 0.8
"""A process that was forked with this share of its ceiling is judged by what it adds."""
REST_FACTOR = 100.0
"""A reading that walks all of the process's pages (10 ms for 1 GB) is used for so many times as long as it took."""


class _AtFork:
    """RSS of this process when it was forked, 0 where it was not, or before memguard was imported."""

    def __init__(self) -> None:
        self.rss = 0
        reset_in_child(self._read)

    def _read(self) -> None:
        self.rss = RssReader().read()


_at_fork = _AtFork()


class OwnMemory:
    """Reads what counts against a ceiling; one per process.

    Args:
        rss: Reads the process's memory.
        metric: `rss`, `uss` or `pss`; the latter two leave out what is shared by themselves.
        limit: The lowest ceiling in bytes.
        root: Where `proc` is found.

    Attributes:
        floor: RSS in bytes when the process was forked, 0 where it was not.
        adds: Only what was added since the fork counts.
    """

    def __init__(self, rss: RssReader, metric: str, limit: int, root: Path = Path("/")) -> None:
        self.floor = _at_fork.rss
        self.adds = metric == "rss" and self.floor >= FAT * limit
        self._rss = rss
        self._metric = metric
        self._limit = limit
        self._root = root
        self._slow = self.floor if metric == "rss" else 0
        self._rest_until = 0.0

    def read(self) -> int:
        """Return the bytes that count; where all is under the limit anyway, what is shared may be counted in."""
        if self._metric != "rss":
            return self._slowly(lambda: self._rss.read(self._metric))
        rss = self._rss.read()
        if not self.floor or (rss <= self._limit and not self.adds):
            return rss
        return max(0, rss - (self.floor if self.adds else min(self.floor, self._slowly(self._shared))))

    def read_quickly(self) -> int:
        """Return the same by what is known already of that which takes long; in a microsecond."""
        if self._metric != "rss":
            return self._slow
        return max(0, self._rss.read() - (self.floor if self.adds else min(self.floor, self._slow)))

    def _slowly(self, read: Callable[[], int]) -> int:
        now = perf_counter()
        if now >= self._rest_until:
            self._slow = read()
            self._rest_until = perf_counter() + REST_FACTOR * (perf_counter() - now)
        return self._slow

    def _shared(self) -> int:
        """Return the bytes of memory of no file that other processes map, too; the floor where that is not told."""
        try:
            lines = (self._root / "proc/self/smaps_rollup").read_text().splitlines()
            (told,) = (line for line in lines if line.startswith("Shared_Dirty:"))
            return int(told.split()[1]) * 1024
        except (OSError, ValueError, IndexError):
            return self.floor
