"""What a trial allows, and how often it repeats: read from what people write, once, before anything runs."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

from memguard.units import SIZE_FORMS, parse_bytes

REPEAT, WARMUP = 20, 10
RUNS_MOST = 1_000_000


class LimitError(ValueError):
    """A limit is unknown or malformed; the message names it, its value and what is allowed."""


def _bytes(value: object) -> float:
    try:
        return 0.0 if value in (0, "0") and value is not False else float(parse_bytes(value))
    except ValueError:
        raise ValueError(f"expected 0, {SIZE_FORMS}") from None


def _count(value: object) -> float:
    number = value
    if isinstance(value, str):
        try:
            number = float(value)
        except ValueError:
            number = None
    if isinstance(number, bool) or not isinstance(number, int | float) or not 0 <= number < float("inf"):
        raise ValueError("expected a number of objects, 0 or more; it may have a fraction")
    return float(number)


def _whole(least: int) -> Callable[[object], int]:
    def parse(value: object) -> int:
        number = int(value) if isinstance(value, str) and value.strip().isdecimal() else value
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= RUNS_MOST:
            raise ValueError(f"expected a whole number from {least} to {RUNS_MOST}")
        return number

    return parse


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """What may stay, or be needed, and how often it is tried.

    Attributes:
        max_growth: Bytes that may stay after a run, on average over a round; None for no such limit.
        max_peak: Bytes that a run may need at once above what there was before it; None for no such limit.
        max_objects: GC-tracked objects that may stay after a run, on average over a round; None for no such limit.
        repeat: Runs of a round.
        warmup: Runs before the first round.
    """

    max_growth: float | None = None
    max_peak: float | None = None
    max_objects: float | None = None
    repeat: int = REPEAT
    warmup: int = WARMUP

    @property
    def is_for_residue(self) -> bool:
        """Whether nothing at all may stay run after run: so it is where no limit is named."""
        return self.max_growth is None and self.max_peak is None and self.max_objects is None

    @property
    def is_in_bytes(self) -> bool:
        """Whether allocations have to be traced all the time."""
        return self.max_growth is not None or self.max_peak is not None

    @property
    def is_for_peak_alone(self) -> bool:
        """Whether it does not matter what stays."""
        return self.max_growth is None and self.max_objects is None and self.max_peak is not None


_PARSERS: dict[str, Callable[[object], Any]] = {
    "max_growth": _bytes, "max_peak": _bytes, "max_objects": _count, "repeat": _whole(1), "warmup": _whole(0),
}  # fmt: skip
NAMES = tuple(each.name for each in fields(Limits))


def load(given: Mapping[str, object]) -> Limits:
    """Return the limits of a mapping, in which None and an empty text stand for what is not given.

    Raises:
        LimitError: A name is unknown or a value malformed.
    """
    parsed = {}
    for name, value in given.items():
        if name not in _PARSERS:
            raise LimitError(f"unknown limit {name!r}; known: {', '.join(NAMES)}")
        if value is None or value == "":
            continue
        try:
            parsed[name] = _PARSERS[name](value)
        except ValueError as error:
            raise LimitError(f"{name}={value!r}: {error}") from None
    return Limits(**parsed)
