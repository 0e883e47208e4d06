from dataclasses import replace

from memguard.commands import Command, FollowedFunction, FollowedLine, Following, Outcome
from tests.unit.dashboard.asking import Teller
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import ME, NOW, finding, judged, stats, told

FUNCTION = FollowedFunction(
    "show_order",
    "/srv/shop/views.py",
    (
        FollowedLine(84, source="def show_order(number):"),
        FollowedLine(85, 3, 0, 6_000_000, 2_000_000, "    rows = <all>(number)"),
        FollowedLine(86, 3, 2_000_000, -5_900_000, 64, "    return len(rows)"),
    ),
)
FOLLOWED = Command(
    "00000000000000aa", "lines", ME, NOW - 5, NOW, 60.0, "done",
    Outcome(message="Followed 3 units of GET /orders line by line.", functions=(FUNCTION,)),
    Following("request", "GET /orders", 3),
)  # fmt: skip


def test_lines_stand_beside_the_source_with_what_they_took() -> None:
    """Also those that did not run, without figures; the one that took most is marked, and markup in them is text."""
    guard = Teller(told())
    guard.store.add_commands([FOLLOWED])
    outline = shown(guard, "/lines")

    in_order(
        outline.text, "GET /orders", "worker 4711", "Followed 3 units of GET /orders line by line.", "show_order",
        "/srv/shop/views.py", "hits", "before", "increment", "peak",
    )  # fmt: skip
    in_order(
        outline.text,
        "84",
        "def show_order(number):",
        "85",
        "6.00 MB",
        "2.00 MB",
        "rows = <all>(number)",
        "86",
        "-5.90 MB",
    )
    assert outline.values("span", "class").count("line blamed") == 1


def test_an_address_names_one_of_them() -> None:
    """As the list of actions links to it; the list says what was followed."""
    guard = Teller(told())
    guard.store.add_commands(
        [FOLLOWED, replace(FOLLOWED, id="00000000000000ab", following=Following("task", "bill"), outcome=None)]
    )

    assert "bill" not in shown(guard, "/lines", query="command=00000000000000aa").text
    assert "GET /orders" not in shown(guard, "/lines", query="command=00000000000000ab").text
    actions = shown(guard, "/actions")
    in_order(actions.text, "Follow lines: 3 of bill", "Line by line")
    assert "/_memguard/lines?command=00000000000000aa" in actions.values("a", "href")


def test_it_is_asked_for_among_the_actions_and_beside_a_finding() -> None:
    """Of any operation that is known, or of the one that is accused."""
    guard = Teller(told(operations=(stats(judged("GET /leak", "leak")),), findings=(finding(),)))
    actions = shown(guard, "/actions")
    (button,) = [
        each for each in shown(guard, f"/findings/{finding().fingerprint}").values("button", "data-operation") if each
    ]

    assert "request GET /leak" in actions.values("option", "value")
    assert button == "request GET /leak"
    assert "No unit has been followed" in shown(guard, "/lines").text
