import random
from math import inf, isinf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.model import Operation
from memguard.residue.regression import FREEDOM_LEAST, SMALLEST_DEVIATION, Rate, Regression

A, B, C = (Operation("request", f"GET /{name}") for name in "abc")
Mix = dict[Operation, float]


def operations(count: int) -> list[Operation]:
    """Return so many operations."""
    return [Operation("request", f"GET /{number}") for number in range(count)]


def mixes(among: list[Operation], count: int, chance: random.Random) -> list[Mix]:
    """Return the units of so many windows over random operations, after one over each operation alone."""
    alone = [{operation: 1.0} for operation in among]
    mixed = [
        {operation: float(chance.randint(1, 20)) for operation in chance.sample(among, chance.randint(1, len(among)))}
        for _ in range(count)
    ]
    return [*alone, *mixed]


def residue(mix: Mix, rates: dict[Operation, float]) -> float:
    """Return what units of these rates leave."""
    return sum(units * rates[operation] for operation, units in mix.items())


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=6), st.integers(0, 2**32))
@settings(max_examples=60, deadline=None)
def test_planted_rates_come_back(rates: list[float], seed: int) -> None:
    """Whatever the rates and the mixes, windows without noise give the rates, and say that they are certain."""
    planted = dict(zip(operations(len(rates)), rates, strict=True))
    regression = Regression()
    for mix in mixes(list(planted), 30, random.Random(seed)):
        regression.add(mix, {"objects": residue(mix, planted)})

    for operation, rate in planted.items():
        found = regression.rate(operation, "objects")
        assert found.value == pytest.approx(rate, abs=0.01, rel=1e-3)
        assert 0 < found.error <= 2 * SMALLEST_DEVIATION


def test_errors_are_honest() -> None:
    """With noise in the windows the rates are off by about as much as their errors say, neither more nor less."""
    chance = random.Random(7)
    distances = []
    for _ in range(200):
        planted = {operation: chance.uniform(-2, 2) for operation in operations(3)}
        regression = Regression()
        for mix in mixes(list(planted), 40, chance):
            regression.add(mix, {"objects": residue(mix, planted) + chance.gauss(0, 3)})
        rates = {operation: regression.rate(operation, "objects") for operation in planted}
        distances += [
            abs(rates[operation].value - planted[operation]) / rates[operation].error for operation in planted
        ]

    assert sum(distance < 1 for distance in distances) / len(distances) == pytest.approx(0.72, abs=0.1)
    assert sum(distance > 3 for distance in distances) / len(distances) < 0.01


def test_operations_that_only_ever_came_together() -> None:
    """They cannot be told apart: no rate of theirs is certain, however many windows there were; the sum is right."""
    regression = Regression()
    for number in range(500):
        units = 1.0 + number % 5
        regression.add({A: units, B: 2 * units, C: 1.0}, {"objects": 3 * units})
    first, second, third = (regression.rate(operation, "objects") for operation in (A, B, C))

    assert first.value + 2 * second.value == pytest.approx(3, abs=0.01)
    assert first.error > 1
    assert second.error > 1
    assert max(first.z, second.z) < 2.5
    assert third.value == pytest.approx(0, abs=0.01)
    assert third.error < 0.1


def test_one_window_alone_tells_inseparable_operations_apart() -> None:
    """Some windows in which they came differently are enough."""
    regression = Regression()
    for _ in range(50):
        regression.add({A: 1.0, B: 1.0}, {"objects": 3.0})
    for _ in range(FREEDOM_LEAST):
        regression.add({A: 1.0}, {"objects": 3.0})

    assert regression.rate(A, "objects").value == pytest.approx(3, abs=0.01)
    assert regression.rate(A, "objects").z > 20
    assert regression.rate(B, "objects").value == pytest.approx(0, abs=0.01)


@pytest.mark.parametrize("others", [0, 3])
def test_few_windows_prove_nothing(others: int) -> None:
    """As long as there are hardly more windows than operations any mix fits perfectly; no rate is certain then."""
    among = operations(1 + others)
    regression = Regression()
    for number in range(len(among) + FREEDOM_LEAST):
        rate = regression.rate(among[0], "objects")
        assert rate.z == 0
        assert number == 0 or isinf(rate.error)
        regression.add(dict.fromkeys(among, 1.0 + number), {"objects": 5.0 * (1 + number)})

    assert not isinf(regression.rate(among[0], "objects").error)


def test_noise_in_few_windows_is_rarely_certain() -> None:
    """Of histories of nothing but noise, hardly longer than the least, next to none shows a rate that looks certain.

    As errors are usually computed, four of them are exceeded by chance in 1 of 200 histories so short.
    """
    chance = random.Random(9)
    certain = 0
    for _ in range(4000):
        regression = Regression()
        for _ in range(FREEDOM_LEAST + 2):
            regression.add({A: 1.0}, {"objects": chance.gauss(0, 2)})
        certain += regression.rate(A, "objects").z >= 4

    assert certain <= 4


@given(st.integers(0, 2**32), st.integers(1, 39))
@settings(max_examples=25, deadline=None)
def test_two_histories_add_up(seed: int, cut: int) -> None:
    """Sums of the parts are the sums of the whole: it does not matter where a history was cut."""
    chance = random.Random(seed)
    among = operations(4)
    windows = [
        (mix, {"objects": chance.uniform(0, 9), "rare": float(chance.random() < 0.1)}, chance.choice((0.3, 1.0)))
        for mix in mixes(among, 36, chance)
    ]
    whole, first, second = Regression(), Regression(), Regression()
    for number, window in enumerate(windows):
        whole.add(*window)
        (first if number < cut else second).add(*window)
    both = first.merged(second)

    assert both.windows == whole.windows
    assert set(both.signals) == set(whole.signals)
    for signal in ("objects", "rare"):
        assert both.weight(signal) == pytest.approx(whole.weight(signal))
        for operation in among:
            assert both.rate(operation, signal).value == pytest.approx(whole.rate(operation, signal).value, abs=1e-6)
            assert both.rate(operation, signal).error == pytest.approx(whole.rate(operation, signal).error, rel=1e-6)


