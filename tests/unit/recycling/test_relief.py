"""Relief: what a collection and a trim give back of real memory, and what is not tried again."""

import ctypes
import gc
import mmap
from collections.abc import Callable

from memguard.instruments.native import trim
from memguard.instruments.rss import RssReader
from memguard.recycling.relief import STEP_REST_SECONDS, Relief

MB = 1_000_000


class Node:
    """Half of a circle, with something in it."""

    def __init__(self, size: int) -> None:
        self.itself = self
        # Not of the C library, which gives back what it frees, or keeps it, as everything before has taught it.
        self.body = mmap.mmap(-1, size)
        self.body.write(bytes(size))


def fragmented() -> Callable[[], None]:
    """Take many small pieces of the C library's memory and free nearly all; return what frees the rest."""
    library = ctypes.PyDLL(None)
    library.malloc.restype, library.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
    library.free.argtypes = [ctypes.c_void_p]
    pieces = [library.malloc(2000) for _ in range(60_000)]
    for address in pieces:
        ctypes.memset(address, 1, 2000)
    for address in pieces[:-1]:
        library.free(address)
    return lambda: library.free(pieces[-1])


def test_a_collection(by_hand: None) -> None:
    """Circles of garbage that nobody had collected yet are told as what the collection gave back."""
    for _ in range(60):
        Node(1 * MB)
    rss = RssReader()
    yields = Relief(rss.read, trim).give_back(1000.0)

    assert [each.step for each in yields] == ["collect", "trim"]
    assert yields[0].given_back > 50 * MB
    assert yields[0].seconds > 0


def test_a_trim() -> None:
    """Free pieces between pieces in use are told as what the trim gave back."""
    free = fragmented()
    rss = RssReader()
    collected, trimmed = Relief(rss.read, trim).give_back(1000.0)
    free()

    assert (collected.step, trimmed.step) == ("collect", "trim")
    assert trimmed.given_back > 80 * MB


def test_a_step_that_gave_nothing_rests() -> None:
    """What was no use is left out for a while; what was is tried again."""
    used = [100.0]
    steps = []

    def trimming() -> int:
        steps.append("trim")
        used[0] *= 0.5
        return 0

    relief = Relief(lambda: round(used[0] * MB), trimming)
    said = [[each.step for each in relief.give_back(moment)] for moment in (0.0, 60.0, STEP_REST_SECONDS + 1.0)]

    assert said == [["collect", "trim"], ["trim"], ["collect", "trim"]]
    assert len(steps) == 3


def test_a_collector_that_is_off(by_hand: None) -> None:
    """A host that has switched the collector off has its reasons: its garbage stays."""
    Node(50 * MB)
    gc.disable()
    try:
        collected, _ = Relief(RssReader().read, trim).give_back(1000.0)
    finally:
        gc.enable()
    assert collected.given_back < 10 * MB

    assert gc.collect() > 0


def test_a_library_without_trim() -> None:
    """Where there is no such thing the step gives nothing, and rests."""
    relief = Relief(lambda: 100 * MB, lambda: None)

    assert [each.given_back for each in relief.give_back(0.0)] == [0, 0]
    assert relief.give_back(60.0) == ()
