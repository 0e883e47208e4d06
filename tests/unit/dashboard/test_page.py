import re
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from memguard.dashboard.spark import HEIGHT, WIDTH, sparkline
from memguard.model import TimelinePoint, WorkerId
from tests.unit.dashboard.asking import Teller, asked, request, settings, with_token
from tests.unit.telling import ME, NOW, event, finding, judged, stats, told, worker

VOID = {"meta", "link", "input", "br"}


class Outline(HTMLParser):
    """Reads a page strictly: every element is closed where it belongs. Keeps its text and what it links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All words, in order."""
        return " ".join(" ".join(self.words).split())


def shown(guard: Teller) -> Outline:
    """Return the page that a guard's store makes."""
    return Outline(asked(with_token(), guard).body.decode())


def busy() -> Teller:
    """Return a guard with something of everything."""
    leak = judged("GET /leak", "leak", objects=2.0, reasons=("2.0 objects of every unit stay",))
    flush = told(
        operations=(stats(leak, units=1200), stats(judged("shop.bill", kind="task"))),
        findings=(finding(),),
        events=(event(NOW, "finding", name="GET /leak", rss_bytes=1_000_000, fingerprint="00", nothing=None),),
    )
    return Teller(replace(flush, worker=worker(notes=("the heap is frozen here",), ceiling_bytes=512_000_000)))


def test_it_says_first_what_is_wrong_and_then_why() -> None:
    """One sentence, then the finding with its reason, place, types, holder and advice."""
    text = shown(busy()).text
    order = [
        "GET /leak leaks: each request leaves about 2 objects and 200 B behind.",
        "the heap is frozen here",
        "Findings",
        "2.0 objects of every unit stay",
        "views.py:85",
        "show()",
        "/srv/shop/views.py:85",
        "_request_caches.append(context)",
        "shop.views.Context",
        "shop.views._request_caches[…]",
        "A container that only grows.",
        "Empty it, or give it a cap.",
        "Operations",
        "1,200",
        "task shop.bill",
        "Workers",
        "web 4711",
        "81.0 MB",
        "+11.0 MB since the first unit",
        "512 MB",
        "Events",
        "name GET /leak, rss 1.00 MB",
    ]
    place = 0
    for words in order:
        assert words in text[place:], f"{words!r} is missing, or stands too early"
        place = text.index(words, place) + len(words)


def test_it_needs_no_script_and_has_none_of_its_own() -> None:
    """The one script is a file and refreshes only; no style stands in the page either."""
    outline = shown(busy())
    attributes = outline.attributes

    assert [(tag, name) for tag, name, _ in attributes if name == "style" or name.startswith("on")] == []
    assert [value for tag, name, value in attributes if tag == "script" and name == "src"] != []
    assert "style" not in {tag for tag, _, _ in attributes}
    for _, name, value in attributes:
        if name in {"href", "src", "action"}:
            assert (value or "").startswith("/_memguard"), "nothing of another place"


def test_it_is_read_out_well() -> None:
    """A language, a title, one main heading, headings of rows and columns, and a status that is spoken."""
    page = asked(with_token(), busy()).body.decode()

    assert '<html lang="en">' in page
    assert "<title>1 leak · shop · memguard</title>" in page
    assert len(re.findall("<h1", page)) == 1
    assert 'scope="col"' in page
    assert 'scope="row"' in page
    assert 'role="status"' in page
    assert page.count("<caption>") == 2


def test_before_the_first_unit_it_says_what_to_do() -> None:
    """No empty tables."""
    outline = shown(Teller())

    assert "Nothing to judge yet: no request and no task has been seen." in outline.text
    assert "Send a request or run a task" in outline.text
    assert "(shop)" in outline.text
    assert "table" not in {tag for tag, _, _ in outline.attributes}