def test_merging_leaves_the_parts_as_they_are() -> None:
    """The sum is one of its own."""
    parts = Regression(), Regression()
    for part in parts:
        for _ in range(10):
            part.add({A: 1.0}, {"objects": 2.0})
    parts[0].merged(parts[1]).add({A: 1.0}, {"objects": 99.0})

    assert [part.windows for part in parts] == [10, 10]
    assert [part.rate(A, "objects").value for part in parts] == pytest.approx([2.0, 2.0], abs=1e-3)


def test_operations_that_never_came_together_do_not_touch_each_other() -> None:
    """What a window over one says is not shaken by the noise of another's windows."""
    chance = random.Random(3)
    alone, beside = Regression(), Regression()
    for _ in range(30):
        units = float(chance.randint(1, 5))
        alone.add({A: units}, {"objects": 2 * units})
        beside.add({A: units}, {"objects": 2 * units})
        beside.add({B: units}, {"objects": chance.uniform(0, 1000)})

    assert beside.rate(A, "objects") == alone.rate(A, "objects")
    assert beside.rate(B, "objects").error > 10


def test_a_chain_of_windows_joins_operations() -> None:
    """Operations that meet only through others are solved together."""
    chance = random.Random(5)
    planted = {A: 1.0, B: 2.0, C: 4.0}
    regression = Regression()
    for _ in range(30):
        for pair in ((A, B), (B, C)):
            mix = {operation: float(chance.randint(1, 9)) for operation in pair}
            regression.add(mix, {"objects": residue(mix, planted)})

    assert [regression.rate(each, "objects").value for each in (A, B, C)] == pytest.approx([1, 2, 4], abs=0.01)


def test_a_window_of_little_trust_weighs_little() -> None:
    """Windows that disagree are weighed by how far they can be trusted."""
    regression = Regression()
    for _ in range(50):
        regression.add({A: 1.0}, {"objects": 1.0}, 1.0)
        regression.add({A: 1.0}, {"objects": 9.0}, 0.1)

    mean = (1 + 0.9) / 1.1
    scatter = 50 * (1 - mean) ** 2 + 0.1 * 50 * (9 - mean) ** 2

    assert regression.rate(A, "objects").value == pytest.approx(mean, abs=0.01)
    assert regression.rate(A, "objects").error == pytest.approx((scatter / 99 / 55) ** 0.5, rel=0.1)


def test_a_signal_that_is_missing_counts_as_zero() -> None:
    """A type that was not among a window's survivors was there zero times."""
    regression = Regression()
    for number in range(40):
        regression.add({A: 1.0}, {"type:x": 4.0} if number % 4 == 0 else {})

    assert regression.rate(A, "type:x").value == pytest.approx(1.0, abs=1e-3)


def test_what_never_came_has_a_rate_of_zero() -> None:
    """Of an operation without windows, or a signal that never was, nothing is claimed; a window without units is none."""
    regression = Regression()
    for _ in range(10):
        regression.add({A: 1.0}, {"objects": 1.0})
        regression.add({}, {"objects": 100.0})

    assert regression.rate(B, "objects") == Rate(0.0, 0.0)
    assert regression.rate(A, "objects").value == pytest.approx(1, abs=1e-3)
    assert regression.rate(A, "type:x").value == 0
    assert regression.rate(A, "type:x").z == 0


def test_a_signal_is_dropped() -> None:
    """It is forgotten, others are not, and it may come again."""
    regression = Regression()
    for _ in range(10):
        regression.add({A: 1.0}, {"a": 1.0, "b": 2.0})
    assert regression.rate(A, "a").value > 0
    regression.drop("a")
    regression.drop("never was")

    assert set(regression.signals) == {"b"}
    assert (regression.weight("a"), regression.weight("b")) == (0, 40.0)
    assert regression.rate(A, "a").value == 0
    regression.add({A: 1.0}, {"a": 1.0})
    assert set(regression.signals) == {"a", "b"}


@pytest.mark.parametrize(
    ("rate", "z"),
    [
        (Rate(3.0, 1.5), 2.0),
        (Rate(-3.0, 1.5), -2.0),
        (Rate(1.0, 0.0), inf),
        (Rate(0.0, 0.0), 0.0),
        (Rate(1.0, inf), 0.0),
    ],
)
def test_errors_above_zero(rate: Rate, z: float) -> None:
    """How certain a rate is counts in its own errors; without an error any positive rate is certain."""
    assert rate.z == z


def test_many_operations_at_once() -> None:
    """As many operations as are ever kept, all of them in the same windows, are told apart."""
    chance = random.Random(11)
    among = operations(200)
    planted = {operation: float(number % 3) for number, operation in enumerate(among)}
    regression = Regression()
    for _ in range(600):
        mix = {operation: 1.0 + chance.randrange(5) for operation in chance.sample(among, 8)}
        regression.add(mix, {"objects": residue(mix, planted)})

    assert all(
        regression.rate(operation, "objects").value == pytest.approx(rate, abs=0.05)
        for operation, rate in planted.items()
    )
