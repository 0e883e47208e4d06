"""Full collections, peak cyclic garbage and pauses with and without memguard, on a load that makes both.

    python benchmarks/gc_neutrality.py [--units 12000] [--heap 20000]

Each unit makes cycles that die at once, and cycles that live for some hundred units and then die in the old
generation, which only a full collection can free. Every variant runs in a process of its own.
"""

import argparse
import gc
import json
import subprocess
import sys
import tempfile
from collections import deque
from collections.abc import Callable
from time import perf_counter

from rounds import save

from memguard import Guard, Settings

# Every variant imports memguard, so that the heaps of all have one size: CPython's collector goes by it.
VARIANTS = ("bare", "tracemalloc", "watch", "trace")


class Node:
    """Half of a cycle; counts how many exist."""

    alive = 0

    def __init__(self) -> None:
        Node.alive += 1
        self.other: Node | None = None

    def __del__(self) -> None:
        Node.alive -= 1


def cycle() -> Node:
    """Return one half of a cycle of two."""
    first, second = Node(), Node()
    first.other, second.other = second, first
    return first


def run(variant: str, units: int, heap: int) -> dict[str, float]:
    """Run the load in this process and return what happened."""
    begin, end = boundaries(variant)
    old = [[number] for number in range(heap)]
    kept: deque[Node] = deque(maxlen=600)
    gc.collect()
    pauses: list[float] = []
    started = 0.0

    def watch_collections(phase: str, info: dict[str, int]) -> None:
        nonlocal started
        if phase == "start":
            started = perf_counter()
        elif info["generation"] == 2:
            pauses.append(perf_counter() - started)

    gc.callbacks.append(watch_collections)
    before = gc.get_stats()[2]["collections"]
    peak = 0
    for _ in range(units):
        unit = begin()
        for _ in range(20):
            cycle()
        for _ in range(4):
            kept.append(cycle())
        end(unit)
        peak = max(peak, Node.alive - 2 * len(kept))
    gc.callbacks.remove(watch_collections)
    assert len(old) == heap
    return {
        "full collections": gc.get_stats()[2]["collections"] - before,
        "peak garbage": peak,
        "longest full ms": round(1000 * max(pauses, default=0.0), 1),
    }


def boundaries(variant: str) -> tuple[Callable[[], object], Callable[[object], object]]:
    """Return what a variant does at the begin and the end of a unit."""
    if variant in ("bare", "tracemalloc"):
        if variant == "tracemalloc":
            import tracemalloc

            tracemalloc.start(8)
        return (lambda: None), (lambda unit: None)
    guard = Guard.for_process(Settings.load(mode=variant, store=tempfile.mkdtemp() + "/bench.sqlite"))
    return (lambda: guard.begin("request", "GET /")), guard.end


def main() -> None:
    """Run every variant and print a table of ratios against the bare run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=12_000)
    parser.add_argument("--heap", type=int, default=20_000, help="objects that are there before and stay")
    parser.add_argument("--variant", choices=VARIANTS, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.variant:
        print(json.dumps(run(options.variant, options.units, options.heap)))
        return
    results = {}
    for variant in VARIANTS:
        print(f"running {variant} …", file=sys.stderr, flush=True)
        command = [
            sys.executable,
            __file__,
            "--variant",
            variant,
            "--units",
            str(options.units),
            "--heap",
            str(options.heap),
        ]
        results[variant] = json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)
    print(f"Python {sys.version.split()[0]}, {options.units} units, {options.heap} old objects")
    version = ".".join(map(str, sys.version_info[:2]))
    save(f"gc_neutrality-{version}", {"rows": results, "units": options.units, "heap": options.heap})
    for figure in results["bare"]:
        base = results["bare"][figure] or 1
        print(
            f"{figure:18}",
            *(f"{name} {row[figure]:g} ({row[figure] / base:.2f})" for name, row in results.items()),
            sep="   ",
        )


if __name__ == "__main__":
    main()
