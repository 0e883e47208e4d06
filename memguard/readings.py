"""What a window read: the values that go from the instruments to the decisions. Units as in `memguard.model`."""

from dataclasses import dataclass

from memguard.evidence import Holder, Site, TypeCount
from memguard.model import Operation


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
        left_garbage: The same where the host's collector is switched off, so that nobody would have freed it; else 0.
        types: The most frequent types, most first.
        traces: Where they were allocated, most objects first; empty unless tracemalloc was on.
    """

    objects: int
    bytes: int
    garbage: int
    left_garbage: int = 0
    types: tuple[TypeCount, ...] = ()
    traces: tuple[Trace, ...] = ()


@dataclass(frozen=True, slots=True)
class LateLook:
    """What of a past window's survivors was still alive many units later.

    Attributes:
        units: The units the window had covered, per operation; those only partly inside count as half.
        numbers: How many units there had been of each operation by then; those are missing that are not due yet.
        objects: How many survivors the window had had.
        followed: How many of them were of types that can be followed.
        types: How many objects of a type were alive, estimated from the few that were followed.
        lines: The same by `(file, line)` of their allocation, as far as it is known.
    """

    units: tuple[tuple[Operation, float], ...]
    numbers: tuple[tuple[Operation, int], ...]
    objects: int
    followed: int
    types: tuple[tuple[str, float], ...]
    lines: tuple[tuple[tuple[str, int], float], ...]


@dataclass(frozen=True, slots=True)
class Growth:
    """A container that was seen to grow, from one look of the keeper to the next.

    Attributes:
        path: Where it is; containers of the same shape count together.
        entries: How many it gained, net of those it lost.
        size: Its entries now.
        bound: The most it will ever hold, None where nothing bounds it.
        rank: 0 where the application's own code holds it, 1 a library, 2 the standard library. Of several that grow
            alike the lowest tells most: one call may add to a list of the application's and to a registry's.
    """

    path: str
    entries: int
    size: int
    bound: int | None = None
    rank: int = 0


@dataclass(frozen=True, slots=True)
class Interval:
    """What changed in the process from one look of the keeper to the next.

    Attributes:
        units: All units that ended meanwhile, per operation.
        containers: Those that are watched because they were seen to grow.
        held: Changes of what the process holds, by name: RSS (`RSS`), bytes that the C allocator has in use (`NATIVE`),
            threads, file descriptors, asyncio tasks; only what could be read.
        in_flight: Units that were in flight at either of the two looks: some of them had left by then what they leave.
    """

    units: tuple[tuple[Operation, int], ...]
    containers: tuple[Growth, ...] = ()
    held: tuple[tuple[str, int], ...] = ()
    in_flight: tuple[tuple[Operation, int], ...] = ()


THREADS, DESCRIPTORS, TASKS, NATIVE = "threads", "file descriptors", "asyncio tasks", "native bytes"
RSS = "bytes of RSS"


@dataclass(frozen=True, slots=True)
class Share:
    """How many bytes of RSS's growth are an operation's, and the units that brought them."""

    operation: Operation
    units: int
    bytes: float


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


@dataclass(frozen=True, slots=True)
class Clues:
    """All that is known of what an accused operation leaves; from this its pattern is recognised.

    Rates are per unit of the operation; 0.0 where there are none or where they were not measured.

    Attributes:
        operation: Whose residue it is.
        types: What survives, most first.
        frames: Tracebacks of survivors' allocations, innermost frame first, most frequent first; empty without tracing.
        holder: What keeps them alive, None where it was not found.
        garbage: Cyclic garbage per unit that nobody collects, because the host switched the collector off.
        threads, descriptors, tasks: Threads, file descriptors and asyncio tasks that stay, per unit.
        native_bytes: Bytes per unit that were allocated by C code and not by Python objects.
    """

    operation: Operation
    types: tuple[TypeCount, ...] = ()
    frames: tuple[tuple[tuple[str, int], ...], ...] = ()
    holder: Holder | None = None
    garbage: float = 0.0
    threads: float = 0.0
    descriptors: float = 0.0
    tasks: float = 0.0
    native_bytes: float = 0.0
