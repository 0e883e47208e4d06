"""All objects that Python's collector tracks, counted by type in pieces, so that nobody waits for long.

One list of all of them takes 15 ms for two million; what takes time is to look at each. So a piece of the heap is looked
at, then threads may run, then comes the next piece: what is born, dies or is moved meanwhile is counted once, twice or
not at all, which are few beside the rest. No reference to an object lives longer than its piece, and none to a tuple as
long as that: `instruments/collector.py` says why.
"""

import gc
from collections import defaultdict
from struct import calcsize
from time import sleep

from memguard.classes import type_name
from memguard.instruments.census import by_type, bytes_of, is_own, shallow_size
from memguard.instruments.collector import number_of_objects, part_of
from memguard.snapshots import TypeSize

PIECE = 200_000
OLDEST = 2
_EMPTY_TUPLE, _POINTER = shallow_size(()), calcsize("P")


def count(*, step: int = 1, piece: int = PIECE) -> list[TypeSize]:
    """Return all types of objects that are alive, with their number and size; those with most bytes first.

    No window may be open: it hides the heap. No code of the host's runs; what only its `__sizeof__` knows is not in the
    sizes. Objects that the host has frozen are not seen.

    Args:
        step: Look at each n-th object only, and estimate the rest from it.
        piece: How many objects are passed before other threads get their turn.
    """
    gc.collect(1)  # what is young is then in the oldest generation, where it stays
    counts: defaultdict[int, list[int]] = defaultdict(lambda: [0, 0])
    kinds: dict[int, type] = {id(tuple): tuple}
    for start in range(0, number_of_objects(OLDEST), piece - piece % step):
        found, lengths = part_of(OLDEST, start, start + piece - piece % step, step)
        _add(counts, tuple, len(lengths), len(lengths) * _EMPTY_TUPLE + sum(lengths) * _POINTER)
        for kind, same in by_type(found):
            kinds[id(kind)] = kind
            _add(counts, kind, len(same), bytes_of(kind, same))
        found.clear()
        sleep(0)
    named: defaultdict[str, list[int]] = defaultdict(lambda: [0, 0])
    for key, (number, size) in counts.items():
        if number and not is_own(kinds[key]):
            same_name = named[type_name(kinds[key])]
            same_name[0] += number * step
            same_name[1] += size * step
    found_types = [TypeSize(name, number, size) for name, (number, size) in named.items()]
    return sorted(found_types, key=lambda each: (-(each.bytes or 0), each.type))


def _add(counts: dict[int, list[int]], kind: type, number: int, size: int) -> None:
    of_kind = counts[id(kind)]
    of_kind[0] += number
    of_kind[1] += size
