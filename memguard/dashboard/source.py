"""The source around a blamed line, as far as this machine has the very file that was blamed."""

import tokenize
from pathlib import Path
from typing import Any

AROUND = 5
BYTES_MOST = 2_000_000
SITES_MOST = 5


def around_sites(sites: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the lines around the first sites of a finding of the report, as the API tells them."""
    return [
        {
            "file": site["file"],
            "line": site["line"],
            "lines": [
                {"line": number, "text": text} for number, text in around(site["file"], site["line"], site["source"])
            ],
        }
        for site in sites[:SITES_MOST]
    ]


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
