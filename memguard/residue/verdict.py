"""Verdicts: an ordered list of small rules over the evidence on one operation; the first firm answer wins.

An operation leaks when what its units leave is *per unit* (a rate that stands out of its own uncertainty), *net*
(allocator blocks or traced bytes grow with it: a full cache that replaces its entries does not), *lasting* (early
and recent windows agree, over many units) and not seen to die later. Every answer says why in words.
"""

from collections.abc import Callable
from dataclasses import dataclass

from memguard.model import Judgement, Operation, VerdictName
from memguard.residue.regression import Rate
from memguard.units import format_bytes

WINDOWS_LEAST = 8
UNITS_LEAST = 20
LASTING_UNITS = 300
"""So many units must have run before growth may be called a leak: a cache of usual size has filled up by then."""
SURE, LIKELY = 4.0, 2.5
"""Standard errors above zero. At 4 a rate is positive by chance once in 30,000 looks, were errors normal."""
OBJECTS_LEAST = 0.02
BLOCKS_PER_OBJECT = 0.25
"""A GC-tracked object takes at least one block; free lists and large tables hide some of them."""
BLOCKS_ONLY_LEAST = 0.75
BLOCKS_ONLY_SURE = 6.0
TRACED_PER_OBJECT = 16.0
DYING_MOST = 0.5


@dataclass(frozen=True, slots=True)
class Phase:
    """Rates per unit over a part of the history; None where the signal was never read.

    Attributes:
        objects, bytes: Of survivors.
        blocks, traced: Net growth of allocator blocks and traced bytes.
        steady_blocks, steady_traced: The same with single windows cut to size, for the verdict.
    """

    objects: Rate
    bytes: Rate
    blocks: Rate | None = None
    traced: Rate | None = None
    steady_blocks: Rate | None = None
    steady_traced: Rate | None = None


@dataclass(frozen=True, slots=True)
class Evidence:
    """All that is known of one operation in one process.

    Attributes:
        units: Units counted since the first window that covered one.
        windows, sampled_units: Settled windows that covered the operation, and its units in them.
        whole, early, recent: Rates over all windows, and over the earlier and the later half of the segments.
        dying: Share (0 to 1) of the residue whose types were seen to die some seconds later.
        previous: The verdict before.
    """

    operation: Operation
    units: int
    windows: int
    sampled_units: float
    whole: Phase
    early: Phase | None
    recent: Phase
    dying: float = 0.0
    previous: VerdictName = "warming"


Answer = tuple[VerdictName, str]
Rule = Callable[[Evidence], Answer | None]


def judge(evidence: Evidence) -> Judgement:
    """Return the verdict on one operation with its reasons."""
    reasons = []
    verdict: VerdictName = "suspect"
    for rule in RULES:
        answer = rule(evidence)
        if answer is not None:
            verdict, reason = answer
            reasons.append(reason)
            break
    if verdict in ("suspect", "leak"):
        reasons.insert(0, _what(evidence))
    now = evidence.recent
    return Judgement(
        operation=evidence.operation,
        verdict=verdict,
        reasons=tuple(reasons),
        objects_per_unit=round(now.objects.value, 3),
        blocks_per_unit=round(now.blocks.value, 3) if now.blocks else 0.0,
        bytes_per_unit=round((now.traced or now.bytes).value, 1),
    )


def _warming(evidence: Evidence) -> Answer | None:
    if evidence.windows >= WINDOWS_LEAST and evidence.sampled_units >= UNITS_LEAST:
        return None
    return "warming", (
        f"{evidence.windows} windows over {evidence.sampled_units:.0f} units so far; "
        f"a verdict needs {WINDOWS_LEAST} windows over {UNITS_LEAST} units"
    )


def _no_residue(evidence: Evidence) -> Answer | None:
    if leaves_objects(evidence.recent) or piles_up(evidence):
        return None
    if evidence.previous in ("leak", "plateau"):
        return "plateau", "left something behind earlier and does so no more: it has filled up or was mended"
    if evidence.early is not None and leaves_objects(evidence.early):
        return "clean", "left something behind only while it warmed up"
    return "clean", "units leave nothing behind that outlives them"


def _replaced(evidence: Evidence) -> Answer | None:
    if grows(evidence.recent) or piles_up(evidence):
        return None
    if evidence.previous in ("leak", "plateau") or (evidence.early is not None and grows(evidence.early)):
        return "plateau", "memory grew earlier and does so no more: new objects replace old ones, as in a full cache"
    return "clean", "new objects replace old ones: memory as a whole does not grow, as with a cache at its cap"


def _dying(evidence: Evidence) -> Answer | None:
    if evidence.dying <= DYING_MOST:
        return None
    return "clean", f"what units leave goes later: {evidence.dying:.0%} of it was gone when looked at again"


def _not_yet_lasting(evidence: Evidence) -> Answer | None:
    if evidence.early is None or not (grows(evidence.early) or piles_up(evidence)):
        return "suspect", "so far only in the latest windows; it must last before it is called a leak"
    if evidence.units < LASTING_UNITS:
        return "suspect", (
            f"{evidence.units} units so far; after {LASTING_UNITS} a cache of usual size would have filled up"
        )
    if not leaves_objects(evidence.recent):
        # Blocks are the process's, and free lists pass them from one operation to the other: no proof by themselves.
        return "suspect", "allocator blocks alone do not prove whose they are; trace mode shows what they are"
    certain = evidence.whole.objects.z
    if certain < SURE:
        return "suspect", f"not yet certain: {certain:.1f} standard errors above zero, {SURE:.0f} are needed"
    return None


def _leak(evidence: Evidence) -> Answer | None:
    return (
        "leak",
        f"it has gone on over {evidence.units} units in {evidence.windows} separate windows and never stopped",
    )


RULES: tuple[Rule, ...] = (_warming, _no_residue, _replaced, _dying, _not_yet_lasting, _leak)


def leaves_objects(phase: Phase) -> bool:
    """Tell whether units leave GC-tracked objects that outlive them, net or not."""
    return phase.objects.value >= OBJECTS_LEAST and phase.objects.z >= LIKELY


def piles_up(evidence: Evidence) -> bool:
    """Tell whether blocks pile up without objects to account for them: bytes, text or numbers in an old container.

    Asked of both halves of the history, because free lists that refill look the same for a while.
    """
    if leaves_objects(evidence.recent):
        return False
    phases = [phase.steady_blocks for phase in (evidence.early, evidence.recent) if phase is not None]
    rates = [rate for rate in phases if rate is not None]
    return len(rates) == 2 and all(rate.value >= BLOCKS_ONLY_LEAST and rate.z >= BLOCKS_ONLY_SURE for rate in rates)


def grows(phase: Phase) -> bool:
    """Tell whether residue in objects is net: memory grows with it."""
    if not leaves_objects(phase):
        return False
    blocks, traced = phase.steady_blocks, phase.steady_traced
    if blocks is not None:
        return blocks.z >= LIKELY and blocks.value >= BLOCKS_PER_OBJECT * phase.objects.value
    return traced is not None and traced.z >= LIKELY and traced.value >= TRACED_PER_OBJECT * phase.objects.value


def _what(evidence: Evidence) -> str:
    now = evidence.recent
    size = format_bytes((now.traced or now.bytes).value)
    if leaves_objects(now):
        return f"each unit leaves about {now.objects.value:.3g} objects ({size}) that are alive after it has settled"
    blocks = now.blocks.value if now.blocks else 0.0
    return f"each unit leaves about {blocks:.3g} allocator blocks of bytes, text or numbers in a container that was there before"
