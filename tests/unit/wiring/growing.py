"""Units that leave memory of three sorts, in a process of its own: `python growing.py STORE`.

In its own, because RSS grows only where nothing is free: in a heap full of holes what stays goes into those, and glibc
maps what is large no more once it has seen something as large freed (`mallopt(3)`, M_MMAP_THRESHOLD). Prints as JSON
the bytes per unit that are laid at each operation's door, their sum, and by how much RSS really grew.
"""

import json
import mmap
import os
import random
import sys
from collections.abc import Callable

from memguard import safety
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.settings import Settings
from memguard.wiring import intervals, span
from memguard.wiring.intervals import Intervals
from memguard.wiring.unit import Unit
from memguard.wiring.watch import Watch

MAPPED, TEXT, LISTS = 1_000_000, 200_000, 4_000
"""Bytes, bytes, and lists of one number: what a unit leaves."""
ROUNDS, UNITS_A_ROUND = 120, 8


def mapped(size: int) -> mmap.mmap:
    """Return memory that is mapped, and touched."""
    made = mmap.mmap(-1, size)
    made.write(b"x" * size)
    return made


def run(watch: Watch) -> dict[str, object]:
    """Run units of four operations in random order, and return what the ledger says of them."""
    kept: list[object] = []
    work: dict[str, Callable[[], object]] = {
        "maps": lambda: kept.append(mapped(MAPPED)),
        "keeps": lambda: kept.append([[number] for number in range(LISTS)]),
        "texts": lambda: kept.append(os.urandom(TEXT)),
        "clean": lambda: [os.urandom(100_000) for _ in range(8)],
    }
    looks, chance = Intervals(watch), random.Random(4)
    before = watch.rss.read()
    for _ in range(ROUNDS):
        for name in chance.choices(list(work), (2, 4, 3, 5), k=UNITS_A_ROUND):
            operation = Operation("request", name)
            unit = Unit(operation.kind, operation.name)
            watch.begin(unit)
            work[name]()
            watch.end(unit, error=False)
        looks.look()
    grew = watch.rss.read() - before
    shares = watch.ledger.books.shares()
    left = {share.operation.name: share.bytes / share.units for share in shares}
    return {"left": left, "sum": sum(share.bytes for share in shares), "grew": grew}


def main() -> None:
    """Run, and print; whatever memguard swallowed is raised."""
    swallowed: list[BaseException] = []
    safety.on_swallow.append(swallowed.append)
    span.OPEN_SECONDS_MOST = intervals.SECONDS_BETWEEN = intervals.SECONDS_BETWEEN_NATIVE = 0.0
    intervals.NATIVE_SHARE = 1000.0
    watch = Watch(Settings.load({"store": sys.argv[1]}, environ={}), Tracing())
    watch.observer.wake = float("inf")
    told = run(watch)
    watch.stop()
    if swallowed:
        raise BaseExceptionGroup("memguard.safety swallowed what it should not have met", swallowed)
    print(json.dumps(told))


if __name__ == "__main__":
    main()
