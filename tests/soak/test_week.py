import random
from collections.abc import Iterable

import pytest

from memguard.model import OperationStats
from memguard.readings import Growth, Interval, Survivors, WindowReading
from memguard.residue.ledger import Ledger
from tests.soak import week
from tests.soak.own import kept_by
from tests.soak.week import HOURS, SECONDS_AN_HOUR, Week

RESTARTS = (50, 55)
BYTES_MOST = 2_500_000


def accused(stats: Iterable[OperationStats]) -> dict[str, tuple[str, ...]]:
    """Return who is called a leak, and why."""
    return {each.judgement.operation.name: each.judgement.reasons for each in stats if each.judgement.verdict == "leak"}


@pytest.mark.parametrize("seed", range(3))
def test_a_week_of_a_clean_application(seed: int) -> None:
    """Caches that fill, a pool that grows to its cap, rare one-offs, restarts: nobody is accused, at any hour.

    And the books are as large at the end as they were after two days.
    """
    clean, sizes = Week(seed), list[int]()
    for hour in range(HOURS):
        if hour in RESTARTS:
            clean.restart()
        clean.hour(hour * SECONDS_AN_HOUR)
        if hour % 3 == 2:
            assert accused(clean.judge()) == {}, f"after {hour} hours"
            sizes.append(sum(kept_by([clean.ledger]).values()))
    assert clean.ledger.windows > 1000
    assert max(sizes) < BYTES_MOST
    assert max(sizes[-8:]) < 1.25 * max(sizes[24:40])


def test_a_week_with_a_leak(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same week, but that the first operation's cache never fills: that one is accused within a day."""
    monkeypatch.setattr(week, "CACHE_MOST", 10**9)
    monkeypatch.setattr(week, "CACHES", 1)
    leaking = week.Week(seed=0)
    for hour in range(24):
        leaking.hour(hour * SECONDS_AN_HOUR)
    assert set(accused(leaking.judge())) == {"GET /0"}


def test_what_grows_by_itself_accuses_nobody() -> None:
    """A thread that keeps something of its own, as much in every second, does it whatever units run beside it."""
    ledger, chance, operations = Ledger(), random.Random(1), week.OPERATIONS[:4]
    for number in range(200):
        units = tuple((operation, max(1, round(chance.gauss(20, 4)))) for operation in operations)
        for operation, count in units:
            for _ in range(count):
                ledger.count(operation, number * 0.5, error=False)
        ledger.add_interval(Interval(units, containers=(Growth("shop.samples", 5, 5 * number),)))
        one = ((chance.choice(operations), 1),)
        ledger.add(WindowReading(number * 0.5, one, (), (), Survivors(0, 0, 0), blocks=0))
        assert accused(ledger.judge()) == {}, f"after {number} intervals"
