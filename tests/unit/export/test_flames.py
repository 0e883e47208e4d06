"""Names of functions by indentation, and where calls are drawn."""

from math import inf
from pathlib import Path

import pytest

from memguard.export.flames import naming
from memguard.export.flames.naming import Names
from memguard.export.flames.tree import boxes, tree

SOURCE = '''\
X = [
    1,
]


def black(
    one,
    two,
) -> None:
    """Says how.

    def example():
        pass
    """
    if one:
        for each in two:
            print(each)  # line 17

    # a comment that is not indented like the rest
    return [
        one,
    ]  # line 22


class Shop:
    size = 3

    async def serve(self):
        def inner():
            return [0]  # line 30
        text = """
no indentation
"""
        return inner() + [text]  # line 34
'''


@pytest.mark.parametrize(
    ("line", "name"),
    [(2, ""), (17, "black"), (21, "black"), (24, ""), (26, "Shop"), (30, "Shop.serve.inner"), (31, "Shop.serve"), (99, ""), (0, "")],
)  # fmt: skip
def test_a_function_is_told_by_indentation(line: int, name: str, tmp_path: Path) -> None:
    """Text and brackets that stand out of their block do not lead to a wrong name."""
    file = tmp_path / "shop.py"
    file.write_text(SOURCE)

    assert Names().function_at(str(file), line) == name


def test_where_a_block_cannot_be_told_there_is_no_name(tmp_path: Path) -> None:
    """After text that is not indented, in the same block."""
    file = tmp_path / "shop.py"
    file.write_text(SOURCE)

    assert Names().function_at(str(file), 34) == ""
    assert Names().label(("/nowhere/a.py", 3)) == "nowhere/a.py:3"


def test_sources_are_read_for_so_long(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was read before has its names; so many files are remembered."""
    file = tmp_path / "shop.py"
    file.write_text(SOURCE)
    assert Names(-1.0).function_at(str(file), 16) == ""
    assert Names(inf).function_at(str(file), 16) == "black"
    assert Names(-1.0).function_at(str(file), 16) == "black"
    monkeypatch.setattr(naming, "FILES_KEPT", 1)
    Names().function_at("/nowhere/b.py", 1)
    assert list(naming._known) == ["/nowhere/b.py"]


def test_calls_are_drawn_by_their_share() -> None:
    """The largest first; what is narrower than the least is left out, and so is what would be too much."""
    a, b, c = ("a", 1), ("b", 2), ("c", 3)
    root = tree([((a, b), 60), ((a, c), 20), ((b,), 19), ((c,), 1)])
    drawn = {box.path: (box.call, box.size, box.left, box.width) for box in boxes(root, least=0.05, most=99)}

    assert drawn == {
        (0,): (a, 80, 0.0, 0.8), (1,): (b, 19, 0.8, 0.19), (0, 0): (b, 60, 0.0, pytest.approx(0.6)),
        (0, 1): (c, 20, pytest.approx(0.6), pytest.approx(0.2)),
    }  # fmt: skip
    assert len(boxes(root, least=0.0, most=3)) == 3
    narrowed = boxes(root, least=0.05, most=99, narrowed=(0, 1, 5))
    assert [(box.call, box.left, box.width, box.is_above) for box in narrowed] == [
        (a, 0.0, 1.0, True),
        (c, 0.0, 1.0, True),
    ]
