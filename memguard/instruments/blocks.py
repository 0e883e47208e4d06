"""Allocator blocks: what bytes, text and numbers need is seen here, because the collector does not track them."""

import sys
import time

AFFORDABLE_SECONDS = 50e-6
RARELY = 32


class BlockCounter:
    """`sys.getallocatedblocks()`, read less often where it is costly.

    It walks the allocator's pools: tens of microseconds on a small heap, milliseconds on one of millions of
    objects. Beyond `AFFORDABLE_SECONDS` only every n-th call reads, so that on average it costs no more.
    """

    def __init__(self) -> None:
        self._seconds = 0.0
        self._skip = 0

    def read_if_affordable(self) -> int | None:
        """Return the number of blocks in use in the process, or None when it is not the turn of a costly reading."""
        if self._skip > 0:
            self._skip -= 1
            return None
        count = self.read()
        self._skip = min(RARELY, int(self._seconds / AFFORDABLE_SECONDS))
        return count

    def read(self) -> int:
        """Return the number of blocks in use in the process, whatever it costs."""
        started = time.perf_counter()
        count = sys.getallocatedblocks()
        self._seconds = time.perf_counter() - started
        return count
