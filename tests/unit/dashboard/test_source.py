from pathlib import Path
from typing import Any

import pytest

from memguard.dashboard.screens.source import listing
from memguard.dashboard.source import AROUND, BYTES_MOST, SITES_MOST, around, around_sites

LINES = ["def show(request):", *(f"    step_{number}()" for number in range(1, 20)), "    return 1"]


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A module of twenty-one lines."""
    path = tmp_path / "views.py"
    path.write_text("\n".join(LINES) + "\n")
    return path


def site(file: Path, line: int, source: str) -> dict[str, Any]:
    """Return a site of the report."""
    return {"file": str(file), "line": line, "function": "show", "source": source, "objects": 1, "bytes": 1}


def test_the_lines_around_are_shown_without_their_common_indentation(file: Path) -> None:
    """Five before and five after, with their numbers."""
    found = around(str(file), 10, "step_9()")

    assert [number for number, _ in found] == list(range(10 - AROUND, 10 + AROUND + 1))
    assert found[AROUND] == (10, "step_9()")


def test_at_the_ends_of_a_file_there_are_fewer(file: Path) -> None:
    """No line is made up."""
    assert around(str(file), 1, LINES[0])[0] == (1, LINES[0])
    assert around(str(file), 21, "return 1")[-1] == (21, "return 1")


def test_another_version_of_the_file_is_not_shown(file: Path) -> None:
    """What a worker blamed may have been deployed over; then only its own line is known, as it was."""
    assert around(str(file), 10, "something_else()") == []
    assert around(str(file), 99, "step_9()") == []
    made = str(listing(site(file, 10, "something_else()")))
    assert "something_else()" in made
    assert "step_8()" not in made


@pytest.mark.parametrize("name", ["secrets.env", "views.pyc", "nothing.py", "."])
def test_nothing_but_source_is_read(tmp_path: Path, name: str) -> None:
    """A path in the store that is no module of Python's leads nowhere."""
    (tmp_path / "secrets.env").write_text("KEY=1\n")
    (tmp_path / "views.pyc").write_bytes(b"KEY=1\n")

    assert around(str(tmp_path / name), 1, "KEY=1") == []


def test_odd_files_are_left_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Too large, not text, of an unknown encoding, or named relative to somewhere."""
    for name, content in {
        "big": b"x = 1\n" * (BYTES_MOST // 5),
        "junk": b"\xff\xfe\x00",
        "odd": b"# coding: klingon\n",
    }.items():
        (tmp_path / f"{name}.py").write_bytes(content)
        assert around(str(tmp_path / f"{name}.py"), 1, "x = 1") == []
    monkeypatch.chdir(tmp_path)
    Path("here.py").write_text("x = 1\n")
    assert around("here.py", 1, "x = 1") == []


def test_the_blamed_line_stands_out_and_source_is_text(file: Path) -> None:
    """One line of all is marked; markup in code is code."""
    file.write_text('a = "<b>"\nb = "<script>"\n')
    made = str(listing(site(file, 2, 'b = "<script>"')))

    assert made.count('class="line blamed"') == 1
    assert made.count('class="line"') == 1
    assert "<script>" not in made
    assert "&lt;b&gt;" in made


def test_where_not_even_the_line_is_known_there_is_nothing(file: Path) -> None:
    """No empty box."""
    assert listing(site(file, 1, "")) is None


def test_the_api_tells_the_lines_of_the_first_sites(file: Path) -> None:
    """In their order; none of a file that is not here."""
    gone = {**site(file, 10, "step_9()"), "file": "/nowhere/views.py"}
    first, second, *more = around_sites([site(file, 10, "step_9()"), *[gone] * 9])

    assert first["lines"][AROUND] == {"line": 10, "text": "step_9()"}
    assert second == {"file": "/nowhere/views.py", "line": 10, "lines": []}
    assert len(more) == SITES_MOST - 2
