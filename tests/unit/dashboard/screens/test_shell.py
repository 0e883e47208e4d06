import re

import pytest

from memguard.model import WorkerId
from tests.unit.dashboard.asking import Teller, asked, request, settings
from tests.unit.dashboard.screens.outline import Outline, body, shown
from tests.unit.dashboard.screens.test_overview import busy
from tests.unit.telling import NOW, told

EVERY_SCREEN = (
    "", "/timeline", "/operations", "/units", "/objects", "/actions", "/findings/00112233aabbccdd", "/findings/00",
)  # fmt: skip


@pytest.mark.parametrize("below", EVERY_SCREEN)
def test_it_needs_no_script_and_has_none_of_its_own(below: str) -> None:
    """The one script is a file and keeps fresh only; no style stands in the page either."""
    outline = shown(busy(), below)

    assert [(tag, name) for tag, name, _ in outline.attributes if name == "style" or name.startswith("on")] == []
    assert len(outline.values("script", "src")) == 1
    assert "style" not in {tag for tag, _, _ in outline.attributes}
    for _, name, value in outline.attributes:
        if name in {"href", "src", "action"}:
            assert (value or "").startswith(("/_memguard", "#main")), "nothing of another place"


@pytest.mark.parametrize("below", EVERY_SCREEN)
def test_it_is_read_out_well(below: str) -> None:
    """A language, landmarks, one main heading, a status that is spoken, and the screen one is on."""
    page = body(busy(), below)

    assert '<html lang="en">' in page
    assert len(re.findall("<h1", page)) == 1
    assert len(re.findall("<main", page)) == len(re.findall("<nav", page)) == 1
    assert 'role="status"' in page
    assert page.count('aria-current="page"') == 1
    assert '<a href="#main" class="skip">' in page


def test_the_title_says_where_one_is_and_how_it_stands() -> None:
    """The browser's tab is enough to see that something leaks."""
    assert "<title>1 leak · shop · memguard</title>" in body(busy())
    assert "<title>Operations · 1 leak · shop · memguard</title>" in body(busy(), "/operations")
    assert "<title>GET /leak · 1 leak · shop · memguard</title>" in body(busy(), "/findings/00112233aabbccdd")


def test_every_screen_but_the_first_says_at_a_glance_how_it_stands() -> None:
    """With the sentence behind it."""
    page = body(busy(), "/operations")

    assert re.search(r'class="glance badge leak" title="GET /leak leaks: [^"]*" id="glance">1 leak</a>', page)
    assert 'id="glance"' not in body(busy())
    assert ">no verdict yet</a>" in body(Teller(), "/operations")


def test_the_login_is_a_form_that_posts_to_itself() -> None:
    """Below the application's root, with a label and no script."""
    outline = Outline(asked(request("/_memguard/login", root="/shop"), using=settings()).body.decode())

    assert ("form", "action", "/shop/_memguard/login") in outline.attributes
    assert ("form", "method", "post") in outline.attributes
    assert ("label", "for", "token") in outline.attributes
    assert ("input", "type", "password") in outline.attributes
    assert "script" not in {tag for tag, _, _ in outline.attributes}


def test_a_wrong_token_is_said_in_the_form() -> None:
    """Where a screen reader speaks it; after too many of them the form says how long to wait."""
    guard = Teller()
    attempt = request("/_memguard/login", "POST", body=b"token=wrong")
    answers = [asked(attempt, guard, settings()) for _ in range(12)]

    assert [answer.status for answer in answers] == [401] * 10 + [429] * 2
    for answer, words in (
        (answers[0], "That is not the token."),
        (answers[-1], "Too many wrong tokens. Wait 5 minutes"),
    ):
        outline = Outline(answer.body.decode())
        assert words in outline.text
        assert outline.values("p", "role") == ["alert"]
        assert "complaint" in outline.values("input", "aria-describedby")[0]


def test_many_workers_are_looked_at_less_often() -> None:
    """Who looks must not cost the workers much."""
    few, many = Teller(told()), Teller(*(told(WorkerId("here", pid, NOW - 60)) for pid in range(1, 65)))

    assert shown(few).values("main", "data-period") == ["2000"]
    assert shown(many).values("main", "data-period") == ["3840"]


def test_links_stay_below_the_applications_root() -> None:
    """As a browser must ask for them where the application is mounted."""
    outline = Outline(body(busy(), "/operations", root="/shop"))

    assert set(outline.values("a", "href")) >= {
        "/shop/_memguard",
        "/shop/_memguard/units",
        "/shop/_memguard/operations",
    }


def test_a_finding_that_is_gone_says_so() -> None:
    """It may have been mended; the address is not just unknown."""
    answer = asked(request("/_memguard/findings/00", headers={"host": "localhost"}), busy(), settings(token=None))

    assert answer.status == 404
    assert "No such finding" in Outline(answer.body.decode()).text
