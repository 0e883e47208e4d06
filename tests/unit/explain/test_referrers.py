import gc
import threading
from time import monotonic
from typing import Any

from memguard.explain import referrers
from tests.unit.instruments.planting import tuples_built_meanwhile

SECONDS = 30.0


def test_what_refers_to_objects() -> None:
    """Whatever refers to any of many objects is there once for each pass, tuples replaced by what refers to them."""
    one, two, three = [1], [2], [3]
    direct = {"one": one}
    by_tuple = [(two, 1)]
    deeper = {"three": (1, (2, three))}

    found = referrers.of((one, two, three), set())

    assert {id(direct), id(by_tuple), id(deeper)} <= {id(each) for each in found}
    assert not [each for each in found if type(each) is tuple]


def test_own_tuples_do_not_count() -> None:
    """The tuple a search asks with is no way to an object."""
    one: list[int] = [1]
    asked = (one,)
    holder = [asked]

    found = referrers.of(asked, {id(holder)})

    assert not [each for each in found if each is asked]


def test_ways_down() -> None:
    """The way from a referrer leads by the tuples between."""
    one, two, three = [1], [2], [3]
    inner = (2, three)
    outer = (1, inner)
    holder = [one, (0, two), outer]

    ways = referrers.paths_down(holder, {id(one), id(two), id(three), 1})

    assert [way[-1] for way in ways] == [one, two, three]
    assert [len(way) for way in ways] == [1, 2, 3]
    assert ways[2][0] is outer
    assert ways[2][1] is inner


def test_one_of_very_many_tuples() -> None:
    """At whichever end of a long list a tuple is, and in the middle of it, it is found."""
    entries: list[Any] = [(number, [number]) for number in range(20_000)]
    wanted = [entries[position][1] for position in (0, 9_999, 19_999)]

    ways = referrers.paths_down(entries, set(map(id, wanted)))

    assert sorted(way[-1][0] for way in ways) == [0, 9_999, 19_999]
    assert all(way[0][1] is way[-1] for way in ways)


def test_the_collector_is_left_as_found() -> None:
    """Thresholds and whether it is on are the host's."""
    thresholds = gc.get_threshold()
    gc.disable()
    try:
        referrers.of(([],), set())
        assert not gc.isenabled()
    finally:
        gc.enable()

    assert gc.get_threshold() == thresholds


def test_threads_that_build_tuples_are_not_disturbed() -> None:
    """A tuple that another thread is still building is never held, though it holds what is asked for."""
    shared: list[int] = []
    stop = threading.Event()
    failures: list[BaseException] = []

    def build() -> None:
        try:
            while not stop.is_set():
                tuple(shared for _ in range(300))
        except BaseException as error:
            failures.append(error)

    builder = threading.Thread(target=build)
    builder.start()
    deadline = monotonic() + SECONDS
    try:
        with tuples_built_meanwhile() as others:
            for _ in range(30):
                referrers.of((shared,), set())
                assert monotonic() < deadline, "the passes take too long to show anything"
    finally:
        stop.set()
        builder.join()

    assert failures == []
    assert others == []
