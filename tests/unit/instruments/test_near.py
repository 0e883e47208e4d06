from collections import OrderedDict, deque
from typing import Any

import pytest

from memguard.instruments import near
from memguard.instruments.near import ENTRIES_MOST, reachable


class Counted(list[Any]):
    """A list of the host's that must not be asked by its own code."""

    def __len__(self) -> int:
        raise AssertionError("the host's code ran")


def is_reached(each: object, names: dict[str, Any]) -> bool:
    """Tell whether an object is found below these names."""
    return any(found is each for found in reachable([names]))


@pytest.mark.parametrize("kind", [list, deque, Counted])
def test_what_has_too_many_entries_is_not_looked_into(kind: Any) -> None:
    """It is found itself, for it may grow; what it holds may be the whole heap."""
    inner: list[int] = [1]
    small, large = kind([inner] * ENTRIES_MOST), kind([inner] * (ENTRIES_MOST + 1))

    assert is_reached(small, {"small": small})
    assert is_reached(inner, {"small": small})
    assert is_reached(large, {"large": large})
    assert not is_reached(inner, {"large": large})


@pytest.mark.parametrize("kind", [dict, OrderedDict])
def test_mappings_are_counted_like_lists(kind: Any) -> None:
    """By their entries, whatever class they are of."""
    inner: list[int] = [1]

    assert is_reached(inner, {"small": kind.fromkeys(range(ENTRIES_MOST), inner)})
    assert not is_reached(inner, {"large": kind.fromkeys(range(ENTRIES_MOST + 1), inner)})


def test_a_level_ends_in_its_middle(monkeypatch: pytest.MonkeyPatch) -> None:
    """Many middling containers together are no less than a large one."""
    monkeypatch.setattr(near, "LEVEL_MOST", 10_000)
    shelves = [[[number] for number in range(100)] for _ in range(1000)]

    assert 10_000 < len(reachable([{"shelves": shelves}])) < 20_000
