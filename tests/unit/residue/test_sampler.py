import random

import pytest

from memguard.residue.sampler import (
    CALM_GAP,
    EAGER_GAP,
    FIRST_LOOK_SECONDS,
    LENGTHS,
    OVERLAP_FACTOR,
    SAVED_SECONDS_MOST,
    WINDOWS_SHARE_LEAST,
    Sampler,
)


def run(sampler: Sampler, rounds: int, cost: float, *, own: float = 0.0, cpu: float = 1.0) -> float:
    """Open as many windows as are allowed over so many rounds; return what they cost."""
    chance = random.Random(1)
    spent = 0.0
    for _ in range(rounds):
        sampler.grant(cpu, own, eager=True)
        now = 0.0
        while (gap := sampler.gap()) is not None and now < cpu:
            now += gap
            window = cost * chance.uniform(0.5, 1.5)
            sampler.spend(window)
            spent += window
    return spent


def test_a_first_look_is_free() -> None:
    """A young process has not used any time yet of which a share could be spent; it may look all the same."""
    sampler = Sampler(0.0001)
    assert sampler.gap() == EAGER_GAP
    sampler.spend(FIRST_LOOK_SECONDS * 1.01)
    assert sampler.gap() is None


@pytest.mark.parametrize("budget", [0.0001, 0.01, 0.5])
@pytest.mark.parametrize("cost", [50e-6, 5e-3, SAVED_SECONDS_MOST * 0.6])
def test_no_more_than_the_budget(budget: float, cost: float) -> None:
    """Over a long run windows take no more than their share, whatever each costs.

    Tolerance: the first look, and one window that began while something was left.
    """
    rounds = 2000

    assert run(Sampler(budget), rounds, cost) <= budget * rounds + FIRST_LOOK_SECONDS + 1.5 * cost


@pytest.mark.parametrize("cost", [1e-3, 5e-3])
def test_the_budget_is_used(cost: float) -> None:
    """Where there is something to find out, what is allowed is spent, but for what was saved at the end."""
    rounds = 500

    assert run(Sampler(0.02), rounds, cost) >= 0.02 * rounds - SAVED_SECONDS_MOST


def test_memguards_other_work_comes_out_of_the_same_budget() -> None:
    """What the rest of memguard uses windows may not."""
    spent = run(Sampler(0.01), 1000, 1e-3, own=0.004)

    assert spent == pytest.approx(1000 * (0.01 - 0.004), abs=SAVED_SECONDS_MOST + FIRST_LOOK_SECONDS)


def test_windows_get_their_least_share() -> None:
    """However much the rest uses, windows go on with a part of the budget: a memguard that sees nothing is no use."""
    spent = run(Sampler(0.01), 1000, 1e-3, own=1.0)

    assert spent == pytest.approx(1000 * 0.01 * WINDOWS_SHARE_LEAST, abs=SAVED_SECONDS_MOST + FIRST_LOOK_SECONDS)


def test_a_quiet_night_is_not_saved_up() -> None:
    """What was not spent for hours is not spent at once in the morning."""
    sampler = Sampler(0.01)
    for _ in range(10_000):
        sampler.grant(1.0, 0.0, eager=False)
    spent = 0.0
    while sampler.gap() is not None:
        sampler.spend(0.001)
        spent += 0.001

    assert spent == pytest.approx(SAVED_SECONDS_MOST, abs=0.01)


def test_one_monstrous_window_is_forgiven() -> None:
    """A window that cost a minute does not end all windows for hours; it is paid for by so many seconds."""
    sampler = Sampler(0.01)
    sampler.spend(60.0)
    rounds = 0
    while sampler.gap() is None:
        sampler.grant(1.0, 0.0, eager=True)
        rounds += 1

    assert rounds == pytest.approx(SAVED_SECONDS_MOST / 0.01, abs=2)


def test_windows_are_rare_when_all_is_known() -> None:
    """With nothing new and nothing suspected there is no hurry, however much is saved."""
    sampler = Sampler(0.5)
    sampler.grant(100.0, 0.0, eager=False)
    calm = sampler.gap()
    sampler.grant(1.0, 0.0, eager=True)

    assert (calm, sampler.gap()) == (CALM_GAP, EAGER_GAP)


def test_lengths_take_turns() -> None:
    """Short windows say whose residue it is, long ones catch what is rare; each length comes as often as planned."""
    sampler = Sampler(0.01)
    lengths = [sampler.length(0) for _ in range(len(LENGTHS) * 3)]

    assert sorted(lengths) == sorted(LENGTHS * 3)
    assert lengths[: len(LENGTHS)] == lengths[len(LENGTHS) : 2 * len(LENGTHS)]


@pytest.mark.parametrize("in_flight", [1, 8, 200])
def test_windows_grow_with_what_is_in_flight(in_flight: int) -> None:
    """A window is longer than the units that are only partly inside, at its two edges together."""
    alone, busy = Sampler(0.01), Sampler(0.01)
    lengths = [(alone.length(0), busy.length(in_flight)) for _ in LENGTHS]

    assert all(long - short == OVERLAP_FACTOR * in_flight for short, long in lengths)
