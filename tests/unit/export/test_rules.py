from typing import Any

import pytest

from memguard.alerting import DEFAULT_RULES, parse_channel, parse_rule
from memguard.export.alerts.rules import Cause, View, causes, slope
from memguard.model import Known, WorkerId
from memguard.settings import Settings, SettingsError
from tests.unit.telling import ME, NOW, event, finding, judged, stats, worker

OTHER = WorkerId("there", 9, NOW - 100)


def found(rule: str, **seen: Any) -> tuple[Cause, ...]:
    """Return what a rule finds."""
    return causes([parse_rule(rule)], View(NOW, **seen))


def test_memory_over_a_number_is_told_once_for_all_workers() -> None:
    """By the worker that is furthest over, with how many others are."""
    workers = (worker(rss_bytes=600_000_000), worker(OTHER, rss_bytes=700_000_000, kind="celery"))

    (cause,) = found("rss > 512MB", workers=workers)
    assert cause == Cause(
        "rss > 512MB", "", "The celery worker 9 on there uses 700 MB, over 512 MB; so are 1 other workers.",
        OTHER, 700e6, 512e6,
    )  # fmt: skip
    assert found("rss > 700MB", workers=workers) == ()


@pytest.mark.parametrize(
    ("rule", "fires", "says"),
    [
        ("rss > 90% of ceiling", True, "uses 95% of its ceiling, over 90%."),
        ("rss > 95% of ceiling", False, ""),
        ("rss > 150% of baseline", True, "uses 190% of what it used when its first unit began, over 150%."),
        ("rss > 200% of baseline", False, ""),
    ],
)
def test_memory_over_a_share(rule: str, fires: bool, says: str) -> None:
    """Of the worker's ceiling or of its baseline; a worker without one has no such share."""
    heavy = worker(rss_bytes=95, ceiling_bytes=100, rss_baseline_bytes=50)
    without = worker(OTHER, rss_bytes=1000, ceiling_bytes=None, rss_baseline_bytes=None)

    assert [each.text.endswith(says) for each in found(rule, workers=(heavy, without))] == [True] * fires


def test_a_slope_is_one_over_time() -> None:
    """By least squares over the last hour; a curve of a few minutes says nothing."""
    steady = tuple((NOW - 3600 + 60 * minute, 100_000_000 + 400_000 * minute) for minute in range(60))

    assert slope(steady) == pytest.approx(24e6)
    assert slope(steady[:9]) == 0.0
    (cause,) = found("slope > 20MB per hour", workers=(worker(),), curves={ME: steady})
    assert cause.text == "The web worker 4711 on here has grown by 24.0 MB per hour, over 20.0 MB."
    assert found("slope > 25MB per hour", workers=(worker(),), curves={ME: steady}) == ()


def test_objects_per_unit_count_where_something_is_suspected() -> None:
    """What warms up leaves objects, too, and is nobody's business."""
    operations = (
        (ME, stats(judged("GET /a", "leak", objects=5.5))),
        (OTHER, stats(judged("GET /a", "leak", objects=6.0))),
        (ME, stats(judged("GET /b", "warming", objects=60.0))),
    )

    (cause,) = found("objects > 5 per unit", operations=operations)
    assert (cause.key, cause.text) == ("request GET /a", "Each unit of GET /a leaves 6.0 objects, over 5.")
    assert cause.worker == OTHER, "whose units leave most"


