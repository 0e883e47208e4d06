"""What was allocated since tracing began and is alive, by traceback: of much only a part, so that nobody waits for long.

tracemalloc hands out all of its traces in one call, about half a microsecond each, and while it is on everything that
Python code does with them takes a multiple of its time. So of many traces a part is looked at; where they are too many
even for that one call, a part of the objects is asked instead, which misses what is no object of the collector's.
"""

import tracemalloc
from collections.abc import Iterable
from itertools import islice
from time import sleep

from memguard.allocations import Allocations
from memguard.instruments.alive import OLDEST, PIECE
from memguard.instruments.census import shallow_size
from memguard.instruments.collector import number_of_objects, part_of
from memguard.instruments.traces import Frames, alive, frames_of
from memguard.readings import Trace

TRACES_MOST = 300_000
LOOKED_AT = 50_000
ASKED = 20_000
BYTES_A_TRACE = 50
"""The least that tracemalloc itself uses for each of its traces."""


class Allocated:
    """Sums by traceback; tracemalloc must be on.

    Attributes:
        is_sampled: Not all was looked at, so the sums are estimates.
    """

    def __init__(self, taken: Allocations | None = None) -> None:
        """Look at what is alive, or take it from a snapshot that was taken just now."""
        self._groups: dict[Frames, list[int]] = {}
        self.is_sampled = False
        if taken is not None:
            for group in filter(lambda each: each.frames, taken.groups):
                self._add(group.frames, group.bytes, group.count)
            return
        are_few = tracemalloc.get_tracemalloc_memory() <= TRACES_MOST * BYTES_A_TRACE
        self.is_sampled = (self._look_at_traces() if are_few else self._ask_objects()) > 1

    def traces(self) -> Iterable[Trace]:
        """Return the sums."""
        return [Trace(frames, objects, size) for frames, (objects, size) in self._groups.items()]

    def _look_at_traces(self) -> int:
        found = alive()
        step = max(1, -(-len(found) // LOOKED_AT))
        for size, frames in islice(found, 0, None, step):
            self._add(frames, size * step, step)
        return step

    def _ask_objects(self) -> int:
        count = number_of_objects(OLDEST)
        step = max(2, -(-count // ASKED))
        piece = PIECE - PIECE % step
        for start in range(0, count, piece):
            found, _ = part_of(OLDEST, start, start + piece, step)
            for each in found:
                frames = frames_of(each)
                if frames:
                    self._add(frames, shallow_size(each) * step, step)
            each = None
            found.clear()
            sleep(0)
        return step

    def _add(self, frames: Frames, size: int, objects: int) -> None:
        group = self._groups.get(frames)
        if group is None:
            group = self._groups[frames] = [0, 0]
        group[0] += objects
        group[1] += size
