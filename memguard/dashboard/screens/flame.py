"""A flame graph drawn by the server: shares of the screen's width, so that its words stay readable on a narrow one."""

from collections.abc import Callable

from memguard.allocations import Allocations
from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.export.flames.formats import stacks
from memguard.export.flames.naming import Names
from memguard.export.flames.picture import hue, told
from memguard.export.flames.tree import Box, Path, boxes, tree

ROW = 20
SHARE_LEAST, BOXES_MOST = 0.002, 400
LINK_LEAST = 0.02
"""Narrower calls are no links: nobody could hit them, and who uses the keyboard would have to pass all of them."""
HUES = 6


def flame_graph(taken: Allocations, names: Names, narrowed: Path, link: Callable[[Path], str]) -> Html:
    """Return the drawing; a click on a call narrows it to that call, one on what it is narrowed to widens it again."""
    root = tree(stacks(taken))
    drawn = boxes(root, least=SHARE_LEAST, most=BOXES_MOST, narrowed=narrowed)
    rows = max((box.depth for box in drawn), default=0) + 1
    inside = [_drawn(box, root.size, names, link) for box in drawn]
    label = "Calls by what is alive of what was allocated in them, the outermost on top"
    return tag("svg", *inside, class_="flame", height=rows * ROW, role="group", aria_label=label)


def path_of(text: str) -> Path:
    """Return the way that an address narrows a drawing to, none for what is no such way."""
    parts = text.split(".")[:100] if text else []
    return tuple(map(int, parts)) if all(part.isascii() and part.isdigit() and len(part) < 6 for part in parts) else ()


def _drawn(box: Box, whole: int, names: Names, link: Callable[[Path], str]) -> Html:
    text = names.label(box.call)
    words = told(text, box.size, whole)
    shown = joined([
        tag("title", words),
        tag("rect", class_=f"hue{hue(text, HUES)}{' above' if box.is_above else ''}", width="100%", height=ROW - 1, rx=2),
        tag("text", text, x=4, y=14) if box.width >= LINK_LEAST / 2 else None,
    ])  # fmt: skip
    drawn = tag(
        "svg", shown, x=f"{box.left:.3%}", y=box.depth * ROW, width=f"{box.width:.3%}", height=ROW,
    )  # fmt: skip
    if box.width < LINK_LEAST:
        return drawn
    target = box.path[:-1] if box.is_above else box.path
    return tag("a", drawn, href=link(target), aria_label=words, data_soft=True)
