import pytest

from memguard.wiring.own_work import OwnWork


def test_work_spoils_from_its_begin_to_its_end() -> None:
    """What is asked in the middle, and what begins there, both see it."""
    work = OwnWork()
    asked = [(work.going, work.spoiled)]
    with work, work:
        asked.append((work.going, work.spoiled))
        work.spoiled = work.going  # a window begins
        asked.append((work.going, work.spoiled))
    asked.append((work.going, work.spoiled))
    assert asked == [(False, False), (True, True), (True, True), (False, True)]


def test_a_window_after_it_is_not_spoiled() -> None:
    """Whoever begins later and sets it anew has nothing to do with what was before."""
    work = OwnWork()
    with work:
        pass
    work.spoiled = work.going
    assert not work.spoiled


def test_work_that_fails_is_over() -> None:
    """An exception passes, and ends it."""
    work = OwnWork()
    with pytest.raises(ZeroDivisionError), work:
        1 / 0  # noqa: B018
    assert not work.going
