"""Stacks put together into a tree of calls, and where each call is drawn in a flame graph."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

DEPTH_MOST = 80
Call = tuple[str, int]
Path = tuple[int, ...]
"""The way from the root to a call: at each step its place among the calls there, the largest first."""


@dataclass(slots=True)
class Node:
    """A call, and what is alive of what was allocated in it."""

    size: int = 0
    below: "dict[Call, Node]" = field(default_factory=dict)

    def ordered(self) -> "list[tuple[Call, Node]]":
        """Return the calls in it, the largest first."""
        return sorted(self.below.items(), key=lambda item: (-item[1].size, item[0]))


@dataclass(frozen=True, slots=True)
class Box:
    """Where a call is drawn.

    Attributes:
        depth: Of its row, 0 for the outermost calls.
        left, width: Shares of the picture's width.
        is_above: It is one that the picture was narrowed to, or one of those around it.
    """

    call: Call
    size: int
    depth: int
    left: float
    width: float
    path: Path
    is_above: bool = False


def tree(stacks: Iterable[tuple[tuple[Call, ...], int]]) -> Node:
    """Return the root of stacks (outermost call first) and their bytes."""
    root = Node()
    for calls, size in stacks:
        root.size += size
        node = root
        for each in calls[:DEPTH_MOST]:
            below = node.below.get(each)
            if below is None:  # and not `setdefault`, which makes one each time
                below = node.below[each] = Node()
            node = below
            node.size += size
    return root


def boxes(root: Node, *, least: float, most: int, narrowed: Path = ()) -> list[Box]:
    """Return the calls that are drawn, row by row; those around what it is narrowed to take the whole width.

    Args:
        root: Of the whole tree.
        least: Narrower calls are left out, as a share of the width.
        most: How many are drawn; the deepest are left out first.
        narrowed: A way that leads nowhere is followed as far as it goes.
    """
    found: list[Box] = []
    path: Path = ()
    for place in narrowed[:DEPTH_MOST]:
        below = root.ordered()
        if place >= len(below):
            break
        call, root = below[place]
        path = (*path, place)
        found.append(Box(call, root.size, len(path) - 1, 0.0, 1.0, path, is_above=True))
    level = [(root, path, 0.0, 1.0)]
    while level and len(found) < most:
        following: list[tuple[Node, Path, float, float]] = []
        for box, node in _row(level, least):
            found.append(box)
            following.append((node, box.path, box.left, box.width))
        level = following
    return found[:most]


def _row(level: list[tuple[Node, Path, float, float]], least: float) -> Iterator[tuple[Box, Node]]:
    for parent, path, start, width in level:
        left = start
        for place, (call, node) in enumerate(parent.ordered()):
            share = width * node.size / (parent.size or 1)
            if share >= least:
                yield Box(call, node.size, len(path), left, share, (*path, place)), node
            left += share
