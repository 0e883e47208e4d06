"""Objects whose fate the tests know."""

import gc
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager


class Planted:
    """What is planted; `other` makes cycles."""

    def __init__(self, other: "Planted | None" = None) -> None:
        self.other = other


def plant(count: int) -> list[Planted]:
    """Return so many new objects."""
    return [Planted() for _ in range(count)]


def plant_cycles(count: int) -> list[Planted]:
    """Return one half each of so many new cycles of two."""
    halves = [Planted(Planted()) for _ in range(count)]
    for half in halves:
        assert half.other is not None
        half.other.other = half
    return halves


def ids(objects: Iterable[object]) -> set[int]:
    """Return who the planted among the objects are; they must be kept for as long as that is of use."""
    return {id(each) for each in objects if type(each) is Planted}


@contextmanager
def frozen_heap() -> Iterator[int]:
    """Freeze the heap as an application does before it forks; yield how many objects that are."""
    gc.freeze()
    try:
        yield gc.get_freeze_count()
    finally:
        gc.unfreeze()


@contextmanager
def tuples_built_meanwhile() -> Iterator[list[BaseException]]:
    """Have threads build tuples without pause, and yield the list of what happened to them.

    CPython cannot resize a tuple that anyone else holds, and `gc.get_objects` hands out those that are being built.
    Threads that switch at every chance and young collections all the time bring a mistake to light soon.
    """
    stop, failures = threading.Event(), list[BaseException]()

    def build() -> None:
        try:
            while not stop.is_set():
                tuple([] for _ in range(400))
                tuple([] for _ in range(20))
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=build) for _ in range(2)]
    interval, thresholds = sys.getswitchinterval(), gc.get_threshold()
    sys.setswitchinterval(1e-6)
    gc.set_threshold(50, 10, 10)
    try:
        for thread in threads:
            thread.start()
        yield failures
    finally:
        stop.set()
        gc.set_threshold(*thresholds)
        sys.setswitchinterval(interval)
        for thread in threads:
            thread.join()
