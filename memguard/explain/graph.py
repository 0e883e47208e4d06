"""The graph around an object: the chain from a root down to it, what else holds it, and what it holds itself."""

import gc
from collections.abc import Callable, Sequence
from itertools import islice, pairwise
from typing import Any

from memguard.classes import type_name
from memguard.explain import access, containers, holders, steps
from memguard.explain.choice import best_chain
from memguard.explain.rows import Repeat
from memguard.explain.search import Search
from memguard.inspection import Edge, Graph, Node, Role

ABOVE_MOST, BELOW_MOST = 40, 24
LEVELS_BELOW = 2
WIDTH = 6
"""A pass over two million objects for so many of them, and the tuples that they are in, takes less than 200 ms."""
READ_MOST = 1_000
"""Of an object that refers to more, the first of them are looked at."""


def draw(
    targets: Sequence[Any], *, instances: int, seconds: float, show_keys: bool, size_of: Callable[[Any], int]
) -> Graph | None:
    """Return the graph around the most representative of some objects of one type; None where none was found in time.

    No window may be open. What it costs is what `holders.find` does.

    Args:
        targets: The objects, from all over the heap.
        instances: How many of the type there are.
        seconds: No new pass over the heap begins after so long.
        show_keys: Keys that are text or whole numbers may be shown.
        size_of: Tells an object's own bytes.
    """
    search = holders.searched(targets, seconds=seconds, width=WIDTH)
    found = holders.told(search, targets, show_keys=show_keys)
    best = holders.representative(found)
    if best is None:
        return None
    target = targets[next(place for place, each in enumerate(found) if each is best)]
    drawing = _Drawing(search, target, show_keys=show_keys)
    drawing.take_above()
    drawing.take_below()
    return Graph(
        path=best.holder.path,
        root=best.holder.root,
        instances=instances,
        searched=sum(each is not None for each in found),
        alike=sum(each is not None and each.holder.path == best.holder.path for each in found),
        nodes=drawing.nodes(size_of),
        edges=drawing.edges(),
    )


class _Drawing:
    """Which objects are in a graph, while it is made; lives for one call only, because it holds them."""

    def __init__(self, search: Search, target: Any, *, show_keys: bool) -> None:
        self._search = search
        self._show_keys = show_keys
        self._target = target
        self._objects: dict[int, Any] = {}
        self._roles: dict[int, Role] = {}
        self._pairs: dict[tuple[int, int], None] = {}
        root, raw = best_chain(search, target)
        for place, each in enumerate(raw):
            self._add(each, "root" if place == 0 and root is not None else "chain")
        self._roles[id(target)] = "target"
        for above, below in pairwise(raw):
            self._pairs[id(above), id(below)] = None

    def _add(self, each: Any, role: Role) -> None:
        if id(each) not in self._objects:
            self._objects[id(each)], self._roles[id(each)] = each, role

    def take_above(self) -> None:
        """Take what else was met on the way up from the object, nearest first."""
        level, left = [id(self._target)], ABOVE_MOST
        while level and left > 0:
            following: list[int] = []
            for below in level:
                for above in self._search.up.get(below, ())[:left]:
                    if above not in self._objects:
                        left -= 1
                        following.append(above)
                    is_root = above in self._search.roots
                    self._add(self._search.nodes[above], "root" if is_root else "above")
                    self._pairs[above, below] = None
            level = following

    def take_below(self) -> None:
        """Take what the object refers to that may refer further; the program's own parts are left out."""
        level, left = [self._target], BELOW_MOST
        for _ in range(LEVELS_BELOW):
            following: list[Any] = []
            for holder in level:
                for held in islice(gc.get_referents(holder), READ_MOST):
                    is_known = id(held) in self._objects
                    if not is_known and (left <= 0 or not gc.is_tracked(held) or access.is_a(held, type)):
                        continue
                    if not is_known:
                        left -= 1
                        following.append(held)
                        self._add(held, "below")
                    if not access.exactly(self._objects[id(held)], Repeat):
                        self._pairs[id(holder), id(held)] = None
            level = following

    def nodes(self, size_of: Callable[[Any], int]) -> tuple[Node, ...]:
        """Return the nodes, numbered in the order in which they came."""
        return tuple(
            Node(number, self._type(each), size_of(each), self._entries(each), self._roles[key], self._text(key))
            for number, (key, each) in enumerate(self._objects.items())
        )

    def edges(self) -> tuple[Edge, ...]:
        """Return the references between them."""
        numbers = {key: number for number, key in enumerate(self._objects)}
        return tuple(
            Edge(numbers[above], numbers[below], self._via(self._objects[above], self._objects[below]))
            for above, below in self._pairs
        )

    def _type(self, each: Any) -> str:
        return type_name(type(each.first)) if access.exactly(each, Repeat) else type_name(type(each))

    def _entries(self, each: Any) -> int | None:
        return None if access.exactly(each, Repeat) else containers.size_of(each)

    def _text(self, key: int) -> str:
        each = self._objects[key]
        if access.exactly(each, Repeat):
            return f"{each.count:,} more of them in a row"
        if key in self._search.roots:
            return self._search.roots[key].text
        name = self._search.namespaces.get(key)
        return f"module {name}" if name else ""

    def _via(self, above: Any, below: Any) -> str:
        if access.exactly(above, Repeat) or access.exactly(below, Repeat):
            return ""
        read = steps.read([above, below], namespace=id(above) in self._search.namespaces, show_keys=self._show_keys)
        return "".join(step.text for step in read)
