"""The results of the large set as a table: in the terminal, and in docs/recycling.md between two marks."""

from collections.abc import Sequence
from pathlib import Path

from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table

from tests.recycle.exchange import FRESH, REFUSED, STALE, TRUNCATED
from tests.recycle.load import DROPPED, WRONG
from tests.recycle.modes import Mode
from tests.recycle.page import merge
from tests.recycle.running import Result

MARKS = ("<!-- what `nox -s recycle -- --write-docs` has measured -->", "<!-- the end of that -->")
KINDS = {
    FRESH: "reset", STALE: "stale", TRUNCATED: "truncated", REFUSED: "refused", WRONG: "wrong", DROPPED: "websockets cut",
}  # fmt: skip
HEAD = ("server", "requests", "recycles", *KINDS.values(), "slowest (s)", "longest gap (s)", "seconds")

Rows = Sequence[tuple[Mode, Result, Result | None]]
"""Each mode with what came of memguard, and of the server's own mechanism where it has one."""


def show(rows: Rows, console: Console) -> None:
    """Print the table."""
    table = Table(*HEAD, box=SIMPLE_HEAD, pad_edge=False)
    for name, cells in _lines(rows):
        table.add_row(name, *cells, style=None if set(cells[2 : 2 + len(KINDS)]) <= {"0", "-"} else "yellow")
    console.print(table)


def write(rows: Rows, page: Path) -> None:
    """Put them into the table of a page, in place of those of the same servers.

    Raises:
        ValueError: The page has no place for it.
    """
    merge(page, MARKS, HEAD, [(name, *cells) for name, cells in _lines(rows)])


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
    times = (f"{result.slowest:.1f}", f"{result.gap:.1f}", f"{result.seconds:.0f}")
    return (f"{result.requests:,}", str(result.recycles), *losses, *times)
