"""The tables of the pages: what a run has not measured stays."""

from pathlib import Path

import pytest

from tests.recycle.page import merge

MARKS = ("<!-- begin -->", "<!-- end -->")
HEAD = ("server", "lost", "seconds")


def page_of(folder: Path, *lines: str) -> Path:
    """Return a page with a table."""
    page = folder / "page.md"
    page.write_text("\n".join(["Before.", "", MARKS[0], "", *lines, "", MARKS[1], "", "After.", ""]))
    return page


def test_one_row_of_many(tmp_path: Path) -> None:
    """A row that was measured anew stands where it stood, a new one at the end, and all others are as they were."""
    page = page_of(tmp_path, "| server | lost | seconds |", "| --- | --- | --- |", "| a | 1 | 7 |", "| b | 2 | 8 |")
    merge(page, MARKS, HEAD, [("a", "0", "9"), ("c", "3", "10")])
    merge(page, MARKS, HEAD, [("c", "4", "10")])

    wanted = ("| server | lost | seconds |", "| --- | --- | --- |", "| a | 0 | 9 |", "| b | 2 | 8 |", "| c | 4 | 10 |")
    assert page.read_text() == page_of(tmp_path, *wanted).read_text()


def test_a_table_with_other_columns(tmp_path: Path) -> None:
    """What older rows do not have is not made up, and what is told no more is dropped."""
    page = page_of(tmp_path, "| server | odd | lost |", "| --- | --- | --- |", "| a | x | 1 |")
    merge(page, MARKS, HEAD, [])

    assert "| a | 1 | ? |" in page.read_text()
    assert "odd" not in page.read_text()


def test_names_of_several_cells(tmp_path: Path) -> None:
    """Rows that differ in any of them are different ones; a page may begin without any."""
    page = page_of(tmp_path)
    merge(page, MARKS, HEAD, [("a", "x", "1"), ("a", "y", "2")], names=2)
    merge(page, MARKS, HEAD, [("a", "y", "3")], names=2)

    assert "| a | x | 1 |\n| a | y | 3 |" in page.read_text()


def test_a_page_without_a_place(tmp_path: Path) -> None:
    """Nothing is written anywhere else."""
    page = tmp_path / "page.md"
    page.write_text("Nothing.")
    with pytest.raises(ValueError, match="substring"):
        merge(page, MARKS, HEAD, [])

    assert page.read_text() == "Nothing."
