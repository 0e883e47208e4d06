"""Verdicts: an ordered list of small rules over the evidence on one operation; the first firm answer wins.

An operation leaks when what its units leave is *per unit* (a rate that stands out of its own uncertainty) and
*lasting*: the very objects were looked at again after many more units and were still there; or the container that
they are put into gains entries with the units of this operation and holds those of many. That tells a leak from a full
cache, from a connection kept open and from a warm-up. Growth of the process's memory alone makes a suspect.
"""

from collections.abc import Callable
from math import isfinite

from memguard.model import Judgement, VerdictName
from memguard.residue.criteria import (
    ATTRIBUTED,
    BLOCKS_LEAST,
    BLOCKS_SUSPECT,
    FOLLOWED_MOST,
    LASTING_SECONDS,
    LASTING_UNITS,
    LIKELY,
    LOOKS_LEAST,
    OBJECTS_LEAST,
    RARE_LEAST,
    SEARCHES_LEAST,
    SURE,
    UNITS_LEAST,
    WINDOWS_LEAST,
    goes_on,
    grows,
    has_stopped,
    is_native,
    is_old_enough,
    is_sure,
    is_within_its_bound,
    seems_to_last,
)
from memguard.residue.evidence import Evidence
from memguard.residue.regression import Rate
from memguard.units import format_bytes

Answer = tuple[VerdictName, str]
Rule = Callable[[Evidence], Answer | None]


def judge(evidence: Evidence) -> Judgement:
    """Return the verdict on one operation with its reasons."""
    verdict, reason = next(answer for rule in RULES if (answer := rule(evidence)) is not None)
    reasons = [reason]
    if verdict in ("suspect", "leak"):
        reasons.insert(0, _what(evidence))
    stays = _objects_that_stay(evidence)
    return Judgement(
        operation=evidence.operation,
        verdict=verdict,
        reasons=tuple(reasons),
        objects_per_unit=0.0 if verdict in ("clean", "plateau") else round(stays.value, 3),
        blocks_per_unit=round(evidence.blocks_per_unit, 3),
        bytes_per_unit=round(evidence.bytes_per_unit, 1),
        objects_error=round(stays.error, 4) if isfinite(stays.error) and evidence.windows else None,
    )


def _objects_that_stay(evidence: Evidence) -> Rate:
    """Return survivors per unit, less the share that had gone when looked at again; 0 where they may be by chance."""
    lasting, held = evidence.lasting, evidence.held
    stays = lasting.stays if lasting.windows >= LOOKS_LEAST and lasting.followed >= FOLLOWED_MOST else 1.0
    settled = evidence.recent.value * stays if is_sure(evidence.recent, LIKELY) else 0.0
    rates = [Rate(settled, evidence.recent.error * stays)]
    rates += [lasting.trend.whole] if lasting.trend.whole.z >= ATTRIBUTED else []
    rates += [held.trend.whole] if held is not None and held.trend.whole.z >= ATTRIBUTED else []
    return max(rates, key=lambda rate: rate.value)


def _warming(evidence: Evidence) -> Answer | None:
    if evidence.windows >= WINDOWS_LEAST and evidence.sampled_units >= UNITS_LEAST:
        return None
    return "warming", (
        f"{evidence.windows} windows over {evidence.sampled_units:.0f} units so far; "
        f"a verdict needs {WINDOWS_LEAST} windows over {UNITS_LEAST} units"
    )


def _lasts(evidence: Evidence) -> Answer | None:
    lasting = evidence.lasting
    if not seems_to_last(evidence):
        return None
    if not lasting.is_held:
        return "suspect", f"{lasting.type} lasts; whether it is held, and not garbage, is being found out"
    container = lasting.container
    if container is not None and (has_stopped(container) or is_within_its_bound(container)):
        return "plateau" if evidence.previous in ("leak", "plateau") else "clean", (
            f"{container.path} holds what it leaves, and grows no more: it has {container.size} entries"
            if has_stopped(container)
            else f"{container.path} holds what it leaves, {container.size} entries of {container.bound} at most"
        )
    return "leak", (
        f"of what {lasting.windows} windows left, about {lasting.trend.whole.value:.3g} {lasting.type} for each unit "
        f"were still alive {LASTING_UNITS} units later; {evidence.units} units so far"
    )


