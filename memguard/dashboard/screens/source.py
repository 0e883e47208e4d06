"""The source around a blamed line, as far as this machine has the very file that was blamed."""

import tokenize
from pathlib import Path
from typing import Any

from memguard.dashboard.screens.markup import Html, joined, tag

AROUND = 5
BYTES_MOST = 2_000_000


def listing(site: dict[str, Any]) -> Html | None:
    """Return the lines around a site, or its own line where no more is known; None where not even that is."""
    lines = around(site["file"], site["line"], site["source"]) or [(site["line"], site["source"])]
    if not site["source"]:
        return None
    # Lines of a block, so that a selection copies the code without its numbers.
    told = [
        tag(
            "span", tag("span", f"{number:>4}", class_="no", aria_hidden="true"), tag("code", text or " "),
            class_="line blamed" if number == site["line"] else "line",
        )
        for number, text in lines
    ]  # fmt: skip
    name = f"Source around line {site['line']}"
    return tag("div", joined(told), class_="source", tabindex="0", role="region", aria_label=name)


def around(file: str, line: int, source: str) -> list[tuple[int, str]]:
    """Return numbers and text of the lines around one, their common indentation left out.

    Empty where the file is not here, is no Python source, or has another text in that line: then it is another version,
    or was never meant to be read.
    """
    path = Path(file)
    if path.suffix != ".py" or not path.is_absolute() or not source:
        return []
    try:
        if path.stat().st_size > BYTES_MOST:
            return []
        with tokenize.open(file) as opened:
            lines = opened.read().splitlines()
    except (OSError, SyntaxError, ValueError):
        return []
    if not 0 < line <= len(lines) or lines[line - 1].strip() != source:
        return []
    first = max(0, line - 1 - AROUND)
    shown = [text.expandtabs(4).rstrip() for text in lines[first : line + AROUND]]
    indented = min((len(text) - len(text.lstrip()) for text in shown if text), default=0)
    return [(first + place, text[indented:]) for place, text in enumerate(shown, 1)]
