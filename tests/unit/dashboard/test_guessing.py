import logging

import pytest

from memguard.dashboard import admits
from memguard.dashboard.guessing import GUESSES, Guesses
from memguard.store import Limit
from tests.unit.dashboard.asking import settings, with_token


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    """Return a clock that stands still."""
    return Clock()


@pytest.fixture
def guesses(clock: Clock) -> Guesses:
    """Three from one address, five from all, in a minute."""
    return Guesses(Limit(60.0, 3, 5), clock)


def guess(guesses: Guesses, peer: str | None, *shown: str) -> None:
    """Show wrong tokens."""
    for each in shown:
        guesses.note(peer, each, right=False)


def test_one_address_is_heard_a_few_times(guesses: Guesses, clock: Clock, caplog: pytest.LogCaptureFixture) -> None:
    """Then no more until the time is over; others are heard meanwhile."""
    guess(guesses, "a", "1", "2")
    assert not guesses.are_too_many("a")
    with caplog.at_level(logging.WARNING, "memguard"):
        guess(guesses, "a", "3")
    assert guesses.are_too_many("a")
    assert not guesses.are_too_many("b")
    assert caplog.messages == ["memguard: too many wrong tokens from a: for 1 minutes none from there is looked at"]
    clock.now += 61
    assert not guesses.are_too_many("a")


def test_the_same_wrong_token_counts_once(guesses: Guesses) -> None:
    """A scraper with an old one shuts nobody out."""
    guess(guesses, "a", *["old"] * 50)
    assert not guesses.are_too_many("a")


def test_all_addresses_together_are_heard_some_times(guesses: Guesses) -> None:
    """But one from which the right token came lately is not shut out by others, only by itself."""
    guesses.note("friend", "right", right=True)
    for peer in "abcde":
        guess(guesses, peer, "1")
    assert guesses.are_too_many("z")
    assert guesses.are_too_many(None)
    assert not guesses.are_too_many("friend")
    guess(guesses, "friend", "1", "2", "3")
    assert guesses.are_too_many("friend")


def test_what_is_remembered_is_bounded(guesses: Guesses) -> None:
    """However many addresses there are."""
    for number in range(1000):
        guess(guesses, str(number), "1")
        guesses.note(str(number), "right", right=True)
    assert len(guesses._wrong) <= 10
    assert len(guesses._right) <= 5


def test_the_endpoint_counts() -> None:
    """Of every request that shows one, at any of its paths."""
    for number in range(GUESSES.of_one):
        assert admits(with_token(), settings())
        assert not admits(with_token(headers={"authorization": f"Bearer {number}"}), settings())
    assert not admits(with_token(), settings())
    assert admits(with_token(peer="198.51.100.7"), settings())
