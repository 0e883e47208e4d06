import re
from dataclasses import replace

from memguard.model import WorkerId
from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import NOW, point, told, worker


def test_a_worker_that_is_gone_is_told_from_one_that_stopped() -> None:
    """Without a last word it was killed, or crashed."""
    gone, stopped = WorkerId("there", 1, NOW - 300), WorkerId("there", 2, NOW - 300)
    guard = Teller(told(gone, at=NOW - 60), replace(told(stopped), worker=worker(stopped, state="stopped")))
    text = shown(guard).text

    assert re.search(r"web 1 .*? gone without a word, 60 s ago", text)
    assert re.search(r"web 2 .*? stopped now", text)


def test_a_worker_that_does_not_report_is_silent() -> None:
    """Its process may still run; what stands beside it is old."""
    silent = WorkerId("there", 1, NOW - 300)

    assert re.search(r"web 1 .*? silent has not reported for 8 s", shown(Teller(told(silent, at=NOW - 8))).text)


def test_a_worker_that_is_being_replaced_says_so() -> None:
    """It still serves what it has in hand."""
    guard = Teller(replace(told(), worker=worker(state="recycling")))

    assert re.search(r"web 4711 .*? recycling", shown(guard).text)
    assert "recycling" in " ".join(shown(guard).values("span", "class"))


def test_a_dead_workers_uptime_ends_with_it() -> None:
    """What it lived, not how long ago it was born."""
    gone = WorkerId("there", 1, NOW - 1000)

    in_order(shown(Teller(told(gone, at=NOW - 900))).text, "web 1", "100 s")


def test_many_workers_that_are_gone_stand_back() -> None:
    """The latest few are shown; the others are there for who opens the list."""
    guard = Teller(*(told(WorkerId("there", pid, NOW - 900), at=NOW - 60 - pid) for pid in range(1, 12)))
    text = shown(guard).text

    in_order(text, "web 1 ", "web 5 ", "6 more are gone within the hour", "web 6 ", "web 11 ")


def test_all_lines_stand_for_the_same_time() -> None:
    """As much as is known of any worker, ten minutes at most; so they can be compared, and a young service has lines."""
    young, old = WorkerId("here", 1, NOW - 40), WorkerId("here", 2, NOW - 240)

    assert "Last 60 s" in shown(Teller(told(young, timeline=(point(NOW - 30),)))).text
    both = Teller(told(young, timeline=(point(NOW - 30),)), told(old, timeline=(point(NOW - 240),)))
    assert "Last 4 min" in shown(both).text
