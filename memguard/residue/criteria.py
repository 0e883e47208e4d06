"""Criteria: the thresholds that verdicts go by, and the questions about a rate that are asked with them."""

from memguard.residue.evidence import Evidence, Held, Phase, Trend
from memguard.residue.regression import Rate

WINDOWS_LEAST = 8
UNITS_LEAST = 8
LOOKS_LEAST = 6
LASTING_UNITS = 160
"""So many more units of an operation must have run before what it left is looked at again, and the residue of so many
a container must hold: `functools.lru_cache` keeps 128 entries unless told otherwise, and has replaced them by then."""
LASTING_SECONDS = 15.0
"""So long an operation must have been watched: entries of a cache with a short time limit have gone by then."""
SURE, LIKELY = 4.0, 2.5
"""Standard errors above zero. At 4 a rate is positive by chance once in 30,000 looks, were errors normal."""
ATTRIBUTED = 3.0
"""Standard errors that say whose residue it is, once the sequential test has said that there is some."""
STEADY = 0.25
"""A leak goes on: each half of the history must show at least this share of the rate of the whole."""
OBJECTS_LEAST, RARE_LEAST = 0.02, 0.002
BLOCKS_LEAST, BLOCKS_SUSPECT = 1.75, 0.75
"""Net blocks per unit that are growth: the smallest list or dict with something in it takes two. Free lists that refill
and caches of the interpreter stay below one on average; between the two an operation is suspected at most."""
NATIVE_LEAST = 1024.0
"""Bytes per unit outside of Python objects that are worth an accusation."""
SEARCHES_LEAST, STOPPED_LEAST = 2, 40
FOLLOWED_MOST = 0.1
"""Share of the residue that may be of types that can be followed, where the rest decides."""


def is_sure(rate: Rate, errors: float) -> bool:
    """Tell whether a rate is of a size that matters and so many standard errors above zero."""
    return rate.value >= OBJECTS_LEAST and rate.z >= errors


def grows(phase: Phase, blocks: float) -> bool:
    """Tell whether memory grows by at least so many blocks for each unit, net of all that died."""
    return phase.net is not None and phase.net.value >= blocks and phase.net.z >= SURE


def seems_to_last(evidence: Evidence) -> bool:
    """Tell whether all is known for an accusation but that the objects are held by something."""
    lasting = evidence.lasting
    if lasting.windows < LOOKS_LEAST or not lasting.type or not lasting.is_sure or not is_old_enough(evidence):
        return False
    return goes_on(lasting.trend, ATTRIBUTED)


def has_stopped(held: Held) -> bool:
    """Tell whether a container grew earlier and does so no more."""
    whole, recent = held.trend.whole.value, held.trend.recent.value
    return held.trend.windows >= STOPPED_LEAST and recent < STEADY * max(whole, held.trend.early.value)


def is_within_its_bound(held: Held) -> bool:
    """Tell whether a container holds no more than it says it ever will."""
    return held.bound is not None and held.size <= held.bound


def is_old_enough(evidence: Evidence) -> bool:
    """Tell whether there were units and time enough for what only fills to have filled."""
    return evidence.units >= LASTING_UNITS and evidence.seconds >= LASTING_SECONDS


def goes_on(trend: Trend, errors: float) -> bool:
    """Tell whether a rate stands out, in the earlier part of the history and in the later."""
    least = STEADY * trend.whole.value
    return trend.whole.z >= errors and trend.early.value >= least and trend.recent.value >= least


def is_native(evidence: Evidence) -> bool:
    """Tell whether memory of C code grows with it, be it that of Python objects that were not looked for yet."""
    native = evidence.native
    return is_old_enough(evidence) and goes_on(native, SURE) and native.whole.value >= NATIVE_LEAST
