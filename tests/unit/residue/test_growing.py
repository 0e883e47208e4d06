import random
from collections import Counter

import pytest

from memguard.residue.criteria import SURE
from memguard.residue.evidence import Trend
from memguard.residue.growing import Growing

SHOW, SAVE, LIST = 0, 1, 2


def grown(per_unit: float, by_itself: float, units: tuple[int, int], *, intervals: int = 120) -> Growing:
    """Return a history in which a container gains so many entries for each unit of SHOW, and so many besides."""
    chance, growing = random.Random(4), Growing()
    for _ in range(intervals):
        shown, saved = (chance.randint(*units) for _ in range(2))
        gained = sum(chance.random() < per_unit for _ in range(shown)) + by_itself
        growing.add({SHOW: shown, SAVE: saved}, {"cache": gained})
    return growing


@pytest.mark.parametrize("units", [(1, 30), (10, 22)], ids=["changing", "steady"])
@pytest.mark.parametrize(("per_unit", "intervals"), [(1.0, 120), (0.05, 600)])
def test_what_an_operation_leaves_is_its_own(per_unit: float, intervals: int, units: tuple[int, int]) -> None:
    """Also a rare leak under steady traffic, where time would explain it as well."""
    growing = grown(per_unit, 0.0, units, intervals=intervals)

    assert growing.rate(SHOW, "cache").z >= SURE
    assert growing.rate(SAVE, "cache").z < SURE


def test_what_goes_on_by_itself_is_nobodys() -> None:
    """A thread keeps one in each interval: the units, which come in every interval, do not explain it."""
    growing = grown(0.0, 1.0, (1, 30))

    assert growing.rate(SHOW, "cache").value == 0.0
    assert growing.trend(SHOW, "cache") == Trend(120)
    assert growing.trend(SAVE, "cache") == Trend(120)


def test_a_leak_beside_a_thread_that_keeps_something_too() -> None:
    """Both are seen, and the operation is told apart."""
    growing = grown(1.0, 3.0, (1, 30))

    assert growing.rate(SHOW, "cache").z >= SURE
    assert growing.rate(SAVE, "cache").value == 0.0


def in_step(chance: random.Random, doubt: float) -> Growing:
    """Return a history of operations that come in a fixed order, read while three are in flight.

    Half of what units in flight leave is there before their end.
    """
    places = [((turn + 0.5) / count, key) for key, count in ((SHOW, 14), (SAVE, 8), (LIST, 4)) for turn in range(count)]
    order = [key for _, key in sorted(places)] * 100
    growing, last, seen, before = Growing(), 0, 0, Counter[int]()
    while last < len(order) - 40:
        now = last + chance.randint(12, 22)
        in_flight = order[now : now + 3]
        size = order[:now].count(SHOW) + sum(key == SHOW and chance.random() < 0.5 for key in in_flight)
        doubts = {key: count * doubt for key, count in (before + Counter(in_flight)).items()}
        growing.add(Counter(order[last:now]), {"cache": size - seen}, doubts)
        last, seen, before = now, size, Counter(in_flight)
    return growing


def test_operations_that_come_in_step_are_not_taken_for_each_other() -> None:
    """While units are in flight their number is uncertain, and one that always comes along explains it as well.

    What least squares makes of it looks certain, however long it goes on: that it may be another's is said with it.
    """
    taken = {
        doubt: sum(
            growing.rate(other, "cache").z >= SURE
            for growing in (in_step(random.Random(seed), doubt) for seed in range(40))
            for other in (SAVE, LIST)
        )
        for doubt in (0.0, 0.25)
    }

    assert taken[0.0] > 0
    assert taken[0.25] == 0


def test_who_came() -> None:
    """In all intervals, and in the later half of them."""
    growing = grown(1.0, 0.0, (1, 30), intervals=40)

    assert growing.intervals == 40
    assert set(growing.operations()) == set(growing.recently()) == {SHOW, SAVE}
    assert growing.recent_rate(SHOW, "cache").value == pytest.approx(1.0, abs=0.1)


def test_what_goes_up_and_down_is_nobodys() -> None:
    """The size of a pool follows its use: whatever it goes up with, nothing of it stays."""
    chance, growing = random.Random(4), Growing()
    for _ in range(60):
        shown = chance.randint(1, 9)
        growing.add({SHOW: shown, SAVE: 10 - shown}, {"threads": 2.0 * (shown - (10 - shown))})
    raw = growing.recent_rate(SHOW, "threads")

    assert raw.z >= SURE
    assert raw.value == pytest.approx(2.0, abs=0.1)
    assert growing.rate(SHOW, "threads").value == 0.0
    assert growing.trend(SHOW, "threads") == Trend(60)
    assert growing.certain_trend(SHOW, "threads") == Trend(60)


def test_a_leak_into_what_another_operation_empties_a_little() -> None:
    """Most of what it leaves stays, so it is its own."""
    chance, growing = random.Random(4), Growing()
    for _ in range(60):
        shown, saved = chance.randint(1, 9), chance.randint(1, 9)
        growing.add({SHOW: shown, SAVE: saved}, {"queue": shown - 0.3 * saved})

    assert growing.rate(SHOW, "queue").value == pytest.approx(1.0, abs=0.05)
