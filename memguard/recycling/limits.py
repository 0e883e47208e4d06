"""A worker's ceilings in bytes: what was written comes down to which of them acts, and which only warns."""

from dataclasses import dataclass
from zlib import crc32

from memguard.parsing import Ceiling
from memguard.settings import Settings

JITTER = 0.05
"""A soft ceiling is lowered by up to this share, each worker's by another: workers that leak alike do not cross at once."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a worker may use, in bytes; None for no limit.

    Attributes:
        soft: Above it, it gives back what it can, and leaves in its turn.
        hard: Above it, it leaves at once.
        samples: How many readings in a row must lie over the soft one, or over the one that warns.
        warns: Above it, it is said, and nothing is done.
    """

    soft: int | None = None
    hard: int | None = None
    samples: int = 1
    warns: int | None = None

    @property
    def lowest(self) -> int | None:
        """The lowest of all, None where there is none."""
        return min((each for each in (self.soft, self.hard, self.warns) if each is not None), default=None)


def limits(settings: Settings, *, memory: int, baseline: int, worker: str) -> Limits:
    """Return what follows from the ceilings that are wished; one in percent of the baseline only warns.

    Args:
        settings: What is wished.
        memory: Bytes that the container may use.
        baseline: What the worker used when its first unit began.
        worker: Which worker it is; each has a soft ceiling of its own.
    """
    soft, hard = settings.rss_ceiling, settings.rss_hard_ceiling
    acting = [each if each is not None and each.of_baseline is None else None for each in (soft, hard)]
    warning = [each for each in (soft, hard) if each is not None and each.of_baseline is not None]
    soft_bytes, hard_bytes = (resolved(each, memory=memory, baseline=baseline) for each in acting)
    warns = [resolved(each, memory=memory, baseline=baseline) or 0 for each in warning]
    return Limits(
        soft=None if soft_bytes is None else jittered(soft_bytes, worker),
        hard=hard_bytes,
        samples=settings.recycle_samples,
        warns=min(warns, default=None),
    )


def resolved(ceiling: Ceiling | None, *, memory: int, baseline: int) -> int | None:
    """Return a ceiling in bytes, None for none.

    Args:
        ceiling: As it was written.
        memory: Bytes that the container may use.
        baseline: What the worker used when its first unit began.
    """
    if ceiling is None:
        return None
    if ceiling.bytes is not None:
        return ceiling.bytes
    return round(ceiling.share * memory if ceiling.share is not None else (ceiling.of_baseline or 0.0) * baseline)


def jittered(limit: int, worker: str) -> int:
    """Return a limit lowered by up to `JITTER`, the same for the same worker each time."""
    return round(limit * (1 - JITTER * crc32(worker.encode()) / 2**32))
