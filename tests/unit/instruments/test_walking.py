import gc
from collections import deque
from collections.abc import Iterator
from typing import Any

import pytest

from memguard.instruments import walking
from memguard.instruments.walking import AT_ONCE, SLICE, Marks, Pace, Walk, referents, size_of
from tests.unit.instruments.planting import tuples_built_meanwhile

SECONDS = 60.0
"""No walk here needs more than a fraction of it."""


class Planted:
    """What no other test leaves anything of."""

    def __init__(self) -> None:
        self.name = [1]


def plant(count: int) -> list[Planted]:
    """Return so many new objects."""
    return [Planted() for _ in range(count)]


def planted_among(walk: Walk) -> int:
    """Return how many planted objects a walk comes past."""
    return sum(type(each) is Planted for found in walk for each in found)


@pytest.mark.parametrize("piece", [7_001, 1_000_000])
def test_a_walk_comes_past_everything_once(piece: int) -> None:
    """Whatever the pieces are; no list outlives its turn."""
    kept = plant(500)
    walk = Walk(Pace(SECONDS), piece)
    lists = []
    seen = 0
    for found in walk:
        seen += sum(type(each) is Planted for each in found)
        lists.append(found)

    assert seen == len(kept)
    assert walk.is_complete
    assert walk.passed >= 500
    assert not any(lists)


def test_a_walk_ends_with_its_time() -> None:
    """And says that it did not come to the end."""
    walk = Walk(Pace(0.0))

    assert list(walk) == []
    assert not walk.is_complete


def test_an_unfinished_tuple_of_another_thread_is_left_alone() -> None:
    """CPython raises SystemError in a thread whose tuple somebody else refers to while it is being built."""
    kept = plant(100)
    with tuples_built_meanwhile() as failures:
        for _ in range(3):
            assert planted_among(Walk(Pace(SECONDS), 20_000)) == len(kept)

    assert failures == []


def containers() -> Iterator[Any]:
    """Yield a large container of each kind that is read piece by piece, with what is in it: lists."""
    entries: list[list[int]] = [[number] for number in range(SLICE * 2 + 5)]
    yield entries
    yield tuple(entries)
    yield deque(entries)
    yield dict(enumerate(entries))
    yield {id(each): each for each in entries}


@pytest.mark.parametrize("number", range(5))
def test_what_objects_refer_to_comes_in_pieces(number: int) -> None:
    """However large a container is, a piece is not; nothing is missing, and small objects come together."""
    container = list(containers())[number]
    small = plant(AT_ONCE + 10)
    parts = [list(part) for part in referents([container, *small])]
    found = {id(each) for part in parts for each in part}

    entries = container.values() if isinstance(container, dict) else container
    assert {id(each) for each in entries} <= found
    assert max(map(len, parts)) <= max(SLICE, AT_ONCE * 10)
    assert len(parts) >= 3


def test_a_container_that_changes_is_read_again() -> None:
    """Another thread may have its turn between two pieces, and add something."""
    container = {number: [number] for number in range(SLICE * 2)}
    seen: set[int] = set()
    for turn, part in enumerate(referents([container])):
        seen.update(map(id, part))
        if turn == 0:
            container[-1] = [-1]

    assert set(map(id, container.values())) <= seen


def test_sizes_are_the_interpreters_own() -> None:
    """What `sys.getsizeof` says, of objects that the collector knows and of those it does not."""
    import sys

    planted: list[Any] = ["text", b"bytes", 5, 2**100, 1.5, None, [1], {"a": 1}, (1, 2), Planted(), {1, 2}, object()]

    for each in planted:
        assert size_of(each) == sys.getsizeof(each)


def test_a_pace_gives_other_threads_their_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """For about as long as a step took, but never for long; without a step there is nothing to rest from."""
    moment, rests = [100.0], list[float]()
    monkeypatch.setattr(walking, "perf_counter", lambda: moment[0])
    monkeypatch.setattr(walking, "sleep", rests.append)
    pace = Pace(10.0)
    for seconds in (0.01, 0.0, 5.0):
        moment[0] += seconds
        pace.rest()

    assert rests == [pytest.approx(0.01), 0.0, walking.REST_MOST]
    assert pace.seconds_left == pytest.approx(4.99)
    moment[0] += 5.0
    assert pace.is_over
    assert pace.seconds_left == 0.0
    gc.collect()


def test_marks_tell_what_was_seen() -> None:
    """Each object once, in the order in which it came; what is only asked for is not marked."""
    kept, marks = plant(5_000), Marks()

    assert marks.unseen(kept) == kept
    assert marks.fresh([*kept[:10], *kept[:10]]) == kept[:10]
    assert marks.unseen(kept) == kept[10:]
    assert marks.fresh(iter(kept)) == kept[10:]
    assert Marks(map(id, kept)).unseen([kept[0], marks]) == [marks]
