"""Long walks over the heap in short steps: other threads get their turn between them, and the walk ends when its time is over.

A reference to a host object lives no longer than the step it is needed in, unless a caller says so.
"""

import gc
from collections import deque
from collections.abc import Iterable, Iterator
from itertools import chain, compress, islice, repeat
from operator import is_
from time import perf_counter, sleep
from typing import Any

from memguard.instruments.census import _FLAGS, built_in_base, header_size
from memguard.instruments.collector import number_of_objects, part_of

OLDEST = 2
PIECE = 200_000
AT_ONCE = 2_000
"""Objects whose references are read in one call."""
SLICE = 20_000
"""Entries of a large container, or references, that are looked at in one step."""
REST_MOST = 0.05
_HAS_GC = 1 << 14
_PAGE = 20
_IN_PAGE = (1 << _PAGE) - 1
"""Pages of marks are of a megabyte of addresses; no object is smaller than 16 bytes."""
_LARGE = (list, dict, set, frozenset, deque, tuple)


class Pace:
    """How long a walk may go on, and the rests on its way: about as long as its steps, so that it takes half of a core.

    Attributes:
        deadline: When the time is over, by `perf_counter`.
    """

    def __init__(self, seconds: float) -> None:
        self._began = perf_counter()
        self.deadline = self._began + seconds

    @property
    def is_over(self) -> bool:
        """Whether the time is over."""
        return perf_counter() >= self.deadline

    @property
    def seconds_left(self) -> float:
        """How many seconds are left; none is negative."""
        return max(0.0, self.deadline - perf_counter())

    def rest(self) -> None:
        """Give the other threads their turn."""
        sleep(min(REST_MOST, max(0.0, perf_counter() - self._began)))
        self._began = perf_counter()


class Walk:
    """One walk over all objects that the collector tracks, but for exact tuples; no window may be open.

    Attributes:
        passed: How many objects it has come past.
        is_complete: It came to the end before its time was over.
    """

    def __init__(self, pace: Pace, piece: int = PIECE) -> None:
        self.pace = pace
        self.passed = 0
        self.is_complete = False
        self._piece = piece

    def __iter__(self) -> Iterator[list[Any]]:
        """Yield the objects in pieces; each list is emptied before the next one."""
        gc.collect(1)  # what is young is then in the oldest generation, where it stays
        for start in range(0, number_of_objects(OLDEST), self._piece):
            if self.pace.is_over:
                return
            found, lengths = part_of(OLDEST, start, start + self._piece)
            self.passed += len(found) + len(lengths)
            yield found
            found.clear()
            self.pace.rest()
        self.is_complete = True


class Marks:
    """Which objects were seen already: a byte for each place where one may begin, in pages.

    That takes a sixteenth of the memory that the objects are in. A set of millions of addresses takes ten times as much,
    and nobody has a turn while it grows.
    """

    def __init__(self, known: Iterable[int] = ()) -> None:
        """Begin with the addresses of what counts as seen."""
        self._pages: dict[int, bytearray] = {}
        for address in known:
            self._page(address)[(address & _IN_PAGE) >> 4] = 1

    def fresh(self, found: Iterable[Any]) -> list[Any]:
        """Return those that were not seen so far, each once; they are from now on."""
        fresh = []
        pages = self._pages
        for each in found:
            address = id(each)
            page = pages.get(address >> _PAGE)
            if page is None:
                page = self._page(address)
            place = (address & _IN_PAGE) >> 4
            if not page[place]:
                page[place] = 1
                fresh.append(each)
        return fresh

    def unseen(self, found: Iterable[Any]) -> list[Any]:
        """Return those that were not seen so far, and are not from now on either."""
        return [each for each in found if not self._page(id(each))[(id(each) & _IN_PAGE) >> 4]]

    def _page(self, address: int) -> bytearray:
        page = self._pages.get(address >> _PAGE)
        if page is None:
            page = self._pages[address >> _PAGE] = bytearray((_IN_PAGE + 1) >> 4)
        return page


def referents(objects: list[Any]) -> Iterator[list[Any]]:
    """Yield what objects refer to, at most about `SLICE` of it at once, in the order of the objects.

    No code of the host's runs. A container that another thread changes meanwhile is read again, in one go.
    """
    for start in range(0, len(objects), AT_ONCE):
        group = objects[start : start + AT_ONCE]
        if _entries(group) <= SLICE:
            yield from _in_slices(gc.get_referents(*group))
            continue
        for each in group:
            if _entries((each,)) <= SLICE:
                yield gc.get_referents(each)
            else:
                yield from _of_large(each)


def size_of(each: object) -> int:
    """Return the bytes of any object itself, with a header of the collector's only where its class has one."""
    kind = type(each)
    size = int(built_in_base(kind).__sizeof__(each))
    return size + header_size(kind) if is_collected(kind) else size


def is_collected(kind: type) -> bool:
    """Tell whether the collector knows objects of a class, so that a walk comes past those it tracks."""
    return bool(_FLAGS.__get__(kind) & _HAS_GC)


def of_types(found: list[Any], wanted: set[int]) -> list[Any]:
    """Return those of the objects whose types have one of these identities."""
    return list(compress(found, map(wanted.__contains__, map(id, map(type, found)))))


def types_of(found: Iterable[Any]) -> list[type]:
    """Return the types of objects, each once; by identity, because a class's own hash may be the host's code."""
    kinds = list(map(type, found))
    return list(dict(zip(map(id, kinds), kinds, strict=True)).values())


def _entries(group: Iterable[Any]) -> int:
    """Return how many entries the plain containers among objects have."""
    group = list(group)
    kinds = list(map(type, group))
    return sum(sum(map(kind.__len__, compress(group, map(is_, kinds, repeat(kind))))) for kind in _LARGE)


def _in_slices(found: list[Any]) -> Iterator[list[Any]]:
    if len(found) <= SLICE:
        yield found
        return
    for start in range(0, len(found), SLICE):
        yield found[start : start + SLICE]


def _of_large(each: Any) -> Iterator[list[Any]]:
    if type(each) is list or type(each) is tuple:
        for start in range(0, len(each), SLICE):
            yield list(each[start : start + SLICE])
        return
    entries: Iterator[Any] = chain.from_iterable(dict.items(each)) if type(each) is dict else iter(each)
    try:
        while part := list(islice(entries, SLICE)):
            yield part
    except RuntimeError:  # it has changed
        yield from _in_slices(gc.get_referents(each))