def test_a_finding_is_one_cause_in_all_workers() -> None:
    """About the living worker that has seen most of it; no news any more when it is known for longer than an hour."""
    gone = WorkerId("here", 1, NOW - 9)
    both = ((ME, finding()), (OTHER, finding(units_observed=90)), (gone, finding(units_observed=900)))
    living = (worker(), worker(OTHER))

    (cause,) = found("finding", workers=living, findings=both, known=(Known("00112233aabbccdd", NOW - 60),))
    assert (cause.key, cause.worker, cause.is_news) == ("00112233aabbccdd", OTHER, True)
    assert cause.text == (
        "GET /leak leaks: a container that only grows. Allocated at /srv/shop/views.py:85. "
        "Held by shop.views._request_caches[…]."
    )
    (later,) = found("finding", findings=both, known=(Known("00112233aabbccdd", NOW - 7200),))
    assert (later.is_news, later.worker) == (False, gone)
    assert found("finding", findings=((ME, finding(judgement=judged("GET /a", "plateau"))),)) == ()


def test_a_finding_is_back_at_a_moment() -> None:
    """A later return is another cause; one that was never gone is none."""
    told = ((ME, finding()),)

    assert found("finding back", findings=told, known=(Known("00112233aabbccdd", NOW - 60),)) == ()
    (cause,) = found("finding back", findings=told, back={"00112233aabbccdd": NOW - 5})
    assert cause.text.startswith("GET /leak leaks again: a container")
    assert (cause.key, cause.is_news) == (f"00112233aabbccdd {NOW - 5:.0f}", True)
    (old,) = found("finding back", findings=told, back={"00112233aabbccdd": NOW - 7200})
    assert not old.is_news


def test_recycles_and_deaths_of_the_last_hour() -> None:
    """Recycles by their number, each death by itself; a death cannot be over."""
    recycles = tuple((ME, event(NOW - 100 * each, "recycle", why="it was too large")) for each in range(7))
    old = tuple((ME, event(NOW - 7200 - each, "recycle")) for each in range(9))

    (cause,) = found("recycles > 6 per hour", events=recycles + old)
    assert cause.text == "7 workers were replaced within an hour, over 6. The last one: it was too large."
    assert found("recycles > 7 per hour", events=recycles + old) == ()
    died = found("died", events=((OTHER, event(NOW - 5, "died", why="killed")), (ME, event(NOW - 7200, "died"))))
    assert [(each.text, each.lasts) for each in died] == [("A worker of there ended without a word: killed.", False)]


def test_rules_and_channels_are_settings() -> None:
    """As a list, or with commas in between; a wrong one ends the start, and an address is not shown."""
    loaded = Settings.load(
        {"alerts": "log, https://hooks.example/x", "alert_rules": "rss >  512MB,died", "alert_cooldown": "5m"},
        environ={},
    )

    assert loaded.alerts == ("log", "https://hooks.example/x")
    assert loaded.alert_rules == ("rss > 512MB", "died")
    assert loaded.alert_cooldown == 300
    assert loaded.alerts_are_wished
    assert not Settings.load(environ={}).alerts_are_wished
    assert Settings.load(environ={}).alert_rules == DEFAULT_RULES
    assert Settings.load(alerts=print, environ={}).alerts == (print,)
    with pytest.raises(SettingsError, match="^memguard setting alert_rules='rss': expected a rule, one of "):
        Settings.load(alert_rules="rss", environ={})
    with pytest.raises(SettingsError, match="^memguard setting alerts=…: expected channels, each one of "):
        Settings.load(alerts="ftp://secret@host/", environ={})


@pytest.mark.parametrize(
    "written",
    ["rss > many", "rss > 5% of", "slope > 5MB", "objects > few per unit", "recycles > 6", "find", "", 7, None],
)
def test_what_is_no_rule(written: object) -> None:
    """Is refused with all forms."""
    with pytest.raises(ValueError, match='"recycles > 6 per hour"'):
        parse_rule(written)


@pytest.mark.parametrize(
    "written", ["", "logs", "https://", "smtp://host/", "redis://host/0", "celery:", "celery:a b", "trace:5", "trace:9999s", 7],
)  # fmt: skip
def test_what_is_no_channel(written: object) -> None:
    """Is refused with all forms; a mail needs a receiver, and a Redis a stream."""
    with pytest.raises(ValueError, match='"slack\\+https://…"'):
        parse_channel(written)
