from dataclasses import replace

from memguard.commands import Command, Outcome
from memguard.evidence import TypeCount
from memguard.inspection import Cycle, Edge, Graph, Inspection, Node, Question
from tests.unit.dashboard.asking import Teller, asked, header, with_token
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import ME, NOW, told

QUESTION = Question("chain", "shop.<Order>")
GRAPH = Graph(
    "shop._orders[…]", "module shop", 20, 16, 15,
    (Node(0, "dict", 4_000, 30, "root", "module shop"), Node(1, "shop.<Order>", 56, None, "target")),
    (Edge(0, 1, "._orders"),),
)  # fmt: skip
CHAIN = Command(
    "00000000000000aa", "inspect", ME, NOW - 5, NOW, 10.0, "done",
    Outcome(message="Found who holds shop.<Order>: shop._orders[…].", inspection=Inspection(QUESTION, 20, graph=GRAPH)),
    question=QUESTION,
)  # fmt: skip


def test_what_was_found_is_shown_as_text() -> None:
    """The same lines as on the command line; markup in names is text. The graph can be had as DOT."""
    guard = Teller(told())
    guard.store.add_commands([CHAIN])
    outline = shown(guard, "/inspected")

    in_order(
        outline.text, "chain shop.<Order>, worker 4711", "Found who holds shop.<Order>", "held by", "shop._orders[…]",
        "15 of 16", "module shop: dict, 30 entries", "._orders", "shop.<Order>", "The graph as DOT",
    )  # fmt: skip
    (link,) = [each for each in outline.values("a", "href") if "graph.dot" in each]
    drawn = asked(with_token(link), guard)
    assert drawn.body.startswith(b"digraph objects {")
    assert header(drawn, "Content-Type").startswith("text/vnd.graphviz")


def test_an_address_names_one_of_them() -> None:
    """As the list of actions links to it; the list says what was looked for."""
    guard = Teller(told())
    cycles = Question("cycles")
    ring = Cycle("shop.Node.parent", 5, 20, 1_000, (TypeCount("shop.Node", 2),))
    found = Outcome(message="Found 21 objects.", inspection=Inspection(cycles, 21, 1_100, cycles=(ring,)))
    other = replace(CHAIN, id="00000000000000ab", question=cycles, outcome=found)
    guard.store.add_commands([CHAIN, other, replace(CHAIN, id="00000000000000ac", state="waiting", outcome=None)])

    assert "shop.Node.parent" not in shown(guard, "/inspected", query="command=00000000000000aa").text
    assert "_orders" not in shown(guard, "/inspected", query="command=00000000000000ab").text
    assert "waiting" in shown(guard, "/inspected", query="command=00000000000000ac").text
    actions = shown(guard, "/actions")
    assert "Look into objects: cycles" in actions.text
    assert "/_memguard/inspected?command=00000000000000aa" in actions.values("a", "href")


def test_where_nobody_has_looked_it_says_how() -> None:
    """With a link to the actions."""
    assert "Nobody has looked into objects." in shown(Teller(told()), "/inspected").text
