"""Growers: containers that gain entries from one scan of the heap to the next, whatever they hold.

What survives a window as lists of dicts, text or numbers cannot be looked at again by weak references, and what is not
GC-tracked is no survivor at all. But the container that it piles up in grows, and a scan sees that. A scan is O(heap),
some 40 ms for 100 thousand objects: it belongs to the keeper, seldom, and never to a unit's path.
"""

import gc
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from io import BytesIO
from itertools import compress, islice, repeat
from operator import is_, ne, not_
from types import ModuleType
from typing import Any

from memguard.instruments import near
from memguard.instruments.collector import objects
from memguard.instruments.heap import FROZEN_BY_THE_INTERPRETER

SIZE_LEAST = 2
GROWTHS_LEAST = 2
"""So often a container must have been found larger than before: a buffer that fills and empties is caught smaller."""
ENTRIES_LEAST = 5
FOUND_MOST = 48
REFERENTS_AT_ONCE = 10_000
Sizers = dict[int, Callable[[Any], int]]
_subclasses: Callable[[type], list[type]] = type.__dict__["__subclasses__"]


@dataclass(slots=True)
class _Growth:
    kind: int
    first: int
    times: int = 0


class Growers:
    """Remembers addresses and sizes from scan to scan; holds no reference to anything."""

    def __init__(self) -> None:
        self._sizes: dict[int, int] = {}
        self._untracked: dict[int, int] = {}
        self._growing: dict[int, _Growth] = {}

    def scan(self, roots: Iterable[dict[str, Any]] = (), *, deep: bool = False) -> list[Any]:
        """Look at all containers; return those that have grown from scan to scan, the most grown ones first.

        No window may be open: it hides the heap. The list holds strong references, for the caller's call only. Another
        container may have come to the address of one that died; it passes for grown only if it is of the same type and
        larger, scan after scan.

        Args:
            roots: Namespaces below which dicts of plain values and bytearrays are looked at, too, which CPython's
                collector does not track.
            deep: Look at all dicts of plain values; takes three times as long.
        """
        gc.collect(0)
        grown: list[tuple[int, Any]] = []
        known, self._sizes = self._sizes, {}
        sizers = _sizers()
        untracked = _untracked_near(roots)
        for kind, size, found in _containers(sizers):
            self._take(kind, *_large(size, found), grown, known=known, remembered=self._sizes)
        if deep:
            untracked |= _untracked_dicts()
        known, self._untracked = self._untracked, {} if deep else self._untracked
        found = list(untracked.values())
        self._take(_UNTRACKED, *_large(len, found), grown, known=dict(known), remembered=self._untracked)
        self._growing = {
            key: each for key, each in self._growing.items() if key in self._sizes or key in self._untracked
        }
        return _most_grown(grown)

    def scan_near(self, roots: Iterable[dict[str, Any]]) -> list[Any]:
        """Do the same with what is near these namespaces only: some milliseconds at most, whatever the size of the heap.

        What it sees counts for the next `scan`, too. A window may be open.
        """
        grown: list[tuple[int, Any]] = []
        of_type: dict[int, list[Any]] = {}
        for each in near.reachable(roots):
            of_type.setdefault(id(type(each)), []).append(each)
        sizers = _sizers()
        for kind in of_type.keys() & sizers.keys():
            tracked = list(filter(gc.is_tracked, of_type[kind]))
            self._take(kind, *_large(sizers[kind], tracked), grown, known=self._sizes, remembered=self._sizes)
        untracked = [each for kind in _PLAIN for each in of_type.get(kind, ()) if not gc.is_tracked(each)]
        self._take(_UNTRACKED, *_large(len, untracked), grown, known=self._untracked, remembered=self._untracked)
        return _most_grown(grown)

    def _take(
        self,
        kind: int,
        sizes: list[int],
        found: list[Any],
        grown: list[tuple[int, Any]],
        *,
        known: dict[int, int],
        remembered: dict[int, int],
    ) -> None:
        addresses = list(map(id, found))
        before = list(map(known.get, addresses, sizes))  # what is new has not changed
        remembered.update(zip(addresses, sizes, strict=True))
        changed = list(map(ne, sizes, before))
        for key, size, earlier in zip(*(compress(each, changed) for each in (addresses, sizes, before)), strict=True):
            growth = self._growing.pop(key, None)
            if size > earlier:
                if growth is None or growth.kind != kind:
                    growth = _Growth(kind, earlier)
                growth.times += 1
                self._growing[key] = growth
        for key, each, size in zip(addresses, found, sizes, strict=True) if self._growing else ():
            growth = self._growing.get(key)
            is_steady = growth is not None and growth.kind == kind and growth.times >= GROWTHS_LEAST
            if is_steady and growth is not None and size - growth.first >= ENTRIES_LEAST:
                grown.append((size - growth.first, each))


