"""How long other threads stand still while a worker looks into its objects, on a heap of two million of them.

python benchmarks/object_pause.py --objects 2000000

A thread that ticks each millisecond measures the longest time in which it did not get its turn, and how much of it this
process was at work: the rest is other processes' on the same cores. Beside it, for comparison, what Python's own means take
on the same heap: a list of all objects, and a full collection.
"""

import argparse
import gc
from collections.abc import Callable
from itertools import islice

from asked import ask, worker
from pauses import pause_of
from rounds import save

from memguard.explain import graph, holders, naming, variables
from memguard.explain.cycles import cycles
from memguard.explain.rows import Repeat
from memguard.instruments import alive, deep, garbage, largest
from memguard.instruments.collector import number_of_objects
from memguard.instruments.walking import OLDEST, Pace, Walk, size_of

SECONDS = 60.0
OBJECTS_AN_ORDER = 6
"""At most."""
NAME = "__main__.Order"


class Order:
    """What the heap is full of."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = [{"number": number, "of": self}]


ORDERS: dict[int, Order] = {}


def plant_garbage(count: int) -> None:
    """Leave cycles that only a full collection frees."""
    rings = [Order(number) for number in range(count)]
    gc.collect()
    rings.clear()


def the_largest() -> str:
    """Find the largest of a type, and who holds them."""
    pace, walk = Pace(SECONDS), Walk(Pace(SECONDS))
    found = largest.largest(NAME, naming.class_of(NAME), 15, walk)
    search = holders.searched(found.objects, seconds=pace.seconds_left, width=graph.WIDTH)
    paths = {each.holder.path for each in holders.told(search, found.objects) if each is not None}
    return f"{found.count:,} of them, {', '.join(sorted(paths))}"


def the_largest_text() -> str:
    """Find the largest of a type that no walk comes past."""
    found = largest.largest("str", str, 15, Walk(Pace(SECONDS)))
    return f"{len(found.objects)} texts"


def the_chain() -> str:
    """Find who holds a type, and draw it."""
    walk = Walk(Pace(SECONDS))
    found = largest.spread(NAME, 16, walk)
    drawn = graph.draw(
        found.objects,
        instances=found.count or 0,
        seconds=SECONDS,
        show_keys=False,
        size_of=lambda each: 0 if type(each) is Repeat else size_of(each),
    )
    return "nothing" if drawn is None else f"{drawn.path}, {len(drawn.nodes)} nodes"


def the_size() -> str:
    """Sum up a container that holds the whole heap."""
    found = deep.estimate(ORDERS, Pace(SECONDS), namespaces=naming.namespaces(), most=10**8)
    return f"{found.bytes:,} bytes in {found.objects:,} objects, {found.share:.0%} of the entries"


def the_size_by_pympler() -> str:
    """Have pympler measure as many objects as it is ever asked for: nothing can stop it on its way."""
    part: dict[int, Order] = {}
    orders = islice(ORDERS.items(), deep.MEASURED_MOST)
    while (told := deep.estimate(part, Pace(SECONDS))).objects < deep.MEASURED_MOST * 0.95:
        part.update(islice(orders, 1 + (deep.MEASURED_MOST - told.objects) // OBJECTS_AN_ORDER))
    return f"{deep.measured(part):,} bytes in {told.objects:,} objects"


def the_snapshot() -> str:
    """Have a worker that watches this process take one, as `memguard objects --take` does."""
    with worker() as guard:
        return ask(guard, "snapshot")


def the_cycles() -> str:
    """Find what only a full collection frees."""
    pace = Pace(SECONDS)
    values = variables.values(lambda: pace.is_over)
    found = garbage.unreachable(values, pace, count=number_of_objects(OLDEST))
    told = cycles(found.objects, found.points_to, found.sizes, most=5, show_keys=False)
    return (
        f"{len(found.objects):,} objects, complete: {found.is_complete}, {[(each.path, each.count) for each in told]}"
    )


def main() -> None:
    """Fill the heap, then measure each."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--objects", type=int, default=2_000_000)
    parser.add_argument("--garbage", type=int, default=1_000, help="cycles that are planted (default: 1000)")
    asked = parser.parse_args()
    before = len(gc.get_objects())
    number = 0
    while len(ORDERS) * 3 < asked.objects:
        ORDERS[number] = Order(number)
        number += 1
    gc.collect()
    print(f"{len(gc.get_objects()) - before:,} objects planted")
    acts: tuple[tuple[str, Callable[[], object]], ...] = (
        ("Python: gc.get_objects()", lambda: len(gc.get_objects())),
        ("Python: gc.collect()", gc.collect),
        ("counts by type", lambda: len(alive.count())),
        ("largest", the_largest),
        ("largest, of texts", the_largest_text),
        ("chain", the_chain),
        ("size", the_size),
        ("size, by pympler at its limit", the_size_by_pympler),
        ("objects --take", the_snapshot),
        ("cycles", the_cycles),
    )
    rows = {}
    for name, act in acts:
        gc.collect()
        if name == "cycles":
            plant_garbage(asked.garbage)
        pause = pause_of(act)
        print(
            f"{name}: other threads stood still for {pause.longest * 1000:.0f} ms at most, {pause.worked * 1000:.0f} ms of "
            f"work, {pause.seconds:.2f} s in all: {pause.gave}",
            flush=True,
        )
        rows[name] = {"gap_ms": 1000 * pause.longest, "work_ms": 1000 * pause.worked, "seconds": pause.seconds}
    save("object_pause", {"rows": rows, "objects": asked.objects})


if __name__ == "__main__":
    main()
