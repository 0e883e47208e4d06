import gc
import threading
import weakref
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from memguard.explain import variables
from memguard.instruments import garbage
from memguard.instruments.collector import number_of_objects
from memguard.instruments.garbage import Garbage, TooLargeError, referring, unreachable
from memguard.instruments.walking import OLDEST, Pace
from tests.unit.instruments.planting import Planted, plant, plant_cycles, tuples_built_meanwhile

SECONDS = 60.0
REACHED: list[Any] = []


class Finalized(Planted):
    """One that would tell if it was collected."""

    ended = 0

    def __del__(self) -> None:
        Finalized.ended += 1


def looked(**options: Any) -> Garbage:
    """Return what is garbage in this process."""
    options = {"count": number_of_objects(OLDEST), **options}
    return unreachable(variables.values(lambda: False), Pace(SECONDS), **options)


def planted(found: Garbage) -> Counter[type]:
    """Return how many planted objects are in it, by class."""
    return Counter(type(each) for each in found.objects if issubclass(type(each), Planted))


@pytest.fixture(autouse=True)
def _calm() -> Any:
    """No collection runs by itself, and none of another test's garbage is there."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()
    REACHED.clear()
    gc.collect()


def closed_over(each: object) -> Callable[[], object]:
    """Return a function that refers to an object by its closure."""
    return lambda: each


def age() -> None:
    """Have all that is alive, or looks so, in the oldest generation, where only a full collection frees it."""
    gc.collect(0)
    gc.collect(1)


def plant_old_garbage(count: int, kind: type[Planted] = Planted) -> None:
    """Leave cycles of two that only a full collection finds."""
    halves = [kind(kind()) for _ in range(count)]
    for half in halves:
        half.other.other = half  # type: ignore[union-attr]  # just made
    age()


def test_what_only_a_full_collection_frees_is_found_and_left() -> None:
    """All of it, and none of what is alive; it is still there for the collection, whose finalizers have not run."""
    Finalized.ended = 0
    alive = plant_cycles(50)
    REACHED.extend(plant_cycles(50))
    plant_old_garbage(100, Finalized)
    found = looked()

    assert planted(found) == {Finalized: 200}
    assert found.is_complete
    assert len(found.sizes) == len(found.objects)
    assert sum(found.sizes) > 200 * 16
    assert Finalized.ended == 0
    assert gc.garbage == []
    assert not gc.get_debug()
    del found
    gc.collect()
    assert Finalized.ended == 200
    assert alive


def test_each_refers_to_those_it_refers_to() -> None:
    """By position: from each half of a cycle the other half can be reached."""
    plant_old_garbage(10)
    found = looked()
    for place, each in enumerate(found.objects):
        reached = {place}
        for _ in range(4):
            reached |= {target for known in reached for target in found.points_to[known]}
        if type(each) is Planted:
            assert any(found.objects[target] is each.other for target in reached)
    assert planted(found)[Planted] == 20


def test_cycles_of_objects_that_were_born_far_apart() -> None:
    """And through tuples, closures and dicts."""
    first: Any = Planted(Planted())
    first.kept = {}
    age()
    between = [[number] for number in range(50_000)]
    first.kept["late"] = (closed_over(first), Planted())
    age()
    gone = weakref.ref(first)
    del first

    assert planted(looked()) == {Planted: 3}
    assert gone() is not None
    assert between


def test_what_hangs_on_a_cycle_is_garbage_too() -> None:
    """A collection frees it with the cycle."""
    ring: list[Any] = []
    ring += [ring, plant(300)]
    age()
    del ring

    assert planted(looked()) == {Planted: 300}


def test_what_running_frames_and_threads_hold_is_alive() -> None:
    """A cycle in a variable of another thread, of a generator that waits, of this test."""
    here = plant_cycles(5)
    started, over = threading.Event(), threading.Event()

    def work() -> None:
        mine = plant_cycles(5)
        local.kept = plant_cycles(5)
        started.set()
        over.wait(60)
        assert mine

    def wait() -> Any:
        mine = plant_cycles(5)
        yield len(mine)

    local = threading.local()
    waiting = wait()
    next(waiting)
    thread = threading.Thread(target=work)
    thread.start()
    started.wait(60)
    age()
    try:
        assert planted(looked()) == {}
    finally:
        over.set()
        thread.join()
    assert here


def test_what_changes_hands_meanwhile_is_let_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a thread passes on while others are marked is not called garbage."""
    stop = threading.Event()
    boxes: list[list[Any]] = [plant_cycles(200), []]

    def work() -> None:
        while not stop.is_set():
            boxes[1].append(boxes[0].pop(0))
            boxes[0].append(boxes[1].pop())

    thread = threading.Thread(target=work)
    thread.start()
    try:
        for _ in range(3):
            age()
            assert planted(looked()) == {}
    finally:
        stop.set()
        thread.join()


def test_an_unfinished_tuple_of_another_thread_is_left_alone() -> None:
    """CPython raises SystemError in a thread whose tuple somebody else refers to while it is being built."""
    plant_old_garbage(20)
    gc.enable()
    with tuples_built_meanwhile() as failures:
        looked()

    assert failures == []


def test_more_than_can_be_looked_at_is_said() -> None:
    """What no module leads to, and was too much to look at."""
    plant_old_garbage(100)
    found = looked(left_most=50)

    assert not found.is_complete
    assert found.left >= 150


def test_where_there_is_no_time_nothing_is_told() -> None:
    """Half a mark would call what is in use garbage."""
    plant_old_garbage(10)
    found = unreachable([], Pace(0.0), count=1)

    assert (found.objects, found.is_complete) == ([], False)


def test_no_more_memory_is_taken_than_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    """Marks cost something for each object: where that is too much, it is not begun."""
    with pytest.raises(TooLargeError, match="There are 9,000,000 objects; cycles are looked for among 5,000,000"):
        looked(count=9_000_000)
    monkeypatch.setattr(garbage, "memory_limit", lambda: 1_000_000)
    with pytest.raises(TooLargeError, match="To mark what is in use takes about .* no more than 0 B in all"):
        looked(count=4_000_000)


def test_references_within_a_list() -> None:
    """By position; those to others do not count."""
    first, second = plant(2)
    first.other = second

    found = referring([second, first, [first, second, 5]])
    assert list(map(sorted, found)) == [[], [0], [0, 1]]
