"""CPU of one window against the size of the heap and the number of survivors.

    python benchmarks/window.py [--heaps 100000 1000000 10000000]

A window is opened, a small unit runs, the window is closed, settled and its survivors counted, as a sync worker would
have it. Counting allocator blocks, which not every window of a large heap does, is shown by itself.
"""

import argparse
import gc
import sys
from time import thread_time
from typing import Any

from rounds import save, spread

from memguard.instruments import census
from memguard.instruments.blocks import BlockCounter
from memguard.instruments.heap import choose_window

ROUNDS = 400
SURVIVORS = (0, 10, 1000, 10_000, 100_000)


def main() -> None:
    """Print microseconds of a window for each heap."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heaps", type=int, nargs="+", default=[100_000, 300_000, 1_000_000, 3_000_000, 10_000_000])
    options = parser.parse_args()
    window, note = choose_window()
    assert window is not None, note
    print(f"Python {sys.version.split()[0]}, medians of CPU time, {window.name} window {note}")
    heap: list[list[int]] = []
    rows: list[dict[str, Any]] = []
    for size in sorted(options.heaps):
        print(f"filling the heap to {size} objects …", file=sys.stderr, flush=True)
        heap.extend([number] for number in range(len(heap), size))
        gc.collect()
        windows: dict[str, dict[str, float]] = {}
        for survivors in SURVIVORS:
            rounds = []
            for _ in range(max(20, ROUNDS // max(1, survivors // 100))):
                before = thread_time()
                window.open()
                opened = thread_time()
                kept = [[number] for number in range(survivors)]
                closing = thread_time()
                window.close()
                born = window.settle()
                found = census.take(born, window.garbage, traces=False).objects
                rounds.append(opened - before + thread_time() - closing)
                assert found >= survivors, (found, survivors)
                del kept, born
            windows[str(survivors)] = spread(1e6 * seconds for seconds in rounds)
        counter = BlockCounter()
        blocks = []
        for _ in range(30):
            before = thread_time()
            counter.read()
            blocks.append(thread_time() - before)
        rows.append({"heap": size, "windows_us": windows, "blocks_us": spread(1e6 * seconds for seconds in blocks)})
        figures = ", ".join(f"{number} survivors {each['median']:.0f} µs" for number, each in windows.items())
        print(f"{size:>9} objects: {figures}; blocks {rows[-1]['blocks_us']['median']:.0f} µs a reading")
    save("window", {"rows": rows, "window": window.name})


if __name__ == "__main__":
    main()
