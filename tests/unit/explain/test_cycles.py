from collections.abc import Sequence
from typing import Any

from memguard.evidence import TypeCount
from memguard.explain.cycles import cycles
from memguard.inspection import Cycle
from memguard.instruments.garbage import referring
from memguard.instruments.walking import size_of

HERE = __name__


class Node:
    """A node of a tree whose children know their parent; without a dict, which versions of Python refer to differently."""

    __slots__ = ("children", "parent")

    def __init__(self, parent: "Node | None" = None) -> None:
        self.parent = parent
        self.children: list[Node] = []
        if parent is not None:
            parent.children.append(self)


class Slots:
    """An object without a dict."""

    __slots__ = ("other",)
    other: Any


def told(*objects: Any, most: int = 9, show_keys: bool = False) -> Sequence[Cycle]:
    """Return the cycles among objects."""
    held = list(objects)
    return cycles(held, referring(held), list(map(size_of, held)), most=most, show_keys=show_keys)


def tree(children: int) -> list[Any]:
    """Return a node with its children, and the lists that they are in."""
    top = Node()
    nodes = [top, *(Node(top) for _ in range(children))]
    return [part for each in nodes for part in (each, each.children)]


def test_kinds_of_cycles_are_told_apart_and_counted() -> None:
    """By what is in them: three trees of two nodes are one kind, a list in itself another; most bytes first."""
    ring: list[Any] = []
    ring.append(ring)
    parts = [*tree(1), *tree(1), *tree(1), ring]
    found = told(*parts)

    assert [(each.count, each.objects) for each in found] == [(3, 9), (1, 1)]
    assert found[0].types == (TypeCount(f"{HERE}.Node", 2), TypeCount("list", 1))
    assert found[0].bytes > found[1].bytes == size_of(ring)
    assert told(*parts, most=1) == found[:1]


def test_a_ring_is_written_as_a_person_would() -> None:
    """From an object of the application's own back to it, by attributes and entries."""
    (found,) = told(*tree(1))
    slots = Slots()
    slots.other = slots
    keyed: dict[str, Any] = {}
    keyed["secret"] = keyed

    assert found.path in {f"{HERE}.Node.children[…].parent", f"{HERE}.Node.parent.children[…]"}
    assert told(slots)[0].path == f"{HERE}.Slots.other"
    assert told(keyed)[0].path == "dict[str]"
    assert told(keyed, show_keys=True)[0].path == "dict['secret']"


def test_what_only_hangs_on_a_cycle_is_no_part_of_it() -> None:
    """Objects that nothing leads back from."""
    ring: list[Any] = []
    ring += [ring, below := [[1]]]
    (found,) = told(ring, below, below[0])

    assert (found.count, found.objects) == (1, 1)
    assert told(below, below[0]) == ()


def test_a_ring_that_is_long_is_told_by_its_types() -> None:
    """And a deep structure needs no recursion."""
    nodes = [Slots() for _ in range(30_000)]
    for each, following in zip(nodes, [*nodes[1:], nodes[0]], strict=True):
        each.other = following
    (found,) = told(*nodes)

    assert found.path == f"{HERE}.Slots.<…>"
    assert (found.count, found.objects) == (1, 30_000)
