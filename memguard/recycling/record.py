"""What is told of a recycle: to the store, to the log, and to a callable of the user's."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from memguard.model import Operation, OperationStats
from memguard.readings import Share
from memguard.recycling.relief import Yield
from memguard.units import format_bytes, format_seconds

GROWN_SHOWN = 3
TOLD_AGAIN = 1.1
"""What a worker uses when it leaves is told where it is so many times what it used when it was found over its ceiling."""


@dataclass(frozen=True, slots=True)
class Recycle:
    """Why a worker leaves.

    Attributes:
        used_bytes: What counted against the ceiling when the worker was found over it.
        ceiling_bytes: The ceiling, lowered a little so that workers do not all cross it at once.
        is_hard: It is the hard ceiling.
        now_bytes: What counts now; more than at the ceiling where it has waited for its turn, and leaked on.
        wished: Somebody has asked for it, whatever it uses.
        floor_bytes: RSS when the process was forked, 0 where it was not.
        given_back: What each step of relief gave back.
        grown: The operations that memory has grown with most since the start, most first, each in words.
        units_total: Units that it has begun.
        in_flight: Units that run now.
        uptime: Seconds since its first unit.
    """

    used_bytes: int
    ceiling_bytes: int
    is_hard: bool
    floor_bytes: int
    given_back: tuple[Yield, ...]
    grown: tuple[str, ...]
    units_total: int
    in_flight: int
    uptime: float
    wished: bool = False
    now_bytes: int = 0

    def sentence(self) -> str:
        """Return the reason in words."""
        which = "hard ceiling" if self.is_hard else "ceiling"
        used = f"it used {format_bytes(self.used_bytes)}"
        over = f"{used}, over the {which} of {format_bytes(self.ceiling_bytes)}"
        over = f"somebody has asked for it; {used}" if self.wished else over
        over += f", and {format_bytes(self.now_bytes)} by now" if self.now_bytes > TOLD_AGAIN * self.used_bytes else ""
        parts = [f"{over}, after {format_seconds(self.uptime)} and {self.units_total:,} units"]
        if self.given_back:
            steps = (f"{each.step} {format_bytes(max(0, each.given_back))}" for each in self.given_back)
            parts.append(f"relief gave back: {', '.join(steps)}")
        if self.grown:
            parts.append(f"grew most with: {', '.join(self.grown)}")
        return "; ".join(parts)

    def detail(self, seconds: Mapping[str, float]) -> dict[str, Any]:
        """Return the event's detail; `seconds` that each phase has taken."""
        return {
            "why": self.sentence(),
            "hard": self.is_hard,
            "asked_for": self.wished,
            "used_bytes": self.used_bytes,
            "now_bytes": self.now_bytes,
            "ceiling_bytes": self.ceiling_bytes,
            "floor_bytes": self.floor_bytes,
            **{f"{each.step}_gave_bytes": each.given_back for each in self.given_back},
            "grown": list(self.grown),
            "units_total": self.units_total,
            "in_flight": self.in_flight,
            "uptime_seconds": round(self.uptime, 1),
            **{f"{phase}_seconds": spent for phase, spent in seconds.items()},
        }


def grown(shares: Iterable[Share], stats: Iterable[OperationStats]) -> tuple[str, ...]:
    """Return the operations that memory has grown with most, in words.

    Args:
        shares: Whose the growth of RSS is, most first. Where that is not known, what verdicts say of bytes has to do,
            and where they say nothing, those are named that ran most often.
        stats: What is known of each operation.
    """
    growing = [each for each in shares if each.bytes > 0][:GROWN_SHOWN]
    if growing:
        return tuple(_words(each.operation, each.bytes, each.units) for each in growing)
    told = list(stats)
    left = [(each.units * each.judgement.bytes_per_unit, each) for each in told]
    known = sorted((row for row in left if row[0] > 0), key=lambda row: -row[0])[:GROWN_SHOWN]
    if known:
        return tuple(_words(each.judgement.operation, size, each.units) for size, each in known)
    busiest = sorted(told, key=lambda each: -each.units)[:GROWN_SHOWN]
    return tuple(
        f"{_named(each.judgement.operation)} (not known how much, in {each.units:,} units)" for each in busiest
    )


def _words(operation: Operation, size: float, units: int) -> str:
    return f"{_named(operation)} (about {format_bytes(size)} in {units:,} units)"


def _named(operation: Operation) -> str:
    return operation.name if operation.kind == "request" else f"{operation.kind} {operation.name}"
