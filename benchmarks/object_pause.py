"""How long other threads stand still while a worker looks into its objects, on a heap of two million of them.

python benchmarks/object_pause.py --objects 2000000

A thread that ticks each millisecond measures the longest time in which it did not get its turn, and how much of it this
process was at work: the rest is other processes' on the same cores. Beside it, for comparison, what Python's own means take
on the same heap: a list of all objects, and a full collection.
"""

import argparse
import gc
import threading
import time
from collections.abc import Callable

from rounds import save

from memguard.explain import graph, holders, naming, variables
from memguard.explain.cycles import cycles
from memguard.explain.rows import Repeat
from memguard.instruments import alive, deep, garbage, largest
from memguard.instruments.collector import number_of_objects
from memguard.instruments.walking import OLDEST, Pace, Walk, size_of

SECONDS = 60.0
NAME = "__main__.Order"


class Order:
    """What the heap is full of."""

    def __init__(self, number: int) -> None:
        self.number = number
        self.lines = [{"number": number, "of": self}]


ORDERS: dict[int, Order] = {}


def longest_gap(act: Callable[[], object]) -> tuple[float, float, float, object]:
    """Measure another thread's longest time without a turn while something runs.

    Returns:
        That time; the longest that this process was at work in such a time; how long it ran in all; and what it gave.
    """
    gaps, worked = [0.0], [0.0]
    is_over = threading.Event()

    def tick() -> None:
        last, used = time.perf_counter(), time.process_time()
        while not is_over.is_set():
            time.sleep(0.001)
            now, using = time.perf_counter(), time.process_time()
            gaps[0] = max(gaps[0], now - last)
            worked[0] = max(worked[0], min(now - last, using - used))
            last, used = now, using

    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.1)
    gaps[0] = worked[0] = 0.0
    began = time.perf_counter()
    gave = act()
    took = time.perf_counter() - began
    is_over.set()
    thread.join()
    return gaps[0], worked[0], took, gave


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
        ("cycles", the_cycles),
    )
    rows = {}
    for name, act in acts:
        gc.collect()
        if name == "cycles":
            plant_garbage(asked.garbage)
        gap, worked, took, gave = longest_gap(act)
        print(
            f"{name}: other threads stood still for {gap * 1000:.0f} ms at most, {worked * 1000:.0f} ms of work, "
            f"{took:.2f} s in all: {gave}",
            flush=True,
        )
        rows[name] = {"gap_ms": 1000 * gap, "work_ms": 1000 * worked, "seconds": took}
    save("object_pause", {"rows": rows, "objects": asked.objects})


if __name__ == "__main__":
    main()
