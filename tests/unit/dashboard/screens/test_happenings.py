import pytest

from memguard.dashboard.report import event_row
from memguard.dashboard.screens.happenings import details_of, sentence_of
from memguard.export.alerts.alarm import Notice
from memguard.export.alerts.rules import Cause
from memguard.model import Event
from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import ME, NOW, told


@pytest.mark.parametrize(
    ("kind", "detail", "words"),
    [
        ("started", {}, "Worker 7 started"),
        ("started", {"mode": "trace"}, "Worker 7 started in trace mode"),
        ("stopped", {}, "Worker 7 stopped"),
        ("finding", {"name": "GET /leak"}, "GET /leak was accused of a leak"),
        ("ceiling", {}, "Worker 7 is over its ceiling and stays"),
        ("recycle", {}, "Worker 7 leaves, to be replaced"),
        (
            "recycle",
            {"replaced_by": 8, "replaced_after_seconds": 2.9},
            "Worker 7 left, and worker 8 came for it 3 s later",
        ),
        ("recycle", {"replaced_by": 8, "replaced_after_seconds": "odd"}, "Worker 7 left, and worker 8 came for it"),
        ("replaced", {"worker": 6, "by": 7}, "Worker 7 has come for worker 6"),
        ("died", {}, "Worker 7 died without a word"),
        ("killer", {"name": "GET /report"}, "GET /report keeps killing workers"),
        ("gone", {}, "Worker 7 is gone without a word"),
        ("store", {}, "The store changed"),
        ("alert", {"state": "firing", "text": "Too much."}, "An alert was raised"),
        ("alert", {"state": "resolved", "text": "Too much."}, "An alert is over"),
        ("alert", None, "An alert was raised"),
        ("undelivered", {"channel": "hooks.example"}, "An alert did not reach hooks.example"),
        ("undelivered", {}, "An alert did not reach its receiver"),
        ("of another version", {}, "Worker 7: of another version"),
        ("finding", None, "an operation was accused of a leak"),
    ],
)
def test_what_happened_is_said_in_words(kind: str, detail: object, words: str) -> None:
    """Also what another version of memguard wrote."""
    assert sentence_of({"type": kind, "pid": 7, "detail": detail}) == words


def test_details_are_told_as_people_read_them() -> None:
    """Sizes with their unit, no word about what is not known, nothing twice."""
    detail = {
        "rss_bytes": 81_000_000, "units_total": 10, "ratio": 0.12345, "kind": "web", "nothing": None, "none": "",
        "findings": ["GET /a", "GET /b"], "is_hard": True, "name": "x",
    }  # fmt: skip

    assert details_of({"type": "ceiling", "detail": detail}) == (
        "RSS 81.0 MB, 10 units, ratio 0.12, findings GET /a, GET /b, is hard yes"
    )
    assert details_of({"type": "ceiling", "detail": "odd"}) == ""


def test_where_an_event_has_a_sentence_of_its_own_that_is_told() -> None:
    """Not the figures that the sentence was made of."""
    why = "it used 90 MB, over the ceiling of 80 MB, after 5 min and 1,200 units"

    assert details_of({"type": "recycle", "detail": {"why": why, "used_bytes": 90_000_000, "hard": False}}) == why
    assert details_of({"type": "killer", "detail": {"why": why, "deaths": 3, "of": 4}}) == why
    stays = {"stays_because": "it is too young", "rss_bytes": 1}
    assert details_of({"type": "ceiling", "detail": stays}) == "it is too young"


def test_an_alert_is_told_by_its_own_text() -> None:
    """What the person who got it has read; of one that nobody got, also why."""
    cause = Cause("rss > 300MB", "", "The web worker 7 on here uses 310 MB, over 300 MB.", ME, 310e6, 300e6)
    alert = Notice(NOW, "firing", cause).event()
    lost = Event(
        NOW, "undelivered", {"channel": "x", "attempts": 4, "why": "refused", "text": cause.text, "rule_of": "r"}
    )

    assert details_of(event_row(ME, alert)) == cause.text
    assert details_of(event_row(ME, lost)) == f"attempts 4, why refused, {cause.text}"


def test_alerts_stand_out_by_their_colour() -> None:
    """One that is over in another one than one that holds."""
    cause = Cause("rss > 300MB", "", "Too much.")
    guard = Teller(told(events=(Notice(NOW - 9, "firing", cause).event(), Notice(NOW - 3, "resolved", cause).event())))
    outline = shown(guard, "/timeline")

    assert [each for each in outline.values("li", "class") if each in {"suspect", "clean"}][-2:] == ["clean", "suspect"]
    in_order(outline.text, "An alert is over", "Too much.", "An alert was raised", "Too much.")


def test_what_another_version_calls_a_detail_is_text() -> None:
    """Nothing in it is taken for a place to fill in."""
    assert details_of({"type": "odd", "detail": {"{0.__class__}": "{1}"}}) == "{0.  class  } {1}"
