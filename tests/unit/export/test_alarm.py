from collections.abc import Iterable
from dataclasses import replace

from memguard.export.alerts.alarm import CALM_SECONDS, Alarm, Limits, Notice
from memguard.export.alerts.rules import Cause

HIGH = Cause("rss > 1MB", "", "It is high.")
LEAK = Cause("finding", "ff", "It leaks.")
DEATH = Cause("died", "here 7", "It died.", lasts=False)


def replayed(alarm: Alarm, history: Iterable[tuple[float, tuple[Cause, ...]]]) -> list[tuple[float, str, str]]:
    """Return what was told in the course of a history: when, what state, which rule."""
    return [(notice.at, notice.state, notice.cause.rule) for now, found in history for notice in alarm.step(now, found)]


def every(seconds: int, until: int, *found: Cause, start: int = 0) -> list[tuple[float, tuple[Cause, ...]]]:
    """Return moments at which the same holds."""
    return [(float(now), found) for now in range(start, until, seconds)]


def alarm(*, cooldown: float = 900.0, per_hour: int = 12) -> Alarm:
    """Return one that knows nothing yet."""
    return Alarm(Limits(cooldown, per_hour))


def test_a_cause_is_told_once_and_that_it_is_over() -> None:
    """However long it lasts; over it is after a minute without it."""
    history = every(10, 3600, HIGH) + every(10, 3800, start=3600)

    assert replayed(alarm(), history) == [(0, "firing", "rss > 1MB"), (3590 + CALM_SECONDS, "resolved", "rss > 1MB")]


def test_what_hovers_about_a_limit_is_told_once() -> None:
    """Short gaps are no end, and after an end it is not told again until the cool-down is over."""
    hovering = [(float(now), (HIGH,) if now // 30 % 2 else ()) for now in range(0, 3600, 10)]
    assert replayed(alarm(), hovering) == [(30, "firing", "rss > 1MB")]

    again = every(10, 100, HIGH) + every(10, 300, start=100) + every(10, 2000, HIGH, start=300)
    assert replayed(alarm(cooldown=900), again) == [
        (0, "firing", "rss > 1MB"), (150, "resolved", "rss > 1MB"), (900, "firing", "rss > 1MB"),
    ]  # fmt: skip


def test_no_more_than_so_many_are_told_in_an_hour() -> None:
    """The next one that is told says how many were not; what is still there is told when there is room again."""
    leaks = tuple(Cause("finding", str(number), "It leaks.") for number in range(5))
    one = alarm(per_hour=3)
    assert len(one.step(0.0, leaks)) == 3
    assert one.step(10.0, leaks) == []

    told = [notice for now in range(20, 3700, 10) for notice in one.step(float(now), leaks)]
    assert [notice.at for notice in told] == [3600, 3600]
    assert told[0].silenced > 0
    assert told[1].silenced == 0


def test_an_event_has_no_end_and_is_not_told_again() -> None:
    """As long as it is seen; also when it is seen longer than the cool-down."""
    assert replayed(alarm(cooldown=60), every(10, 3600, DEATH) + every(10, 4000, start=3600)) == [(0, "firing", "died")]


def test_a_later_process_goes_on_where_the_last_one_ended() -> None:
    """From the events: what was told is not told again, what is over since then is said to be over, the hour is full."""
    first = alarm(per_hour=2)
    events = [notice.event() for notice in first.step(0.0, (HIGH, LEAK))]
    assert [event.type for event in events] == ["alert", "alert"]

    second = Alarm(Limits(900.0, 2), reversed(events))
    assert second.step(100.0, (HIGH, DEATH)) == [Notice(100.0, "resolved", Cause("finding", "ff", "It leaks."))]
    over = [event.detail["state"] for event in (each.event() for each in second.step(200.0, ()))]
    assert over == ["resolved"]


def test_a_death_has_no_end_in_a_later_process_either() -> None:
    """Whether it is still within the hour when that one takes over, or has long been out of sight."""
    (told,) = alarm().step(0.0, (DEATH,))

    for goes_on in (every(10, 600, DEATH, start=30) + every(10, 4000, start=600), every(10, 4000, start=30)):
        assert replayed(Alarm(Limits(900.0, 12), [told.event()]), goes_on) == []


def test_what_is_no_news_goes_on_and_does_not_begin() -> None:
    """A finding of long ago is not told; one that was told is over when it is gone, and told again when it is back."""
    old = replace(LEAK, is_news=False)
    assert replayed(alarm(), every(10, 600, old)) == []

    history = every(10, 3600, LEAK) + every(10, 7200, old, start=3600) + every(10, 7300, start=7200)
    assert replayed(alarm(), history + every(10, 7400, old, start=7300)) == [
        (0, "firing", "finding"), (7190 + CALM_SECONDS, "resolved", "finding"), (7300, "firing", "finding"),
    ]  # fmt: skip


def test_what_there_was_no_room_for_is_told_later_though_it_is_no_news_by_then() -> None:
    """It is counted once, however often it was seen meanwhile."""
    leaks = tuple(Cause("finding", str(number), "It leaks.") for number in range(3))
    one = alarm(per_hour=1)
    assert [each.cause.key for each in one.step(0.0, leaks)] == ["0"]

    old = tuple(replace(each, is_news=False) for each in leaks)
    told = [notice for now in range(10, 7300, 10) for notice in one.step(float(now), leaks if now < 60 else old)]
    assert [(each.at, each.state, each.cause.key, each.silenced) for each in told] == [
        (3600, "firing", "1", 1), (7200, "firing", "2", 0),
    ]  # fmt: skip


def test_what_is_remembered_is_bounded() -> None:
    """Causes that come and go are forgotten after their cool-down."""
    one = alarm(cooldown=60, per_hour=10**6)
    for number in range(3000):
        one.step(number * 100.0, (Cause("died", str(number), "It died.", lasts=False),))

    assert len(one._told) < 200
