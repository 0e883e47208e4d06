"""A flame graph as one SVG without a script: the width of a call is what is alive of what was allocated in it."""

from collections.abc import Iterable
from hashlib import sha256
from html import escape

from memguard.export.flames.naming import Names
from memguard.export.flames.tree import Box, Call, boxes, tree
from memguard.units import format_bytes

WIDTH, ROW, LEFT, TOP = 1200, 18, 10, 40
SHARE_LEAST, BOXES_MOST = 0.001, 5_000
_LETTER = 6.6
_STYLE = (
    "text{font:11px ui-monospace,monospace;fill:#222}.t{font:600 15px system-ui,sans-serif}.b{fill:#fff}"
    "rect.f{stroke:#fff;stroke-width:.5}g:hover rect.f{stroke:#111;stroke-width:1.5}"
    "@media(prefers-color-scheme:dark){.b{fill:#161616}.t{fill:#ddd}rect.f{stroke:#161616}}"
)


def flame_graph(stacks: Iterable[tuple[tuple[Call, ...], int]], names: Names) -> str:
    """Return the picture of stacks (outermost call first) and their bytes; the outermost calls are at the top."""
    root = tree(stacks)
    drawn = boxes(root, least=SHARE_LEAST, most=BOXES_MOST)
    height = TOP + (max((box.depth for box in drawn), default=0) + 1) * ROW + 20
    title = f"{format_bytes(root.size)} alive, by the calls that allocated it"
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img"><title>{escape(title)}</title>'
        f'<style>{_STYLE}</style><rect class="b" width="100%" height="100%"/><text class="t" x="{LEFT}" y="24">'
        f"{escape(title)}</text>{''.join(_drawn(box, root.size, names) for box in drawn)}</svg>\n"
    )


def told(text: str, size: int, whole: int) -> str:
    """Return what is said of a call beside its name."""
    return f"{text}: {format_bytes(size)}, {size / (whole or 1):.1%}"


def hue(text: str, hues: int) -> int:
    """Return one of so many colours, the same for the same call."""
    return sha256(text.encode("utf-8", "replace")).digest()[0] % hues


def _drawn(box: Box, whole: int, names: Names) -> str:
    text, room = names.label(box.call), WIDTH - 2 * LEFT
    left, top, width = LEFT + box.left * room, TOP + box.depth * ROW, box.width * room
    letters = int((width - 6) / _LETTER)
    shown = text if len(text) <= letters else f"{text[: letters - 1]}…" if letters > 3 else ""
    words = f'<text x="{left + 3:.1f}" y="{top + 13:.1f}">{escape(shown)}</text>' if shown else ""
    return (
        f'<g><title>{escape(told(text, box.size, whole))}</title><rect class="f" x="{left:.1f}" y="{top:.1f}" '
        f'width="{width:.1f}" height="{ROW - 1}" rx="2" fill="hsl({20 + hue(text, 35)} 85% 68%)"/>{words}</g>'
    )
