from dataclasses import replace

from memguard.dashboard.screens.pieces import coded
from memguard.model import Operation, WorkerId
from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import ME, NOW, finding, judged, stats, told

HERE = "/findings/00112233aabbccdd"


def test_it_shows_the_evidence_in_the_order_of_its_use() -> None:
    """How much, what to do, where, what keeps it; why, what stays, since when; and how it went on."""
    leak = judged("GET /leak", "leak", objects=2.0)
    guard = Teller(told(operations=(stats(leak, units=1200, sampled_units=80),), findings=(finding(),)))

    in_order(
        shown(guard, HERE).text,
        "GET /leak",
        "leaks",
        "new",
        "+2 objects, +200 B per request",
        "Copy as an issue",
        "Download a test",
        "What to do",
        "A container that only grows",
        "Empty it, or give it a cap.",
        "Where it is allocated",
        "views.py:85",
        "show()",
        "80 objects and 8.00 kB",
        "/srv/shop/views.py:85",
        "_request_caches.append(context)",
        "What keeps it",
        "shop.views._request_caches[…]",
        "120 entries, +1 per request",
        "Why",
        "2.0 objects of every unit stay",
        "12 windows covered nothing but this operation",
        "What stays",
        "shop.views.Context",
        "2027-01-15 07:59:10",
        "1 worker, on 40 sampled units",
        "00112233aabbccdd",
        "History over deploys",
        "1,200",
        "80 sampled",
    )


def test_it_can_be_taken_along() -> None:
    """As an issue in Markdown, and as a test; both below the application's root."""
    outline = shown(Teller(told(findings=(finding(),))), HERE)

    assert outline.values("button", "data-copy") == ["/_memguard/api/findings/00112233aabbccdd/issue"]
    assert "/_memguard/api/findings/00112233aabbccdd/reproduction" in outline.values("a", "href")
    assert "/_memguard/units?operation=GET+%2Fleak" in outline.values("a", "href")


def test_a_library_behind_a_site_is_named() -> None:
    """Whether the line is its own, or it allocated under the application's."""
    site = finding().sites[0]
    sites = (replace(site, through="sqlalchemy 2.0.51, orm/session.py:310"), replace(site, line=9, library="lib 1.2"))
    text = shown(Teller(told(findings=(finding(sites=sites),))), HERE).text

    assert "Allocated in sqlalchemy 2.0.51, orm/session.py:310, called from this line." in text
    assert "This line belongs to the library lib 1.2." in text


def test_what_is_not_known_of_a_finding_is_left_out() -> None:
    """No empty headings."""
    bare = finding(sites=(), types=(), holder=None, attribution="", judgement=judged("GET /leak", "leak"))
    text = shown(Teller(told(findings=(bare,))), HERE).text

    assert "What to do" in text
    assert not [words for words in ("Why", "Where it is", "What stays", "What keeps it") if words in text]


def test_its_history_says_what_each_start_of_workers_found() -> None:
    """The newest first: here the deploy has mended it."""
    old, new = WorkerId("here", 1, NOW - 7300), replace(ME, started_at=NOW - 600)
    leak, clean = judged("GET /leak", "leak", objects=2.0), judged("GET /leak", "clean")
    guard = Teller(
        told(old, at=NOW - 900, operations=(stats(leak, units=900),), findings=(finding(),)),
        told(new, operations=(stats(clean, units=5000),)),
    )
    text = shown(guard, HERE).text

    in_order(
        text, "History", "10 min ago", "clean", "5,000", "nothing that lasts", "2 h ago", "leaks", "900", "+2 objects"
    )


def test_the_history_is_of_this_operation_alone() -> None:
    """A task of the same name is another."""
    leak = judged("GET /leak", "leak", objects=2.0)
    task = replace(leak, operation=Operation("task", "GET /leak"))
    guard = Teller(told(operations=(stats(task, units=777),), findings=(finding(),)))

    assert "777" not in shown(guard, HERE).text.split("History")[1]


def test_code_in_advice_is_shown_as_code() -> None:
    """A backtick alone is one, and markup in it stays text."""
    assert coded("Use `a < b`, not `<b>`; it`s so.") == (
        "Use <code>a &lt; b</code>, not <code>&lt;b&gt;</code>; it`s so."
    )
    assert coded("") == ""
