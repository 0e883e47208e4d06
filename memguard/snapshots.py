"""What was alive in a worker at one moment: frozen, plain data that crosses rooms."""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TypeSize:
    """Objects of one type that were alive, and the bytes of the objects themselves, without what they refer to."""

    type: str
    count: int
    bytes: int | None


@dataclass(frozen=True, slots=True)
class TypeGrowth:
    """How many objects of one type were alive at the snapshot before, and at this one."""

    type: str
    before: int
    after: int


@dataclass(frozen=True, slots=True)
class SiteSize:
    """What was alive of a line's allocations since tracing began, and how much more than at the snapshot before.

    Attributes:
        bytes_growth: None where the snapshot before knew no sites.
    """

    file: str
    line: int
    function: str
    bytes: int
    count: int
    bytes_growth: int | None


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What was alive in one worker.

    Attributes:
        before: When the snapshot before was taken that growth is counted from, None for a worker's first.
        objects: All objects that were counted: those that Python's collector tracks.
        types: Those with the most bytes.
        growth: The types that changed most since the snapshot before, growth first.
        sites: Those with the most bytes; empty while nothing is traced.
        is_sampled: The sites are an estimate from a part of the objects, because there were too many to look at all.
    """

    at: float
    before: float | None
    objects: int
    types: tuple[TypeSize, ...]
    growth: tuple[TypeGrowth, ...] = ()
    sites: tuple[SiteSize, ...] = ()
    is_sampled: bool = False


Reason = Literal["asked", "traced", "periodic"]


@dataclass(frozen=True, slots=True)
class Kept:
    """A snapshot of allocations that the store keeps: all of it but the stacks.

    Attributes:
        id: 16 hex digits.
        reason: `asked` by a person, `traced` at the end of a trace that was asked for, or `periodic`.
        bytes, count: Of all allocations that were alive.
        stacks: By how many different calls they were made, as far as they are told apart.
    """

    id: str
    at: float
    reason: Reason
    bytes: int
    count: int
    stacks: int
