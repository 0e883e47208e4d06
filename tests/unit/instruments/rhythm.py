"""A load on the collector, with or without windows, in a process of its own: `python rhythm.py WINDOW EVERY`.

Each unit leaves a ring that dies some hundred units later, in the oldest generation, where only a full collection
frees it. Prints as JSON what the collector did, in counts: the load is the same each time.
"""

import gc
import json
import sys
from collections import deque

from memguard.instruments.heap import FrozenWindow, GenerationWindow, Window

UNITS = 3000
RING = 100
AGE = 40
THRESHOLDS = (200, 10, 10)
"""Lower than by default, so that a short load makes enough full collections to compare."""


class Link:
    """A part of a ring; counts how many exist."""

    alive = 0

    def __init__(self, to: "Link | None") -> None:
        self.to = to
        Link.alive += 1

    def __del__(self) -> None:
        Link.alive -= 1


def ring() -> Link:
    """Return a part of a ring, which holds all the others."""
    first = last = Link(None)
    for _ in range(RING - 1):
        last = Link(last)
    first.to = last
    return first


def run(window: Window | None, every: int) -> dict[str, object]:
    """Run the units, every n-th in a window that is settled at the next unit."""
    gc.set_threshold(*THRESHOLDS)
    gc.collect()
    frozen, full = gc.get_freeze_count(), gc.get_stats()[2]["collections"]
    lately: deque[Link] = deque(maxlen=AGE)
    counts: list[int] = []
    most = 0
    for number in range(UNITS):
        if window is not None and number % every == 0:
            if number:
                window.settle().clear()
            window.open()
        lately.append(ring())
        if window is not None and number % every == 0:
            window.close()
        counts.append(gc.get_count()[2])
        most = max(most, Link.alive)
    if window is not None:
        window.abandon()
    return {
        "full": gc.get_stats()[2]["collections"] - full,
        "mean count": sum(counts) / len(counts),
        "most alive": most,
        "thresholds as before": gc.get_threshold() == THRESHOLDS,
        "still frozen": max(0, gc.get_freeze_count() - frozen),
    }


if __name__ == "__main__":
    kinds = {"none": lambda: None, "frozen": FrozenWindow, "generations": GenerationWindow}
    print(json.dumps(run(kinds[sys.argv[1]](), int(sys.argv[2]))))
