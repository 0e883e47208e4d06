from dataclasses import replace

from memguard.model import TimelinePoint, WorkerId
from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import body, in_order, shown
from tests.unit.telling import ME, NOW, event, finding, judged, stats, told, worker


def busy() -> Teller:
    """Return a guard with something of everything."""
    leak = judged("GET /leak", "leak", objects=2.0, reasons=("2.0 objects of every unit stay",))
    flush = told(
        operations=(stats(leak, units=1200), stats(judged("shop.bill", kind="task"))),
        findings=(finding(),),
        events=(
            event(NOW, "finding", name="GET /leak", rss_bytes=1_000_000, fingerprint="00112233aabbccdd", nothing=None),
        ),
    )
    return Teller(replace(flush, worker=worker(notes=("the heap is frozen here",), ceiling_bytes=512_000_000)))


def test_it_says_first_what_is_wrong_and_then_where() -> None:
    """One sentence, then the findings in short, the workers, and what happened."""
    in_order(
        shown(busy()).text,
        "GET /leak leaks: each request leaves about 2 objects and 200 B behind.",
        "1 serving",
        "1,210",
        "Findings",
        "new",
        "+2 objects, +200 B per request",
        "views.py:85",
        "show()",
        "shop.views._request_caches[…]",
        "120 entries",
        "+1 per request",
        "A container that only grows",
        "Workers",
        "web 4711",
        "81.0 MB",
        "16 % of 512 MB",
        "+11.0 MB since the first unit",
        "the heap is frozen here (worker 4711)",
        "What happened",
        "GET /leak was accused of a leak",
        "RSS 1.00 MB",
    )


def test_a_finding_is_one_click_away() -> None:
    """From its card, and from the event that told of it."""
    links = shown(busy()).values("a", "href")

    assert links.count("/_memguard/findings/00112233aabbccdd") == 2


def test_what_is_no_fingerprint_leads_nowhere() -> None:
    """A store that somebody else wrote to makes no address."""
    links = shown(Teller(told(findings=(finding("<odd>"),)))).values("a", "href")

    assert not [link for link in links if "findings/" in link]


def test_before_the_first_unit_it_says_what_to_do() -> None:
    """No empty tables."""
    outline = shown(Teller())

    assert "Nothing to judge yet: no request and no task has been seen." in outline.text
    assert "Send a request or run a task" in outline.text
    assert "(shop)" in outline.text
    assert "table" not in {tag for tag, _, _ in outline.attributes}


def test_findings_of_days_ago_are_shown_though_nothing_has_been_seen_since() -> None:
    """After a weekend without a request the page is not empty, and its title counts them."""
    page = body(Teller(told(findings=(finding(),))))

    assert "GET /leak leaked when last driven, and nothing has refuted that since." in page
    assert "<title>1 leak · shop · memguard</title>" in page
    assert "views.py:85" in page
    assert "Send a request or run a task" not in page


def test_a_store_in_memory_stands_above_everything_but_the_sentence() -> None:
    """It is said once, not again among the workers' notes."""

    class Troubled(Teller):
        class _Store:
            place = ":memory:"
            notes = ("The store file /x cannot be used (disk full): …",)

            def __init__(self, store: object) -> None:
                self._store = store

            def __getattr__(self, name: str) -> object:
                return getattr(self._store, name)

        def __init__(self) -> None:
            said = replace(told(operations=(stats(),)), worker=worker(notes=self._Store.notes))
            super().__init__(said)
            self.store = self._Store(self.store)  # type: ignore[assignment]  # all but notes is the real store's

    text = shown(Troubled()).text

    in_order(text, "The store does not work as it should", "The store file /x cannot be used (disk full)", "Findings")
    assert text.count("The store file /x") == 1


def test_each_worker_has_its_own_line() -> None:
    """Also beside one that had the same pid before it."""
    before = replace(ME, started_at=ME.started_at - 100)
    points = tuple(TimelinePoint(NOW - second, 10**7, None, 1) for second in (20, 10, 5))
    page = body(Teller(told(before, timeline=points), told()))

    assert page.count("<polyline") == 1


def test_workers_are_counted_by_what_they_do() -> None:
    """Serving, silent, stopped and gone are four different things."""
    states = [WorkerId("here", pid, NOW - 600) for pid in range(1, 5)]
    guard = Teller(
        told(states[0]),
        told(states[1], at=NOW - 8),
        replace(told(states[2]), worker=worker(states[2], state="stopped")),
        told(states[3], at=NOW - 60),
    )

    assert "1 serving 1 silent 1 stopped 1 gone" in shown(guard).text
