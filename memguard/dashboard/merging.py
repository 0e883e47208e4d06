"""What several workers said of one thing, as one answer."""

from collections.abc import Iterable
from datetime import UTC, datetime
from math import sqrt

from memguard.model import Judgement

GRAVITY = ("warming", "clean", "plateau", "suspect", "leak")
"""Verdicts from the least to the gravest: of several workers' the gravest is the operation's."""
DAY = 86400.0
_LATEST = 253402300799.0


def gravity(judged: Judgement) -> int:
    """Return how grave a verdict is, -1 for one that this version does not know."""
    return GRAVITY.index(judged.verdict) if judged.verdict in GRAVITY else -1


def verdict_of(judged: Judgement) -> str:
    """Return the verdict, of one that this version does not know the least grave."""
    return judged.verdict if gravity(judged) >= 0 else GRAVITY[0]


def mean(weighted: Iterable[tuple[int, float]]) -> float:
    """Return the mean of rates, each weighted by the units it was measured on."""
    pairs = list(weighted)
    total = sum(units for units, _ in pairs)
    return round(sum(units * rate for units, rate in pairs) / total, 6) if total else 0.0


def mean_error(weighted: Iterable[tuple[int, float | None]]) -> float | None:
    """Return the standard error of such a mean, None where one that counts in it is not known."""
    pairs = [(units, error) for units, error in weighted if units]
    total = sum(units for units, _ in pairs)
    if not total or any(error is None for _, error in pairs):
        return None
    return round(sqrt(sum((units * (error or 0.0)) ** 2 for units, error in pairs)) / total, 6)


def moment(at: float) -> str:
    """Return a moment in ISO 8601, in UTC, to the millisecond."""
    then = datetime.fromtimestamp(min(max(at, 0.0), _LATEST), UTC)
    return then.isoformat(timespec="milliseconds").replace("+00:00", "Z")
