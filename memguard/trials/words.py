"""What a failed trial says to a person."""

from collections.abc import Iterator

from memguard.explain.patterns import UNKNOWN
from memguard.trials.evidence import Evidence
from memguard.trials.trial import Outcome
from memguard.units import format_bytes


def told(outcome: Outcome, what: str) -> str:
    """Return why a trial failed, some lines; `what` names what was run, like "this test"."""
    return "\n".join(_lines(outcome, what))


def _lines(outcome: Outcome, what: str) -> Iterator[str]:
    limits, evidence = outcome.limits, outcome.evidence
    if outcome.is_peak_exceeded and outcome.peak is not None:
        yield (
            f"memguard: a run of {what} needed {format_bytes(outcome.peak)} at once, above what there was before it; "
            f"max_peak allows {format_bytes(limits.max_peak or 0)}."
        )
    if evidence is None:
        return
    yield (
        f"memguard: {what} leaves something behind: in each of {outcome.rounds} rounds of {limits.repeat} runs, after "
        f"{limits.warmup} runs to warm up, and still there after a full collection."
    )
    yield f"  per run     {_amount(evidence)}{_allowed(outcome)}"
    for site in evidence.sites:
        where = f" in {site.function}" if site.function else ""
        library = f" ({site.library})" if site.library else ""
        through = f"  (through {site.through})" if site.through else ""
        yield f"  allocated   {site.file}:{site.line}{where}{library}: {site.source}{through}"
    yield from _held(evidence)
    if evidence.pattern.id != UNKNOWN.id:
        yield f"  pattern     {evidence.pattern.id}: {evidence.pattern.title}"
    yield f"  what to do  {evidence.pattern.advice}"


def _amount(evidence: Evidence) -> str:
    kinds = ", ".join(f"{_number(count)} {name}" for name, count in evidence.types)
    size = format_bytes(evidence.bytes)
    return f"{size}: {kinds}" if kinds else f"{size}, and no objects that Python's collector tracks"


def _allowed(outcome: Outcome) -> str:
    limits = outcome.limits
    said = []
    if limits.max_objects is not None:
        said.append(f"{outcome.objects or 0:g} objects, max_objects allows {limits.max_objects:g}")
    if limits.max_growth is not None:
        said.append(f"{format_bytes(outcome.bytes or 0)}, max_growth allows {format_bytes(limits.max_growth)}")
    return f" ({'; '.join(said)})" if said else ""


def _held(evidence: Evidence) -> Iterator[str]:
    holder = evidence.holder
    if holder is None:
        yield "  held by     nothing that a search from it could find: text or numbers, or memory of C code"
        return
    size = f", now {holder.size} entries" if holder.size is not None else ""
    rate = f", +{_number(holder.growth_per_unit)} a run" if holder.growth_per_unit else ""
    bound = f", {evidence.bound} at most: raise warmup until it is full" if evidence.bound is not None else ""
    yield f"  held by     {holder.path}  ({holder.root}{size}{rate}{bound})"


def _number(count: float) -> str:
    return f"{count:.0f}" if abs(count - round(count)) < 0.05 else f"{count:.1f}"