def _held(evidence: Evidence) -> Answer | None:
    held = evidence.held
    if held is None or held.trend.windows < LOOKS_LEAST or not is_old_enough(evidence):
        return None
    if not goes_on(held.trend, SURE) or held.trend.whole.value < RARE_LEAST:
        return None
    if held.size < LASTING_UNITS * held.trend.whole.value or is_within_its_bound(held):
        return None
    return "leak", (
        f"{held.path} gains about {held.trend.whole.value:.3g} entries for each unit, over {held.trend.windows} windows, "
        f"and has {held.size} by now; {evidence.units} units so far"
    )


def _garbage(evidence: Evidence) -> Answer | None:
    garbage = evidence.garbage
    if not is_old_enough(evidence) or not goes_on(garbage, SURE) or garbage.whole.value < OBJECTS_LEAST:
        return None
    return "leak", (
        f"each unit leaves about {garbage.whole.value:.3g} objects in reference cycles that nobody collects, because the "
        f"application has switched its collector off; {evidence.units} units so far"
    )


def _too_few_units(evidence: Evidence) -> Answer | None:
    seems_clean = evidence.recent.value < OBJECTS_LEAST and isfinite(evidence.recent.error)
    if is_old_enough(evidence) or (seems_clean and evidence.held is None):
        return None
    if evidence.units >= LASTING_UNITS:
        return "warming", f"units may leave objects behind; whether they stay can be told after {LASTING_SECONDS:.0f} s"
    return "warming", (
        f"units may leave objects behind; after {LASTING_UNITS} units, of which {evidence.units} have run, it can be told "
        "whether they stay"
    )


def _resources(evidence: Evidence) -> Answer | None:
    for name, trend in evidence.resources:
        if is_old_enough(evidence) and goes_on(trend, SURE) and trend.whole.value >= OBJECTS_LEAST:
            return "leak", (
                f"each unit leaves about {trend.whole.value:.3g} {name} open or running, over {trend.windows} windows; "
                f"{evidence.units} units so far"
            )
    return None


def _native(evidence: Evidence) -> Answer | None:
    native = evidence.native
    if not is_native(evidence):
        return None
    if evidence.searched < SEARCHES_LEAST or evidence.held is not None or grows(evidence.alone.recent, BLOCKS_SUSPECT):
        return None
    return "leak", (
        f"each unit leaves about {format_bytes(native.whole.value)} in use that belong to no Python object of their own, "
        f"over {native.windows} windows; {evidence.units} units so far"
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
        f"memory has grown with it over {evidence.units} units in {evidence.windows} windows; what it leaves cannot be "
        "looked at again, and no container that grows with it was found, so whether it stays is for a person to see"
    )


def _goes_later(evidence: Evidence) -> Answer | None:
    lasting = evidence.lasting
    if lasting.windows < LOOKS_LEAST or lasting.followed < FOLLOWED_MOST or is_sure(lasting.trend.whole, LIKELY):
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


def _nothing_grows(evidence: Evidence) -> Answer | None:
    if evidence.searched < SEARCHES_LEAST or evidence.held is not None or evidence.lasting.is_sure:
        return None
    return ("plateau" if evidence.previous in ("leak", "plateau") else "clean"), (
        "units leave objects behind for a while, and no container of the process grows with them: they are replaced"
    )


def _not_certain(evidence: Evidence) -> Answer | None:
    return "suspect", (
        f"whether it lasts is not yet certain: {evidence.lasting.windows} windows were looked at again {LASTING_UNITS} "
        "units later, and containers that may grow with it are being looked for"
    )


RULES: tuple[Rule, ...] = (
    _held, _resources, _warming, _lasts, _garbage, _too_few_units, _native, _no_residue, _grows_on, _goes_later,
    _replaced, _nothing_grows, _not_certain,
)  # fmt: skip


def _what(evidence: Evidence) -> str:
    size = format_bytes(evidence.bytes_per_unit)
    objects = _objects_that_stay(evidence).value
    return f"each unit leaves about {objects:.3g} objects ({size}) that are alive after it has settled"
