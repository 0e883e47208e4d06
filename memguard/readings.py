"""What a window read: the values that go from the instruments to the decisions. Units as in `memguard.model`."""

from dataclasses import dataclass

from memguard.model import Operation, Site, TypeCount


@dataclass(frozen=True, slots=True)
class Trace:
    """Survivors that were allocated by the same calls.

    Attributes:
        frames: `(file, line)` of each call, innermost first, as deep as tracing went.
        objects, bytes: How many, and their shallow size.
    """

    frames: tuple[tuple[str, int], ...]
    objects: int
    bytes: int


@dataclass(frozen=True, slots=True)
class Survivors:
    """What a heap window found alive when it was settled: born in the window, reachable from outside it.

    Attributes:
        objects: GC-tracked survivors.
        bytes: Their shallow size; what they hold that is not GC-tracked (text, numbers) is not in it.
        garbage: Cyclic garbage born in the window that only a collection frees.
        types: The most frequent types, most first.
        traces: Where they were allocated, most objects first; empty unless tracemalloc was on.
    """

    objects: int
    bytes: int
    garbage: int
    types: tuple[TypeCount, ...] = ()
    traces: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True)
class LateLook:
    """What of a past window's survivors was still alive many units later.

    Attributes:
        units: The units the window had covered, per operation; those only partly inside count as half.
        objects: How many survivors the window had had.
        followed: How many of them were of types that can be followed.
        types: How many objects of a type were alive, estimated from the few that were followed.
        lines: The same by `(file, line)` of their allocation, as far as it is known.
    """

    units: tuple[tuple[Operation, float], ...]
    objects: int
    followed: int
    types: tuple[tuple[str, float], ...]
    lines: tuple[tuple[tuple[str, int], float], ...]


@dataclass(frozen=True, slots=True)
class WindowReading:
    """One settled window with the units it covered.

    Attributes:
        at: When it was settled.
        units: Units that began and ended inside, per operation.
        edges: Units only partly inside (begun before it opened or ended after it closed), per operation.
        later: Units that ended between its close and its settling: the counters below speak of them, too.
        survivors: The heap's part, None where no window can see survivors.
        sites: The lines of the host's code that the survivors' traces come down to; function and source left empty.
        blocks: Change of allocator blocks from open to settle, None where it was too costly to read.
        traced: Change of traced bytes from open to settle, None while tracemalloc was off.
        seconds: CPU seconds memguard spent on the window.
    """

    at: float
    units: tuple[tuple[Operation, int], ...]
    edges: tuple[tuple[Operation, int], ...]
    later: tuple[tuple[Operation, int], ...]
    survivors: Survivors | None
    sites: tuple[Site, ...] = ()
    blocks: int | None = None
    traced: int | None = None
    seconds: float = 0.0
