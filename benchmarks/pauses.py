"""How long the other threads of a process stand still while one of them does something."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Pause:
    """What another thread saw of it.

    Attributes:
        longest: Seconds without its turn, at once, at most.
        worked: How much of such a time this process was at work, at most: the rest is other processes' on the same cores.
        seconds: In all.
        gave: What it returned.
    """

    longest: float
    worked: float
    seconds: float
    gave: object


def pause_of(act: Callable[[], object]) -> Pause:
    """Measure by a thread that ticks each millisecond while something runs."""
    longest, worked = [0.0], [0.0]
    is_over = threading.Event()

    def tick() -> None:
        last, used = time.perf_counter(), time.process_time()
        while not is_over.is_set():
            time.sleep(0.001)
            now, using = time.perf_counter(), time.process_time()
            longest[0] = max(longest[0], now - last)
            worked[0] = max(worked[0], min(now - last, using - used))
            last, used = now, using

    thread = threading.Thread(target=tick)
    thread.start()
    time.sleep(0.1)
    longest[0] = worked[0] = 0.0
    began = time.perf_counter()
    gave = act()
    took = time.perf_counter() - began
    is_over.set()
    thread.join()
    return Pause(longest[0], worked[0], took, gave)
