from collections.abc import Iterator
from typing import Any

import pytest

from memguard.explain.graph import ABOVE_MOST, BELOW_MOST, draw
from memguard.explain.rows import Repeat
from memguard.inspection import Graph, Node
from memguard.instruments.walking import size_of
from tests.unit.explain.shop import NAME, planted

SECONDS = 20.0
"""No search here needs more than a fraction of it."""


@pytest.fixture
def shop() -> Iterator[Any]:
    """An application's module."""
    with planted() as module:
        yield module


def drawn(*targets: Any, show_keys: bool = False) -> Graph:
    """Return the graph around the most representative of objects."""
    held = list(targets)
    found = draw(
        held,
        instances=len(held) + 7,
        seconds=SECONDS,
        show_keys=show_keys,
        size_of=lambda each: 0 if type(each) is Repeat else size_of(each),
    )
    assert found is not None
    return found


def the(graph: Graph, role: str) -> list[Node]:
    """Return the nodes of a role."""
    return [each for each in graph.nodes if each.role == role]


def ways(graph: Graph) -> set[tuple[str, str, str]]:
    """Return the edges, by the types of what they connect."""
    types = {each.number: each.type.replace(NAME, "shop") for each in graph.nodes}
    return {(types[each.holder], each.via, types[each.held]) for each in graph.edges}


def test_the_chain_and_what_is_below(shop: Any) -> None:
    """From the module down to the object, each reference by its name, and on to what the object holds."""
    shop.requests.update((f"user {number}", shop.Context()) for number in range(5))
    for each in shop.requests.values():
        each.rows = [[1], [2]]
    graph = drawn(*shop.requests.values())
    (target,) = the(graph, "target")

    assert (graph.path, graph.root) == (f"{NAME}.requests[…]", f"module {NAME}")
    assert (graph.instances, graph.searched, graph.alike) == (12, 5, 5)
    assert target.type == f"{NAME}.Context"
    assert target.bytes > 16
    assert [each.text for each in the(graph, "root")] == [f"module {NAME}"]
    assert [(each.type, each.entries) for each in the(graph, "chain")] == [("dict", 5)]
    assert {
        ("dict", ".requests", "dict"),
        ("dict", "[str]", "shop.Context"),
        ("shop.Context", ".rows", "list"),
    } <= ways(graph)
    assert ("list", "[…]", "list") in ways(graph)
    assert "user" not in repr(graph)


def test_all_that_holds_an_object_is_around_it(shop: Any) -> None:
    """Two containers of a module, and the list that one of them has it in."""
    each = shop.Context()
    shop.requests["a"] = each
    shop.pairs[1] = [each]
    graph = drawn(each)
    (target,) = the(graph, "target")
    above = {edge.holder for edge in graph.edges if edge.held == target.number}

    assert len(above) >= 2
    assert {graph.nodes[number].type for number in above} >= {"dict", "list"}


def test_keys_are_shown_only_where_that_is_allowed(shop: Any) -> None:
    """They may be somebody's name."""
    shop.requests["a user"] = shop.Context()

    assert "a user" not in repr(drawn(shop.requests["a user"]))
    assert ("dict", "['a user']", "shop.Context") in ways(drawn(shop.requests["a user"], show_keys=True))


def test_a_graph_is_bounded(shop: Any) -> None:
    """However many hold an object, and however much it holds."""
    each = shop.Context()
    each.rows = [[number] for number in range(5_000)]
    shop.requests.update((number, [each]) for number in range(2_000))
    graph = drawn(each)

    assert len(graph.nodes) <= ABOVE_MOST + BELOW_MOST + 10
    assert {number for edge in graph.edges for number in (edge.holder, edge.held)} <= set(range(len(graph.nodes)))


def test_the_most_representative_is_drawn(shop: Any) -> None:
    """Of ten objects eight are in one container."""
    shop.pairs[1] = [shop.Context(), shop.Context()]
    shop.requests.update((str(number), shop.Context()) for number in range(8))
    graph = drawn(*shop.pairs[1], *shop.requests.values())

    assert graph.path == f"{NAME}.requests[…]"
    assert (graph.searched, graph.alike) == (10, 8)
