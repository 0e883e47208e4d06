"""Verdicts: an ordered list of small rules over the evidence on one operation; the first firm answer wins.

An operation leaks when what its units leave is *per unit* (a rate that stands out of its own uncertainty) and
*lasting*: the very objects were looked at again after many more units and were still there. That tells a leak from
a full cache (whose entries have gone by then), from a connection kept open and from a warm-up. Residue of lists and
dicts alone cannot be looked at again; where allocator blocks grow with it, early and recently, in windows that covered
nothing but this operation, it is suspected and not accused.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite

from memguard.model import Judgement, Operation, VerdictName
from memguard.residue.regression import Rate
from memguard.units import format_bytes

WINDOWS_LEAST = 8
UNITS_LEAST = 8
LOOKS_LEAST = 6
LASTING_UNITS = 200
"""So many more units of an operation must have run before what it left is looked at again, or growth be called a
leak: `functools.lru_cache` holds 128 entries unless told otherwise, and has replaced them all by then."""
SURE, LIKELY = 4.0, 2.5
"""Standard errors above zero. At 4 a rate is positive by chance once in 30,000 looks, were errors normal."""
OBJECTS_LEAST = 0.02
BLOCKS_LEAST, BLOCKS_SUSPECT = 1.75, 0.75
"""Net blocks per unit that are growth: the smallest list or dict with something in it takes two. Free lists that refill
and caches of the interpreter stay below one on average; between the two an operation is suspected at most."""
FOLLOWED_MOST = 0.1
"""Share of the residue that may be of types that can be followed, where the rest decides."""


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
class Lasting:
    """What is known of an operation's residue after it was looked at again.

    Attributes:
        windows: Windows of the operation that were looked at again.
        followed: Share (0 to 1) of their residue that is of types that can be followed.
        stays: Share (0 to 1) of those that were still alive.
        type: The type that most certainly lasts; empty where none does.
        whole, recent: Its rate over all looks and over the later half.
    """

    windows: int = 0
    followed: float = 0.0
    stays: float = 1.0
    type: str = ""
    whole: Rate = Rate(0.0, 0.0)
    recent: Rate = Rate(0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one operation in one process.

    Attributes:
        units: Units counted since the first window that covered one.
        windows, sampled_units: Settled windows that covered the operation, and its units in them.
        early, recent: Objects per unit over the earlier and the later half of all windows.
        alone: Rates over windows that covered nothing else, and over the earlier and the later half of those.
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
    lasting: Lasting = Lasting()
    bytes_per_unit: float = 0.0
    blocks_per_unit: float = 0.0
    previous: VerdictName = "warming"


Answer = tuple[VerdictName, str]
Rule = Callable[[Evidence], Answer | None]


def judge(evidence: Evidence) -> Judgement:
    """Return the verdict on one operation with its reasons."""
    verdict, reason = next(answer for rule in RULES if (answer := rule(evidence)) is not None)
    reasons = [reason]
    if verdict in ("suspect", "leak"):
        reasons.insert(0, _what(evidence))
    return Judgement(
        operation=evidence.operation,
        verdict=verdict,
        reasons=tuple(reasons),
        objects_per_unit=0.0 if verdict in ("clean", "plateau") else round(_objects_that_stay(evidence), 3),
        blocks_per_unit=round(evidence.blocks_per_unit, 3),
        bytes_per_unit=round(evidence.bytes_per_unit, 1),
    )


def _objects_that_stay(evidence: Evidence) -> float:
    """Return survivors per unit, less the share that had gone when looked at again; 0 where they may be by chance."""
    lasting = evidence.lasting
    stays = lasting.stays if lasting.windows >= LOOKS_LEAST and lasting.followed >= FOLLOWED_MOST else 1.0
    settled = evidence.recent.value * stays if is_sure(evidence.recent, LIKELY) else 0.0
    return max(settled, lasting.whole.value if is_sure(lasting.whole, SURE) else 0.0)


def _warming(evidence: Evidence) -> Answer | None:
    if evidence.windows >= WINDOWS_LEAST and evidence.sampled_units >= UNITS_LEAST:
        return None
    return "warming", (
        f"{evidence.windows} windows over {evidence.sampled_units:.0f} units so far; "
        f"a verdict needs {WINDOWS_LEAST} windows over {UNITS_LEAST} units"
    )


def _lasts(evidence: Evidence) -> Answer | None:
    lasting = evidence.lasting
    if lasting.windows < LOOKS_LEAST or not lasting.type or not is_sure(lasting.whole, SURE):
        return None
    if not is_sure(lasting.recent, LIKELY) and lasting.recent.value < lasting.whole.value / 2:
        return None  # it did, and does so no more
    return "leak", (
        f"of what {lasting.windows} windows left, about {lasting.whole.value:.3g} {lasting.type} for each unit were still "
        f"alive {LASTING_UNITS} units later; {evidence.units} units so far"
    )


def _too_few_units(evidence: Evidence) -> Answer | None:
    if evidence.units >= LASTING_UNITS or (evidence.recent.value < OBJECTS_LEAST and isfinite(evidence.recent.error)):
        return None
    return "warming", (
        f"units may leave objects behind; after {LASTING_UNITS} units, of which {evidence.units} have run, it can be told "
        "whether they stay"
    )


def _no_residue(evidence: Evidence) -> Answer | None:
    if is_sure(evidence.recent, LIKELY):
        return None
    if not isfinite(evidence.recent.error):
        return (
            "warming",
            "it came only together with other operations so far; what it leaves cannot be told from theirs",
        )
    if evidence.previous in ("leak", "plateau"):
        return "plateau", "left something behind earlier and does so no more: it has filled up or was mended"
    if is_sure(evidence.early, LIKELY):
        return "clean", "left objects behind only while it warmed up"
    return "clean", "units leave no objects behind that outlive them"


def _grows_on(evidence: Evidence) -> Answer | None:
    alone = evidence.alone
    if not (grows(alone.early, BLOCKS_LEAST) and grows(alone.recent, BLOCKS_LEAST)):
        return None
    # The process's memory is no proof of whose it is: what one unit still holds when its window is settled (an
    # exception, in Celery) goes with the next, and libraries keep books of their own.
    return "suspect", (
        f"memory has grown with it over {evidence.units} units in {evidence.windows} windows; it leaves lists, dicts or "
        "text, which cannot be looked at again, so whether they stay is for a person to see"
    )


def _goes_later(evidence: Evidence) -> Answer | None:
    lasting = evidence.lasting
    if lasting.windows < LOOKS_LEAST or lasting.followed < FOLLOWED_MOST or is_sure(lasting.whole, LIKELY):
        return None
    if grows(evidence.alone.recent, BLOCKS_SUSPECT):
        return None
    reason = (
        f"the objects that could be looked at again {LASTING_UNITS} units later had gone, as from a full cache or a closed "
        "connection (lists and dicts cannot be looked at by themselves)"
    )
    return ("plateau" if evidence.previous in ("leak", "plateau") else "clean"), reason


def _replaced(evidence: Evidence) -> Answer | None:
    alone = evidence.alone
    if alone.recent.net is None or not isfinite(alone.recent.net.error) or evidence.lasting.type:
        return None
    if grows(alone.recent, BLOCKS_SUSPECT):
        return None
    if evidence.previous in ("leak", "plateau"):
        return "plateau", "memory grew earlier and does so no more: new objects replace old ones, as in a full cache"
    return "clean", "new objects replace old ones: memory as a whole does not grow, as with a full cache"


def _not_certain(evidence: Evidence) -> Answer | None:
    return "suspect", (
        f"whether it lasts is not yet certain: {evidence.lasting.windows} windows were looked at again {LASTING_UNITS} "
        "units later, and lists, dicts and text cannot be"
    )


RULES: tuple[Rule, ...] = (
    _warming, _lasts, _too_few_units, _no_residue, _grows_on, _goes_later, _replaced, _not_certain,
)  # fmt: skip


def is_sure(rate: Rate, errors: float) -> bool:
    """Tell whether a rate is of a size that matters and so many standard errors above zero."""
    return rate.value >= OBJECTS_LEAST and rate.z >= errors


def grows(phase: Phase, blocks: float) -> bool:
    """Tell whether memory grows by at least so many blocks for each unit, net of all that died."""
    return phase.net is not None and phase.net.value >= blocks and phase.net.z >= SURE


def _what(evidence: Evidence) -> str:
    size = format_bytes(evidence.bytes_per_unit)
    return f"each unit leaves about {_objects_that_stay(evidence):.3g} objects ({size}) that are alive after it has settled"
