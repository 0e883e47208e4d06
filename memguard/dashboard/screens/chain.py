"""What keeps residue alive, drawn: the root on top, the residue at the bottom, the edge that grows marked.

The picture is laid out here, in the units of a fixed-width font, and needs no script; the same chain stands beside it
as a list for those who do not see it.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from memguard.dashboard.proof import ROLE_WORDS, Step, growth, steps
from memguard.dashboard.screens.markup import Html, joined, tag

WIDTH = 372
PADDING = 12
LETTER = 7.9
"""Width of a letter of the names, in a fixed-width font of 13 px."""
LINE, EYEBROW, EDGE = 18, 16, 46
LETTERS_MOST = int((WIDTH - 24 - 2 * PADDING) / LETTER)
VIA_MOST = 44
LINES_MOST = 3
NODES_MOST = 12
SHEETS = 3
"""How many are drawn behind each other of what there are many of."""
_EYEBROWS = {"root": "root", "residue": "what stays", "container": "grows", "": ""}


@dataclass(frozen=True, slots=True)
class _Node:
    step: Step
    lines: tuple[str, ...]

    @property
    def eyebrow(self) -> str:
        return " · ".join(filter(None, (_EYEBROWS[self.step.role], self.step.size)))

    @property
    def is_many(self) -> bool:
        return self.step.role == "residue"

    @property
    def width(self) -> float:
        letters = max([len(line) for line in self.lines] + [len(self.eyebrow)])
        return max(130, letters * LETTER + 2 * PADDING)

    @property
    def height(self) -> float:
        return PADDING * 1.5 + len(self.lines) * LINE + (EYEBROW if self.eyebrow else 0)


def chain(holder: dict[str, Any], kind: str, residue: str) -> Html:
    """Return a holder of the report as a picture and as a list.

    Args:
        holder: With its chain.
        kind: Of the operation: what a unit of it is called.
        residue: The type of what stays, for a chain that ends at the container; empty if it is not known.
    """
    told, gained = list(whole(holder, residue)), growth(holder, kind) or "more and more"
    listed = tag(
        "ol", *(_item(step, gained) for step in told), class_="unseen", aria_label="From the root to what stays"
    )
    return tag("div", _picture(told, gained), listed, class_="chain")


def whole(holder: dict[str, Any], residue: str) -> Iterator[Step]:
    """Yield root, links and residue; what is between the ends of a very long chain is left out."""
    told = list(steps(holder))
    if told[-1].role == "container":
        told.append(Step("entry", residue or "what units leave", "", "residue", grows=True))
    if len(told) > NODES_MOST:
        out = len(told) - NODES_MOST + 1
        told[2 : 2 + out] = [Step("", f"{out} more in between", "", "")]
    yield from told


def _picture(told: list[Step], gained: str) -> Html:
    parts, y = [], 4.0
    for place, step in enumerate(told):
        node = _Node(step, tuple(wrapped(step.what, LETTERS_MOST)))
        if place:
            parts.append(_edge(step, y, gained))
            y += EDGE
        parts.append(_box(node, y))
        y += node.height
    height = round(y + 4 + 4 * (SHEETS - 1))
    return tag(
        "svg", *parts,
        viewBox=f"0 0 {WIDTH} {height}", width=WIDTH, height=height, class_="drawing", aria_hidden="true", focusable="false",
    )  # fmt: skip


def _box(node: _Node, y: float) -> Html:
    step, width = node.step, min(node.width, WIDTH - 16)
    sheets = [
        _rect(2 + 5 * behind, y + 4 * behind, width, node.height, "sheet")
        for behind in range(SHEETS - 1 if node.is_many else 0, 0, -1)
    ]
    baseline = y + PADDING + 8
    parts = [*sheets, _rect(2, y, width, node.height, "box")]
    if node.eyebrow:
        parts.append(tag("text", node.eyebrow, x=2 + PADDING, y=f"{baseline:.1f}", class_="eyebrow"))
        baseline += EYEBROW + 2
    for line in node.lines:
        parts.append(tag("text", line, x=2 + PADDING, y=f"{baseline + 1:.1f}", class_="what"))
        baseline += LINE
    return tag("g", tag("title", step.what), *parts, class_=f"node {step.role}".rstrip())


def _edge(step: Step, y: float, gained: str) -> Html:
    x, end = 26.0, y + EDGE
    thick = 5.0 if step.grows else 3.5
    head = f"M{x - thick - 1:.1f} {end - 9:.1f} L{x + thick + 1:.1f} {end - 9:.1f} L{x:.1f} {end - 1:.1f} Z"
    via = shortened(step.via, VIA_MOST - (len(gained) + 4 if step.grows else 0))
    more = tag("tspan", f"{'  ' if via else ''}\N{BLACK UP-POINTING TRIANGLE} {gained}", class_="gain")
    return tag(
        "g",
        tag("title", step.via),
        tag("line", x1=x, x2=x, y1=f"{y:.1f}", y2=f"{end - 8:.1f}"),
        tag("path", d=head),
        tag("text", via, more if step.grows else None, x=x + 16, y=f"{y + EDGE / 2 + 4:.1f}"),
        class_="edge growing" if step.grows else "edge",
    )


def _rect(x: float, y: float, width: float, height: float, kind: str) -> Html:
    return tag("rect", x=x, y=f"{y:.1f}", width=f"{width:.1f}", height=f"{height:.1f}", rx=6, class_=kind)


def wrapped(name: str, most: int) -> list[str]:
    """Return a name in lines of at most so many letters, broken after dots where there are any in reach."""
    lines: list[str] = []
    rest = name
    while rest and len(lines) < LINES_MOST:
        cut = min(len(rest), most)
        if cut < len(rest):
            dot = rest.rfind(".", most // 2, most)
            cut = dot + 1 if dot > 0 else most
        lines.append(rest[:cut])
        rest = rest[cut:]
    if rest:
        lines[-1] = shortened(lines[-1] + rest, most)
    return lines or [""]


def shortened(text: str, most: int) -> str:
    """Return a text that is too long with its middle left out: both ends of a name tell more than its middle."""
    if len(text) <= most:
        return text
    head = (most - 1) * 2 // 3
    return f"{text[:head]}…{text[len(text) - (most - 1 - head) :]}"


def _item(step: Step, gained: str) -> Html:
    told = replace(step, via=f"{step.via} ({gained})" if step.grows else step.via)
    words = [f"{told.via}: " if told.via else "", told.what, f", {told.size}" if told.size else ""]
    role = ROLE_WORDS[step.role]
    return tag("li", joined(words), f" ({role})" if role else None)
