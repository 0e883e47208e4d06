"""A table of measurements in a page, between two marks: each run replaces the rows that it has measured anew."""

from collections.abc import Mapping, Sequence
from pathlib import Path

UNKNOWN = "?"
"""A figure that was not measured when its row was made."""

Line = Sequence[str]


def merge(page: Path, marks: tuple[str, str], head: Line, lines: Sequence[Line], *, names: int = 1) -> None:
    """Put lines into the table of a page: each in place of the one of the same name, else at the end.

    Args:
        page: Where the table is.
        marks: What stands before and after it.
        head: The names of the columns; those that the page has otherwise are dropped or added.
        lines: What was measured.
        names: How many cells at the beginning of a line are its name.

    Raises:
        ValueError: The page has no place for it.
    """
    begin, end = marks
    text = page.read_text()
    start = text.index(begin) + len(begin)
    stop = text.index(end, start)
    known = {tuple(line[:names]): line for line in _lines(text[start:stop], head)}
    known |= {tuple(line[:names]): line for line in lines}
    rows = [head, ("---",) * len(head), *known.values()]
    table = "\n".join(f"| {' | '.join(cells)} |" for cells in rows)
    page.write_text(f"{text[:start]}\n\n{table}\n\n{text[stop:]}")


def _lines(table: str, head: Line) -> list[Line]:
    rows = [[cell.strip() for cell in row.strip().strip("|").split("|")] for row in table.strip().splitlines()]
    if not rows:
        return []
    before, _, *lines = rows
    told: list[Mapping[str, str]] = [dict(zip(before, line, strict=True)) for line in lines]
    return [[each.get(name, UNKNOWN) for name in head] for each in told]
