"""What a verdict rests on: all that is known of one operation in one process, as plain values."""

from dataclasses import dataclass

from memguard.model import Operation, VerdictName
from memguard.residue.regression import Rate

NONE = Rate(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Phase:
    """Rates per unit over a part of the history; net growth is in blocks, None where it was never read."""

    objects: Rate
    net: Rate | None = None


@dataclass(frozen=True, slots=True)
class Alone:
    """Rates over windows that covered nothing but one operation."""

    whole: Phase
    early: Phase
    recent: Phase


@dataclass(frozen=True, slots=True)
class Trend:
    """A rate over the whole history, and over the earlier and the later half of it; `windows` are all it rests on."""

    windows: int = 0
    whole: Rate = NONE
    early: Rate = NONE
    recent: Rate = NONE


@dataclass(frozen=True, slots=True)
class Lasting:
    """What is known of an operation's residue after it was looked at again.

    Attributes:
        windows: Windows of the operation that were looked at again.
        followed: Share (0 to 1) of their residue that is of types that can be followed.
        stays: Share (0 to 1) of those that were still alive.
        type: The type that most certainly lasts; empty where none does.
        trend: Objects of that type per unit.
        is_sure: The sequential test has excluded that this is a warm-up (`residue/sequential.py`).
        is_held: It was confirmed that some of them are held, and no garbage that waits for a full collection.
        container: The container that holds them, where there is one.
    """

    windows: int = 0
    followed: float = 0.0
    stays: float = 1.0
    type: str = ""
    trend: Trend = Trend()
    is_sure: bool = False
    is_held: bool = False
    container: "Held | None" = None


@dataclass(frozen=True, slots=True)
class Held:
    """A container that gains entries with the units of an operation.

    Attributes:
        path: Where it is, as a person would write it.
        size: Its entries now.
        bound: The most it will ever hold, None where nothing bounds it.
        trend: Entries it gains per unit, net of those it loses.
    """

    path: str
    size: int
    bound: int | None
    trend: Trend


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one operation in one process.

    Attributes:
        units, seconds: Units counted and time passed since the first of them.
        windows, sampled_units: Settled windows that covered the operation, and its units in them.
        early, recent: Objects per unit over the earlier and the later half of all windows.
        alone: Rates over windows that covered nothing else, and over the earlier and the later half of those.
        held: The container that most certainly grows with it, None where none does.
        searched: How often all containers were looked through since the operation had units enough.
        garbage: Cyclic garbage per unit that nobody collects, because the host switched the collector off.
        native: Bytes per unit that C code allocates and Python objects do not explain.
        resources: Threads, file descriptors and asyncio tasks per unit that stay, by name.
        bytes_per_unit, blocks_per_unit: For people.
        previous: The verdict before.
    """

    operation: Operation
    units: int
    windows: int
    sampled_units: float
    early: Rate
    recent: Rate
    alone: Alone
    seconds: float = 0.0
    lasting: Lasting = Lasting()
    held: Held | None = None
    searched: int = 0
    garbage: Trend = Trend()
    native: Trend = Trend()
    resources: tuple[tuple[str, Trend], ...] = ()
    bytes_per_unit: float = 0.0
    blocks_per_unit: float = 0.0
    previous: VerdictName = "warming"
