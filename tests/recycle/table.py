"""The results of the large set as a table: in the terminal, and in docs/recycling.md between two marks."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.recycle.exchange import FRESH, REFUSED, STALE, TRUNCATED
from tests.recycle.load import DROPPED, WRONG
from tests.recycle.modes import Mode
from tests.recycle.running import Result

BEGIN, END = "<!-- what `nox -s recycle -- --write-docs` has measured -->", "<!-- the end of that -->"
KINDS = {
    FRESH: "reset", STALE: "stale", TRUNCATED: "truncated", REFUSED: "refused", WRONG: "wrong", DROPPED: "websockets cut",
}  # fmt: skip
HEAD = ("server", "requests", "recycles", *KINDS.values(), "slowest (s)")

Rows = Sequence[tuple[Mode, Result, Result | None]]
"""Each mode with what came of memguard, and of the server's own mechanism where it has one."""


def show(rows: Rows, console: Console) -> None:
    """Print the table."""
    table = Table(*HEAD, box=SIMPLE_HEAD, pad_edge=False)
    for name, cells in _lines(rows):
        table.add_row(name, *cells, style=None if set(cells[2:-1]) <= {"0", "-"} else "yellow")
    console.print(table)


def write(rows: Rows, page: Path) -> None:
    """Put the table into a page, in place of the one that is there.

    Raises:
        ValueError: The page has no place for it.
    """
    text = page.read_text()
    start, stop = text.index(BEGIN) + len(BEGIN), text.index(END)
    lines = [HEAD, ("---",) * len(HEAD), *((name, *cells) for name, cells in _lines(rows))]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    page.write_text(f"{text[:start]}\n\n{table}\n\n{text[stop:]}")


def _lines(rows: Rows) -> list[tuple[str, tuple[str, ...]]]:
    lines = []
    for mode, ours, own in rows:
        lines.append((f"{mode.name}: memguard", _cells(mode, ours)))
        if own is not None:
            lines.append((f"{mode.name}: its own {mode.own_words}", _cells(mode, own)))
    return lines


def _cells(mode: Mode, result: Result) -> tuple[str, ...]:
    losses = [
        "-" if kind == DROPPED and not mode.websocket else str(result.lost.get(kind, 0)) for kind in KINDS
    ]  # fmt: skip
    return (f"{result.requests:,}", str(result.recycles), *losses, f"{result.slowest:.1f}")
