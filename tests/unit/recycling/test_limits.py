"""What is left of two ceilings, in whatever form they were written."""

import pytest

from memguard.parsing import Ceiling
from memguard.recycling.limits import JITTER, Limits, jittered, limits, resolved
from memguard.settings import Settings

MB = 1_000_000


@pytest.mark.parametrize(
    ("soft", "hard", "found"),
    [
        (None, None, Limits()),
        (None, "80MB", Limits(hard=80 * MB)),
        (None, "300%", Limits(warns=30 * MB)),
        ("150%", None, Limits(warns=15 * MB)),
        ("150%", "300%", Limits(warns=15 * MB)),
        ("150%", "80MB", Limits(hard=80 * MB, warns=15 * MB)),
        ("150%", "80%", Limits(hard=80 * MB, warns=15 * MB)),
    ],
)
def test_which_acts_and_which_warns(soft: str | None, hard: str | None, found: Limits) -> None:
    """One in percent of the baseline warns, whichever of the two it is; the other one acts."""
    settings = Settings.load({"rss_ceiling": soft, "rss_hard_ceiling": hard, "recycle_samples": 1}, environ={})

    assert limits(settings, memory=100 * MB, baseline=10 * MB, worker="me") == found


def test_a_soft_ceiling_that_acts() -> None:
    """It is the worker's own, and the lowest of all is that which is compared with."""
    settings = Settings.load({"rss_ceiling": "80MB", "rss_hard_ceiling": "900%", "recycle_samples": 3}, environ={})
    found = limits(settings, memory=100 * MB, baseline=10 * MB, worker="me")

    assert found == Limits(soft=jittered(80 * MB, "me"), samples=3, warns=90 * MB)
    assert found.lowest == found.soft
    assert Limits().lowest is None


@pytest.mark.parametrize(
    ("written", "limit"),
    [
        (None, None),
        (Ceiling(bytes=7), 7),
        (Ceiling(share=0.8), 800),
        (Ceiling(share=1.0), 1000),
        (Ceiling(of_baseline=1.5), 150),
    ],
)
def test_a_ceiling_in_bytes(written: Ceiling | None, limit: int | None) -> None:
    """Each form comes down to bytes: as it is, of what the container may use, or of what the worker began with."""
    assert resolved(written, memory=1000, baseline=100) == limit


def test_jitter() -> None:
    """Each worker has a ceiling of its own, the same each time, and never a higher one than was set."""
    limits = [jittered(1_000_000, f"host {pid} 1.0") for pid in range(500)]

    assert limits == [jittered(1_000_000, f"host {pid} 1.0") for pid in range(500)]
    assert len(set(limits)) > 480
    assert 1_000_000 * (1 - JITTER) <= min(limits) < 1_000_000 * (1 - 0.9 * JITTER)
    assert 1_000_000 * (1 - 0.1 * JITTER) < max(limits) <= 1_000_000
