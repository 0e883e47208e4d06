import pytest

from memguard.model import Flush, WorkerId
from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import ME, NOW, event, point, told, worker

OTHER = WorkerId("there", 9, NOW - 7200)


def grown() -> Teller:
    """Return a guard with two workers: one of now, one that ended an hour ago."""
    return Teller(
        told(OTHER, at=NOW - 3600, timeline=(point(NOW - 4000, rss=50_000_000), point(NOW - 3700, rss=90_000_000))),
        told(
            timeline=(
                point(NOW - 300, rss=60_000_000),
                point(NOW - 200, rss=80_000_000),
                point(NOW - 10, rss=70_000_000),
            ),
            events=(event(NOW - 250, "started", mode="watch"), event(NOW - 5000, "stopped")),
        ),
    )


def test_the_figures_say_what_the_picture_shows() -> None:
    """For those who do not see it, and without a script: first, least, most, last of each worker in this time."""
    in_order(
        shown(grown(), "/timeline").text,
        "Timeline", "Each worker in this time", "4711", "on here",
        "RSS from 60.0 MB to 70.0 MB, at most 80.0 MB", "60.0 MB", "60.0 MB", "80.0 MB", "70.0 MB", "+10.0 MB", "10 s ago",
        "What happened", "Worker 4711 started",
    )  # fmt: skip


def test_only_what_lies_in_the_chosen_time_is_told() -> None:
    """Ten minutes at first; an hour and more show the worker that ended, and what happened earlier."""
    first, later = shown(grown(), "/timeline").text, shown(grown(), "/timeline", "seconds=21600").text

    assert "on there" not in first
    assert "Worker 4711 stopped" not in first
    assert "on there" in later
    assert "Worker 4711 stopped" in later


def test_a_stretch_of_the_past_can_be_linked_to() -> None:
    """From one moment to another, as the script writes it into the address."""
    outline = shown(grown(), "/timeline", f"since={NOW - 4100:.0f}&until={NOW - 3500:.0f}")

    assert "on there" in outline.text
    assert "on here, started" not in outline.text
    assert outline.values("div", "data-since") == [f"{NOW - 4100:.0f}"]
    assert outline.values("div", "data-until") == [f"{NOW - 3500:.0f}"]
    assert "true" not in outline.values("a", "aria-current")


@pytest.mark.parametrize(
    ("query", "seconds"),
    [
        ("seconds=3600", "3600"),
        ("seconds=1", "60"),
        ("seconds=99999999", "604800"),
        ("seconds=nan", "600"),
        ("seconds=-5", "600"),
        ("seconds=1e999", "600"),
        ("since=5&until=1", "600"),
        ("since=1&until=99999999", "600"),
        ("since=x&until=2", "600"),
    ],
)
def test_any_time_from_a_minute_to_a_week_is_shown(query: str, seconds: str) -> None:
    """What is no time at all is ten minutes."""
    assert shown(grown(), "/timeline", query).values("div", "data-seconds") == [seconds]


def test_a_longer_time_is_asked_for_less_often() -> None:
    """A week's figures do not change within two seconds, and cost more."""
    periods = [
        shown(grown(), "/timeline", f"seconds={each}").values("main", "data-period") for each in (600, 3600, 604800)
    ]

    assert periods == [["5000"], ["12000"], ["60000"]]


def test_the_script_is_told_where_the_ceilings_are() -> None:
    """Of the workers that are alive; those of a forked worker stand above what it was forked with."""
    soft = worker(ceiling_bytes=100_000_000, hard_ceiling_bytes=120_000_000, rss_floor_bytes=0)
    fat = worker(ceiling_bytes=100_000_000, hard_ceiling_bytes=None, rss_floor_bytes=90_000_000)
    ceilings = [
        shown(Teller(Flush(each)), "/timeline").values("div", "data-ceilings") for each in (soft, fat, worker())
    ]

    assert ceilings == [["hard:120000000 soft:100000000"], ["soft:190000000"], []]


def test_a_time_without_workers_says_so() -> None:
    """No empty tables, no empty list."""
    text = shown(Teller(told(ME)), "/timeline", "since=1000&until=2000").text

    assert "No worker reported in this time." in text
    assert "Nothing happened in this time." in text
