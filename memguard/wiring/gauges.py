"""What the process's counters did from a window's open to its settling."""

import sys

from memguard.instruments.blocks import BlockCounter
from memguard.instruments.traces import Tracing


class Gauges:
    """Reads the counters at both ends of a window."""

    def __init__(self, tracing: Tracing) -> None:
        self._tracing = tracing
        self._counter = BlockCounter()
        self._blocks: int | None = None
        self._traced: int | None = None

    def open(self) -> None:
        """Read before the window opens, all but the blocks: what is kept of it must not be seen by the window."""
        self._traced = self._tracing.read()[0] if self._tracing.on else None
        self._blocks = sys.maxsize - 1  # a number of its own: `sys.maxsize` itself is there already

    def count_blocks(self) -> None:
        """Read the blocks, once the window is open.

        The figure takes a block itself; its place was taken before by a number of the same size.
        """
        self._blocks = self._counter.read_if_affordable()

    def settle(self) -> tuple[int | None, int | None]:
        """Return by how much blocks and traced bytes have changed; None where there was no reading."""
        blocks, traced = self._blocks, self._traced
        if blocks is not None:
            blocks = self._counter.read() - blocks
        if traced is not None:
            traced = self._tracing.read()[0] - traced if self._tracing.on else None
        return blocks, traced
