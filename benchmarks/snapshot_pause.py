"""How long other threads stand still for a snapshot over many traces: memguard's, and tracemalloc's own.

python benchmarks/snapshot_pause.py --traces 1000000
"""

import argparse
import threading
import time
import tracemalloc
from collections.abc import Callable

from memguard.instruments import raw


def longest_gap(act: Callable[[], object]) -> tuple[float, float]:
    """Return the longest time in which another thread did not get its turn while something ran, and how long that took."""
    gaps: list[float] = [0.0]
    is_over = threading.Event()

    def tick() -> None:
        last = time.perf_counter()
        while not is_over.is_set():
            time.sleep(0.001)
            now = time.perf_counter()
            gaps[0] = max(gaps[0], now - last)
            last = now

    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.1)
    gaps[0] = 0.0
    began = time.perf_counter()
    act()
    took = time.perf_counter() - began
    is_over.set()
    thread.join()
    return gaps[0], took


def main() -> None:
    """Allocate, then measure both."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--traces", type=int, default=1_000_000)
    traces: int = parser.parse_args().traces
    tracemalloc.start(8)
    kept = [bytes(50) for _ in range(traces)]
    for name, act in (("tracemalloc.take_snapshot", tracemalloc.take_snapshot), ("memguard", raw.take)) * 2:
        gap, took = longest_gap(act)
        print(
            f"{name}: other threads stood still for {gap * 1000:.0f} ms at most, {took:.2f} s in all, {len(kept):,} traces"
        )


if __name__ == "__main__":
    main()
