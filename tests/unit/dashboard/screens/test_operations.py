import re

import pytest

from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import finding, judged, stats, told


def many() -> Teller:
    """Return a guard with one operation of each verdict."""
    leak = judged("GET /leak", "leak", objects=2.0, reasons=("objects stay", "a list grows"))
    operations = (
        stats(leak, units=30, errors=3),
        stats(judged("GET /calm"), units=500, errors=1),
        stats(judged("shop.bill", "warming", kind="task"), units=4, errors=2),
        stats(judged("GET /odd", "suspect", objects=0.5), units=70, errors=0),
    )
    return Teller(told(operations=operations, findings=(finding(),)))


def names(query: str = "") -> list[str]:
    """Return the operations of the table, in their order."""
    found = re.findall(r"(GET /\w+|task shop\.bill)", shown(many(), "/operations", query).text.split("Last seen")[1])
    return list(dict.fromkeys(found))


@pytest.mark.parametrize(
    ("query", "order"),
    [
        ("", ["GET /leak", "GET /odd", "GET /calm", "task shop.bill"]),
        ("sort=verdict&order=up", ["task shop.bill", "GET /calm", "GET /odd", "GET /leak"]),
        ("sort=name", ["GET /calm", "GET /leak", "GET /odd", "task shop.bill"]),
        ("sort=units", ["GET /calm", "GET /odd", "GET /leak", "task shop.bill"]),
        ("sort=errors", ["GET /leak", "task shop.bill", "GET /calm", "GET /odd"]),
        ("sort=left", ["GET /leak", "GET /odd", "GET /calm", "task shop.bill"]),
        ("sort=nonsense&order=sideways", ["GET /leak", "GET /odd", "GET /calm", "task shop.bill"]),
        ("q=BILL", ["task shop.bill"]),
        ("q=+get+&sort=units&order=up", ["GET /leak", "GET /odd", "GET /calm"]),
        ("verdict=suspect", ["GET /odd"]),
    ],
)
def test_it_is_searched_narrowed_and_sorted_by_its_address(query: str, order: list[str]) -> None:
    """So that it needs no script, and that a colleague sees the same."""
    assert names(query) == order


def test_a_heading_sorts_and_turns_around() -> None:
    """What is already sorted by says so, and what was searched for is kept."""
    outline = shown(many(), "/operations", "sort=units&q=GET")

    assert outline.values("th", "aria-sort") == ["descending"]
    links = outline.values("a", "href")
    assert "/_memguard/operations?q=GET&sort=units&order=up" in links
    assert "/_memguard/operations?q=GET&sort=errors&order=down" in links
    assert "/_memguard/operations?q=GET&sort=name&order=up" in links


def test_a_row_says_why_and_leads_on() -> None:
    """To the finding where there is one, to its units in any case; further reasons are there for who opens them."""
    outline = shown(many(), "/operations")

    in_order(outline.text, "GET /leak", "Objects stay", "1 more reason", "A list grows", "leaks", "+2 objects, +200 B")
    assert "/_memguard/findings/00112233aabbccdd" in outline.values("a", "href")
    assert "/_memguard/units?operation=shop.bill" in outline.values("a", "href")


def test_each_verdict_is_counted() -> None:
    """Among what was searched for."""
    text = shown(many(), "/operations", "q=GET").text

    in_order(text, "all 3", "leaks 1", "suspect 1", "clean 1", "Operation")
    assert "warming up 0" not in text


def test_what_is_not_found_says_what_was_looked_for() -> None:
    """With a way back."""
    outline = shown(many(), "/operations", "q=%3Cnowhere%3E")

    assert "No operation matches “<nowhere>”." in outline.text
    assert "Show all operations" in outline.text
    assert "No operation has this verdict." in shown(many(), "/operations", "verdict=plateau").text


def test_before_the_first_unit_it_says_what_to_do() -> None:
    """No empty table, and nothing to search."""
    outline = shown(Teller(), "/operations")

    assert "No unit has been seen yet." in outline.text
    assert "form" not in {tag for tag, _, _ in outline.attributes}


def test_a_long_list_is_cut_and_can_be_had_whole() -> None:
    """The page says how many are missing."""
    guard = Teller(told(operations=tuple(stats(judged(f"GET /{each}")) for each in range(230))))
    outline = shown(guard, "/operations")

    assert "30 more are not shown." in outline.text
    assert "/_memguard/operations?show=all" in outline.values("a", "href")
    assert "GET /229" in shown(guard, "/operations", "show=all").text


@pytest.mark.parametrize(
    "query", ["%ff=%fe", "a=1&" * 100, "sort&order&q&verdict", "name=x&base=y&self=z", "q=" + "x" * 2000]
)
def test_a_strange_query_shows_the_screen_all_the_same(query: str) -> None:
    """An address that was cut or mangled is no reason for an error."""
    assert "Operations" in shown(many(), "/operations", query).text
