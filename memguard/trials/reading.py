"""Readings of the process between rounds: objects by type, sizes of containers, what the allocators have handed out.

tracemalloc makes looking at a whole heap ten times slower. So the rounds that decide are read without it, unless a limit
is in bytes; then little else is read. Only what is to be accused is traced, for its lines.

What the trial itself remembers from round to round must not look like growth: it is a few numbers, flat arrays, and
nothing older than the last round.
"""

import gc
import sys
import tracemalloc
from array import array
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from memguard.classes import type_name
from memguard.explain import sites
from memguard.instruments import growers
from memguard.instruments.collector import objects
from memguard.instruments.native import NativeReader
from memguard.instruments.traces import Frames, alive

PYMALLOC_MOST = 512
"""Larger allocations go to the C library, which `sys.getallocatedblocks` knows nothing of."""
_OWN, _RUNNER = "memguard", frozenset({"_pytest", "pluggy", "xdist", "execnet"})

Line = tuple[str, int]


class Table:
    """The sizes of all containers at one moment, in flat arrays; no container is held."""

    def __init__(self, *, deep: bool = False) -> None:
        """Read them now; `deep` finds every dict of plain values, too, which takes three times as long."""
        self._addresses, self._kinds, self._sizes = array("Q"), array("Q"), array("q")
        for kind, size, found in growers.containers(sites.namespaces(), deep=deep):
            self._addresses.extend(map(id, found))
            self._kinds.extend([kind] * len(found))
            self._sizes.extend(map(size, found))

    def grown_since(self, before: "Table") -> dict[int, int]:
        """Return the addresses of containers that are larger now, and by how much."""
        known = dict(zip(before._addresses, zip(before._kinds, before._sizes, strict=True), strict=True))
        grown = {}
        for address, kind, size in zip(self._addresses, self._kinds, self._sizes, strict=True):
            earlier = known.get(address)
            if earlier is not None and earlier[0] == kind and size > earlier[1]:
                grown[address] = size - earlier[1]
        return grown


@dataclass(frozen=True, slots=True)
class Reading:
    """What there is after a full collection.

    Attributes:
        blocks: Blocks of Python's small-object allocator in use.
        native: Bytes that the C library has in use, without tracemalloc's tables; 0 where it does not say.
        traced: Bytes that tracemalloc knows of; None while it is off.
        types: The objects by type, without memguard's own; empty unless asked for.
        table: Sizes of containers; None unless asked for.
    """

    blocks: int
    native: int
    traced: int | None
    types: Mapping[str, int] = field(default_factory=dict)
    table: Table | None = None


def take(native: NativeReader, *, types: bool, tables: bool, deep: bool = False) -> Reading:
    """Collect all garbage and return a reading; `types` and `tables` ask for these, `deep` for all containers.

    Where the host has switched its collector off cycles stay, as they do there.
    """
    if gc.isenabled() and gc.collect():
        gc.collect()  # what finalizers of the first have left
    blocks = sys.getallocatedblocks()
    said = native.read()
    in_use = 0 if said is None else said.in_use - tracemalloc.get_tracemalloc_memory()
    traced = tracemalloc.get_traced_memory()[0] if tracemalloc.is_tracing() else None
    return Reading(blocks, in_use, traced, _by_type() if types else {}, Table(deep=deep) if tables else None)


@dataclass(frozen=True, slots=True)
class Traced:
    """What was allocated since tracing began and is alive, without memguard's own and the test runner's.

    Attributes:
        small, small_bytes, large_bytes: Number and bytes of what the small-object allocator made, and bytes of what is
            larger.
        lines: The bytes by the line of the application that allocated.
        native_is_known: The C library says what it has in use.
    """

    small: int
    small_bytes: int
    large_bytes: int
    lines: Mapping[Line, int]
    native_is_known: bool


def trace(native: NativeReader) -> Traced:
    """Collect, and return what tracemalloc, which must be on, knows."""
    reading = take(native, types=False, tables=False)
    lines: Counter[Line] = Counter()
    small = small_bytes = large_bytes = 0
    whose: dict[Frames, Line | None] = {}
    for size, frames in alive():
        line = whose[frames] if frames in whose else whose.setdefault(frames, line_of(frames))
        if line is None:
            continue
        lines[line] += size
        if size <= PYMALLOC_MOST and reading.blocks:
            small, small_bytes = small + 1, small_bytes + size
        else:
            large_bytes += size
    return Traced(small, small_bytes, large_bytes, dict(lines), reading.native != 0)


def line_of(frames: Frames) -> Line | None:
    """Return the line of the application that an allocation comes down to; None for memguard's own and the runner's."""
    library = None
    for frame in frames:
        package = _package(frame[0])
        if package == _OWN or (package in _RUNNER and library is None):
            return None
        if sites.is_application(frame[0]):
            return frame
        if package and library is None:
            library = frame
    return library or (frames[0] if frames else None)


def by_address(wanted: set[int]) -> Iterator[Any]:
    """Yield the containers at these addresses; strong references, for the caller's call only."""
    for _, _, found in growers.containers(sites.namespaces(), deep=True):
        yield from (each for each in found if id(each) in wanted)


def _package(file: str) -> str:
    """Return the name of the library a file is of, `memguard` for our own; empty for others."""
    if file.startswith(sites.OURS):
        return _OWN
    _, found, inside = file.rpartition("site-packages/")
    return inside.partition("/")[0].removesuffix(".py") if found else ""


def _by_type() -> dict[str, int]:
    kinds: Counter[int] = Counter()
    known: dict[int, type] = {}
    for generation in (1, 2):
        found = list(map(type, objects(generation)))
        kinds.update(map(id, found))
        known.update(zip(map(id, found), found, strict=True))
    names: Counter[str] = Counter()
    for key, count in kinds.items():
        names[type_name(known[key])] += count
    return {name: count for name, count in names.items() if not name.startswith("memguard.")}
