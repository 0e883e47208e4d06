import random
from collections.abc import Callable
from math import log

import pytest

from memguard.residue.sequential import FALSE_ALARMS, KINDS_MOST, WARM_UP, Sequential

LENGTHS = (1, 1, 4, 1, 16, 2)


def units_until_sure(chance: Callable[[int], float], *, most: int, seed: int) -> int | None:
    """Run units of which a third are seen; return how many it took, None where the test never became sure."""
    rolls = random.Random(seed)
    test, number = Sequential(), 0
    while number < most:
        units = rolls.choice(LENGTHS)
        number += units * 3
        left = any(rolls.random() < chance(number) for _ in range(units))
        test.add(units, number, ["Context"] if left else [])
        if test.is_sure("Context"):
            return number
    return None


@pytest.mark.parametrize(("rate", "most"), [(1.0, 300), (0.05, 3_000), (0.01, 10_000)])
def test_what_every_nth_unit_leaves_is_found(rate: float, most: int) -> None:
    """One object a unit within 300 units, one in a hundred within 10,000, whatever the schedule."""
    found = [units_until_sure(lambda _: rate, most=most, seed=seed) for seed in range(40)]

    assert None not in found


def test_what_becomes_rarer_is_a_warm_up() -> None:
    """At the edge of what counts as a warm-up the rate of false alarms is kept, however long it runs."""
    found = [units_until_sure(lambda n: min(1.0, WARM_UP / n), most=20_000, seed=seed) for seed in range(200)]

    assert found == [None] * 200


def test_a_burst_at_the_start_is_a_warm_up() -> None:
    """Everything that the first units of an operation leave is forgiven."""
    test = Sequential()
    for number in range(1, 4):
        test.add(1, number, ["Connection"])

    assert not test.is_sure("Connection")


def test_kinds_are_told_apart() -> None:
    """The evidence on one kind is not that on another; of one that never came there is none."""
    test = Sequential()
    for number in range(200, 300):
        test.add(1, number, ["Context"])

    assert test.is_sure("Context")
    assert test.evidence("Context") >= -log(FALSE_ALARMS)
    assert (test.evidence("Connection"), test.is_sure("Connection")) == (0.0, False)


def test_evidence_falls_while_nothing_is_left() -> None:
    """What came a few times and never again becomes less likely to be a leak with every unit."""
    test = Sequential()
    for number in range(200, 203):
        test.add(1, number, ["Context"])
    before = test.evidence("Context")
    for number in range(203, 1200):
        test.add(1, number, [])

    assert test.evidence("Context") < before - log(100)
    assert not test.is_sure("Context")


def test_a_kind_that_comes_late_has_missed_what_was_before() -> None:
    """The windows before its first time count against it."""
    early, late = Sequential(), Sequential()
    for number in range(1000, 2000):
        late.add(1, number, [])
    for number in range(2000, 2004):
        early.add(1, number, ["Context"])
        late.add(1, number, ["Context"])

    assert late.evidence("Context") < early.evidence("Context")


def test_windows_without_units_say_nothing() -> None:
    """A look at a window that covered no unit of the operation changes nothing."""
    test = Sequential()
    test.add(0.0, 100, ["Context"])

    assert test.evidence("Context") == 0.0


def test_memory_is_bounded() -> None:
    """However many kinds come, no more than so many are kept."""
    test = Sequential()
    for number in range(KINDS_MOST + 100):
        test.add(1, 1000, [f"Kind{number}"])

    assert len(test._hit) == KINDS_MOST
