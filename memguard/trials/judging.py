"""What rounds say: what grew in every one of them. Pure.

Whatever warms up, fills or is let go of late has a round in which it does not grow, and then is no residue. What is
left grows by its least round: that is what lasts.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import reduce
from typing import TypeVar

from memguard.trials.limits import Limits
from memguard.trials.reading import Line, Reading, Traced

Key = TypeVar("Key")

ROUNDS = 5
"""So many rounds must all have grown before anything is accused."""
SHARE_OF_RUNS = 0.5
"""Where no limit is named: at least every second run must leave something."""
BYTES_LEAST = 32.0
"""What is less than this for a run, and neither an object nor an entry of a container, is nothing."""
CONFIRMED = 0.5
"""So much of what tracemalloc sees come must be seen by the allocators. It is no proof: a thread keeps up to seven freed
chunks of each of 64 sizes to itself, which the C library says are in use, and takes its time to have them all."""
TRACED_ROUNDS = 2
"""The table of a full cache is made anew after some hundred entries have come and gone; in the next round it is not."""


@dataclass(frozen=True, slots=True)
class Lasting:
    """What one round has added, or each of several at least.

    Attributes:
        blocks, native, traced: Growth of these, net; traced is 0 while nothing is traced.
        types: Growth of the GC-tracked objects by type, of those that grow; others may have become fewer.
        containers: Entries gained, by the address of the container.
    """

    blocks: int
    native: int
    traced: int
    types: Mapping[str, int] = field(default_factory=dict)
    containers: Mapping[int, int] = field(default_factory=dict)

    @property
    def objects(self) -> int:
        """How many objects that is, of all types."""
        return sum(self.types.values())


def between(before: Reading, after: Reading) -> Lasting:
    """Return what came between two readings."""
    return Lasting(
        blocks=after.blocks - before.blocks,
        native=after.native - before.native,
        traced=(after.traced or 0) - (before.traced or 0),
        types=_difference(before.types, after.types),
        containers=after.table.grown_since(before.table) if before.table and after.table else {},
    )


def least(lasting: Lasting | None, added: Lasting) -> Lasting:
    """Return what this round and those before have all added; None stands for no round before."""
    if lasting is None:
        return added
    return Lasting(
        blocks=min(lasting.blocks, added.blocks),
        native=min(lasting.native, added.native),
        traced=min(lasting.traced, added.traced),
        types=_least(lasting.types, added.types),
        containers=_least(lasting.containers, added.containers),
    )


def without(lasting: Lasting, idle: Lasting) -> Lasting:
    """Return what is left when that is taken away which grows while nothing is run."""
    return Lasting(
        blocks=lasting.blocks - max(0, idle.blocks),
        native=lasting.native - max(0, idle.native),
        traced=lasting.traced - max(0, idle.traced),
        types=_not_in(lasting.types, idle.types),
        containers=_not_in(lasting.containers, idle.containers),
    )


def residue(lasting: Lasting, runs: int, share: float = SHARE_OF_RUNS) -> Lasting:
    """Return what is so much that at least this share of the runs must have left it, every second where nothing is said."""
    count = max(1.0, share * runs)
    return Lasting(
        blocks=lasting.blocks if lasting.blocks >= count else 0,
        native=lasting.native if lasting.native >= BYTES_LEAST * count else 0,
        traced=lasting.traced,
        types={key: each for key, each in lasting.types.items() if each >= count},
        containers={key: each for key, each in lasting.containers.items() if each >= count},
    )


def is_exceeded(lasting: Lasting, limits: Limits) -> bool:
    """Tell whether more lasts than the limits allow, which say nothing here of the peak."""
    if limits.is_for_residue:
        found = residue(lasting, limits.repeat)
        return bool(found.types or found.containers or found.blocks or found.native)
    too_many = limits.max_objects is not None and lasting.objects > limits.max_objects * limits.repeat
    too_much = limits.max_growth is not None and lasting.traced > limits.max_growth * limits.repeat
    return too_many or too_much


@dataclass(frozen=True, slots=True)
class Allocated:
    """What a traced round has added: bytes in all, net, and by line where that is no trifle."""

    bytes: int
    lines: Mapping[Line, int]


def share_of(limits: Limits) -> float:
    """Return what share of the runs must have left something for it to count, once the limits are exceeded.

    A limit on objects may be of few runs in a thousand, and of several types together.
    """
    return SHARE_OF_RUNS if limits.max_objects is None else 0.0


def allocated(before: Traced, after: Traced, lasting: Lasting, limits: Limits) -> Allocated:
    """Return by how many bytes what is alive has grown; with a limit on bytes no line is a trifle.

    What was allocated before tracing began and is replaced now looks like growth to tracemalloc alone: a full cache. So
    the allocators must have handed it out, net, for the greater part, in each round (`lasting`).
    """
    small, small_bytes = after.small - before.small, after.small_bytes - before.small_bytes
    large = after.large_bytes - before.large_bytes
    if small <= 0 or lasting.blocks < small * CONFIRMED:
        small_bytes = 0
    if after.native_is_known and lasting.native < large * CONFIRMED:
        large = 0
    grown = _difference(before.lines, after.lines)
    trifle = 1.0 if limits.max_growth is not None else BYTES_LEAST * SHARE_OF_RUNS * limits.repeat
    size = max(0, small_bytes + large)
    return Allocated(size, {line: each for line, each in grown.items() if each >= trifle} if size >= trifle else {})


def in_each(rounds: Sequence[Allocated]) -> Allocated:
    """Return what each of several traced rounds has added at least."""
    return reduce(lambda one, two: Allocated(min(one.bytes, two.bytes), _least(one.lines, two.lines)), rounds)


def with_net_bytes(lasting: Lasting, allocated: Allocated) -> Lasting:
    """Return what lasts with no more traced bytes than a close look has confirmed."""
    return replace(lasting, traced=min(lasting.traced, allocated.bytes))


def closer(lasting: Lasting, seen: Lasting) -> Lasting:
    """Return what lasts with the types and containers of a round that was looked at closely.

    Where types and containers were read in each round, only those count that grew in each; containers that only a close
    look finds come in addition.
    """
    types = {key: min(each, lasting.types[key]) for key, each in seen.types.items() if key in lasting.types}
    return replace(lasting, types=types if lasting.types else seen.types, containers=seen.containers)


def _difference(before: Mapping[Key, int], after: Mapping[Key, int]) -> dict[Key, int]:
    return {key: grown for key, count in after.items() if (grown := count - before.get(key, 0)) > 0}


def _least(lasting: Mapping[Key, int], added: Mapping[Key, int]) -> dict[Key, int]:
    return {key: min(count, added[key]) for key, count in lasting.items() if key in added}


def _not_in(lasting: Mapping[Key, int], idle: Mapping[Key, int]) -> dict[Key, int]:
    return {key: count for key, count in lasting.items() if idle.get(key, 0) < count / 2}