def containers(
    roots: Iterable[dict[str, Any]] = (), *, deep: bool = False
) -> Iterator[tuple[int, Callable[[Any], int], list[Any]]]:
    """Yield all containers by their type, with its identity and the way to ask them for their size; `roots` as in `scan`.

    O(heap). The lists hold strong references, for the caller's step only.
    """
    yield from _containers(_sizers())
    untracked = _untracked_near(roots) | (_untracked_dicts() if deep else {})
    yield _UNTRACKED, len, list(untracked.values())


def is_buffer(container: object) -> bool:
    """Tell whether it holds bytes, not entries."""
    return type(container) is bytearray or type(container) is BytesIO


def entries(container: object, gained: int, *, keys: bool = False) -> list[Any]:
    """Return what a container has probably gained: so many from each end, of a set all; of a dict values, or keys.

    Strong references, for the caller's call only. No code of a subclass runs.
    """
    if isinstance(container, dict):
        return list(islice(reversed(dict.keys(container) if keys else dict.values(container)), gained))
    if keys:
        return []
    if isinstance(container, list):
        return [*list.__getitem__(container, slice(-gained, None)), *list.__getitem__(container, slice(gained))]
    if isinstance(container, deque):
        return [*islice(deque.__reversed__(container), gained), *islice(deque.__iter__(container), gained)]
    return list(set.__iter__(container)) if isinstance(container, set) else []


_UNTRACKED = 0
_PLAIN = (id(dict), id(bytearray))


def _containers(sizers: Sizers) -> Iterator[tuple[int, Callable[[Any], int], list[Any]]]:
    """Yield containers by their type, with its identity and the way to ask them for their size."""
    found = objects(1, sizers) + objects(2, sizers)
    found += [each for each in _frozen_by_the_host(found) if id(type(each)) in sizers]
    of_type: dict[int, list[Any]] = {}
    for kind, each in zip(map(id, map(type, found)), found, strict=True):
        of_type.setdefault(kind, []).append(each)
    for kind, same in of_type.items():
        yield kind, sizers[kind], same


def _large(size: Callable[[Any], int], found: list[Any]) -> tuple[list[int], list[Any]]:
    sizes = list(map(size, found))
    is_large = list(map(SIZE_LEAST.__le__, sizes))
    return list(compress(sizes, is_large)), list(compress(found, is_large))


def _frozen_by_the_host(found: list[Any]) -> list[Any]:
    """Return what is near the names of modules, but for what was found, where the host has frozen its heap."""
    if gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER:
        return []
    known = set(map(id, found))
    modules = [vars(module) for module in tuple(sys.modules.values()) if type(module) is ModuleType]
    reached = near.reachable(modules, near.REACHED_MOST * 10)
    return [each for each in reached if id(each) not in known and gc.is_tracked(each) and type(each) is not tuple]


def _most_grown(grown: list[tuple[int, Any]]) -> list[Any]:
    grown.sort(key=lambda item: -item[0])
    return [each for _, each in grown[:FOUND_MOST]]


def _untracked_near(roots: Iterable[dict[str, Any]]) -> dict[int, Any]:
    return {
        id(each): each for each in near.reachable(roots) if type(each) in {dict, bytearray} and not gc.is_tracked(each)
    }


def _sizers() -> Sizers:
    """Return how to ask a container for its size without code of the host's, by the identity of its type."""
    sizers: Sizers = {}
    for base in (dict, list, set, deque):
        kinds: list[type] = [base]
        for kind in kinds:
            kinds += _subclasses(kind)
        sizers |= dict.fromkeys(map(id, kinds), base.__len__)
        sizers[id(base)] = len
    sizers[id(BytesIO)] = BytesIO.__sizeof__
    return sizers


def _untracked_dicts() -> dict[int, Any]:
    found = objects(1) + objects(2)
    found += _frozen_by_the_host(found)
    owners = list(compress(found, map(not_, map(near.NO_OWNERS.__contains__, map(id, map(type, found))))))
    del found
    dicts: dict[int, Any] = {}
    for start in range(0, len(owners), REFERENTS_AT_ONCE):
        referents = gc.get_referents(*owners[start : start + REFERENTS_AT_ONCE])
        same = list(compress(referents, map(is_, map(type, referents), repeat(dict))))
        del referents
        untracked = list(compress(same, map(not_, map(gc.is_tracked, same))))
        dicts.update(zip(map(id, untracked), untracked, strict=True))
    return dicts