def test_a_worker_that_is_gone_is_told_from_one_that_stopped() -> None:
    """Without a last word it was killed, or crashed."""
    gone, stopped = WorkerId("there", 1, NOW), WorkerId("there", 2, NOW)
    guard = Teller(told(gone, at=NOW - 60), replace(told(stopped), worker=worker(stopped, state="stopped")))
    text = shown(guard).text

    assert re.search(r"web 1 .*? gone last seen 2027-01-15 07:59:00", text)
    assert re.search(r"web 2 .*? stopped last seen 2027-01-15 08:00:00", text)


def test_a_store_in_memory_is_worth_knowing() -> None:
    """Its note stands above everything but the sentence."""

    class Troubled(Teller):
        class _Store:
            place = ":memory:"
            notes = ("The store file /x cannot be used (disk full): …",)

            def __init__(self, store: object) -> None:
                self._store = store

            def __getattr__(self, name: str) -> object:
                return getattr(self._store, name)

        def __init__(self) -> None:
            super().__init__(told(operations=(stats(),)))
            self.store = self._Store(self.store)  # type: ignore[assignment]  # all but notes is the real store's

    text = shown(Troubled()).text

    assert (
        text.index("Worth knowing")
        < text.index("The store file /x cannot be used (disk full)")
        < text.index("Findings")
    )


def test_a_long_list_of_operations_is_cut() -> None:
    """The rest is in the JSON, and the page says so."""
    guard = Teller(told(operations=tuple(stats(judged(f"GET /{each}")) for each in range(230))))

    assert "30 more are in the JSON report." in shown(guard).text


def test_the_login_is_a_form_that_posts_to_itself() -> None:
    """Below the application's root, with a label and no script."""
    outline = Outline(asked(request("/_memguard/login", root="/shop"), using=settings()).body.decode())

    assert ("form", "action", "/shop/_memguard/login") in outline.attributes
    assert ("form", "method", "post") in outline.attributes
    assert ("label", "for", "token") in outline.attributes
    assert ("input", "type", "password") in outline.attributes
    assert "script" not in {tag for tag, _, _ in outline.attributes}


def test_the_line_of_a_workers_memory_stays_in_its_box() -> None:
    """Its width is ten minutes, up to the last point; its range is there in words."""
    made = str(sparkline([(NOW + second, 50_000_000 + second * 100_000) for second in range(600)]))
    pairs = re.search('points="([^"]+)"', made)
    assert pairs
    drawn = [tuple(map(float, pair.split(","))) for pair in pairs[1].split()]

    assert 0 <= drawn[0][0] < 1
    assert drawn[-1][0] == WIDTH
    assert all(0 <= y <= HEIGHT for _, y in drawn)
    assert drawn[0][1] > drawn[-1][1], "up is more"
    assert len(drawn) < 100
    assert "RSS from 50.0 MB to 110 MB, at most 110 MB" in made


@pytest.mark.parametrize("points", [[], [(NOW, 1)]], ids=["none", "one"])
def test_too_few_points_make_no_line(points: list[tuple[float, int]]) -> None:
    """The cell stays empty."""
    assert sparkline(points) == ""


def test_a_young_workers_line_is_short() -> None:
    """It does not look as if it had grown for ten minutes."""
    made = str(sparkline([(NOW - 60, 1), (NOW, 2)]))

    assert f'points="{WIDTH * 0.9:.1f},' in made


def test_points_of_one_moment_make_a_line_too() -> None:
    """A clock that was set back, or two flushes in one tick, divide by nothing."""
    assert "points=" in sparkline([(NOW, 5), (NOW, 5)])
    assert "points=" in sparkline([(NOW, 0), (NOW, 0)])


def test_each_worker_has_its_own_line() -> None:
    """Also beside one that had the same pid before it."""
    before = replace(ME, started_at=ME.started_at - 100)
    points = tuple(TimelinePoint(NOW - second, 10**7, None, 1) for second in (20, 10, 5))
    guard = Teller(told(before, timeline=points), told(timeline=points[:1]))
    page = asked(with_token(), guard).body.decode()

    assert page.count("<polyline") == 1
