import gc
import threading
from collections.abc import Iterator

import pytest

from memguard.instruments import collector
from memguard.instruments.collector import NEVER
from tests.unit.instruments.planting import Planted, ids, plant, tuples_built_meanwhile
from tests.unit.store.children import DEADLINE, ended_well, forked

USUAL = (700, 10, 10)


@pytest.fixture(autouse=True)
def _usual_thresholds() -> Iterator[None]:
    before = gc.get_threshold()
    gc.set_threshold(*USUAL)
    yield
    gc.set_threshold(*before)


def aged(count: int, collections: int) -> list[Planted]:
    """Return new objects in the oldest generation, so many middle collections after the last full one.

    Free lists are full, as they are in any process that has run for a while.
    """
    gc.set_threshold(NEVER, NEVER, NEVER)
    gc.collect()
    kept: list[Planted] = []
    for _ in range(collections):
        kept += plant(count // collections)
        gc.collect(1)
    free: list[object] = [[[], {}, *map(tuple, ([0] * size for size in range(5)))] for _ in range(200)]
    free.clear()
    gc.collect(0)
    gc.set_threshold(*USUAL)
    return kept


def full_collections() -> int:
    """Return how many full collections have run."""
    return int(gc.get_stats()[2]["collections"])


def test_objects_of_a_generation() -> None:
    """The objects of one generation are found, in full, but for exact tuples, and nothing is added."""
    gc.collect()
    kept = plant(7)
    kept_in = [(kept[5],), {1: [kept[6]]}]
    gc.collect(0)
    young = plant(2)
    middle = collector.objects(1)

    assert ids(middle) == ids(kept)
    assert {id(kept_in[1])} < {id(each) for each in middle}
    assert len({id(each) for each in middle} & ids(young)) == 0
    assert [each for each in middle if type(each) is tuple or each is None] == []


def test_what_is_read_is_not_kept() -> None:
    """Reading holds nothing: whoever drops the list drops the objects."""
    kept = plant(3)
    gc.collect(0)
    before = len(gc.get_objects())
    for _ in range(20):
        collector.objects(1).clear()
    kept.clear()

    assert len(gc.get_objects()) < before


def test_unfinished_tuples_of_other_threads() -> None:
    """No reference to a tuple lives where threads can switch, not even in what is only about to go."""
    with tuples_built_meanwhile() as failures:
        for _ in range(15_000):
            collector.objects(1)
            if failures:
                break

    assert not failures


def test_thresholds_are_put_back_one_by_one() -> None:
    """A threshold that is still memguard's goes back to what it was; one that the host has set meanwhile stays."""
    gc.set_threshold(500, NEVER, 7)
    collector.restore((1, 2, 3))

    assert gc.get_threshold() == (500, 2, 7)


def test_collections_are_counted() -> None:
    """Collections of the two older generations are told apart; those of the youngest are not of interest."""
    middle, full = collector.collections()
    gc.collect(0)
    gc.collect(1)
    gc.collect()

    assert collector.collections() == (middle + 1, full + 1)


@pytest.mark.parametrize(
    ("young", "middle", "share"), [(0, 0, 0.0), (0, 11, 1.0), (700, 0, 1 / 11), (350, 5, 0.5), (9999, 10, 1.0)]
)
def test_share_of_a_middle_collection(young: int, middle: int, share: float) -> None:
    """How far the counts have come towards the middle collection: one of so many young ones, and a part of one."""
    assert collector.share_of_a_middle_collection(young, middle, USUAL) == pytest.approx(share)


def test_no_share_where_nothing_collects() -> None:
    """A collector that is off, or has no first threshold, comes no nearer to a collection."""
    assert collector.share_of_a_middle_collection(500, 5, (0, 10, 10)) == 0
    gc.disable()
    try:
        assert collector.share_of_a_middle_collection(500, 5, USUAL) == 0
    finally:
        gc.enable()


def test_a_full_collection_that_is_due() -> None:
    """It runs now, also where free lists are full, so that the allocations that make CPython look are no allocations."""
    kept = aged(len(gc.get_objects()), USUAL[2] + 2)
    before = full_collections()
    collector.collect_if_due()

    assert full_collections() == before + 1
    assert gc.get_threshold() == USUAL
    assert kept


@pytest.mark.parametrize(
    ("share", "collections", "why"),
    [(1.0, USUAL[2] - 2, "the count has not come that far"), (0.01, USUAL[2] + 2, "too little of the heap is new")],
)
def test_a_full_collection_that_is_not_due(share: float, collections: int, why: str) -> None:
    """CPython's own rules decide, both of them."""
    kept = aged(int(len(gc.get_objects()) * share), collections)
    before = [each["collections"] for each in gc.get_stats()]
    collector.collect_if_due()
    after = [each["collections"] for each in gc.get_stats()]

    assert after[1:] == before[1:], why
    assert (after[0] == before[0]) == (collections < USUAL[2]), "where the count says no, CPython is not made to look"
    assert gc.get_threshold() == USUAL
    assert kept


def test_nothing_is_due_where_the_host_does_not_collect() -> None:
    """A collector that is off stays off, and a first threshold of zero, which means the same, stays zero."""
    kept = aged(len(gc.get_objects()), USUAL[2] + 2)
    before = full_collections()
    gc.disable()
    try:
        collector.collect_if_due()
        assert not gc.isenabled()
    finally:
        gc.enable()
    gc.set_threshold(0)
    collector.collect_if_due()

    assert gc.get_threshold()[0] == 0
    assert full_collections() == before
    assert kept


def test_a_fork_in_the_middle_of_a_collection_that_was_due() -> None:
    """A child that another thread forks then has the host's thresholds, not those that made the collector look."""
    kept = aged(100_000, 12)
    inside, go_on = threading.Event(), threading.Event()

    def stop_here(phase: str, _: dict[str, int]) -> None:
        if phase == "stop" and gc.get_threshold()[0] == 1:
            inside.set()
            go_on.wait(DEADLINE)

    gc.callbacks.append(stop_here)
    thread = threading.Thread(target=collector.collect_if_due)
    thread.start()
    try:
        assert inside.wait(DEADLINE)

        def child() -> None:
            assert gc.get_threshold() == USUAL

        assert ended_well(forked(child))
    finally:
        go_on.set()
        thread.join()
        gc.callbacks.remove(stop_here)

    assert gc.get_threshold() == USUAL
    assert kept


def test_no_collection_comes_while_the_collector_rests() -> None:
    """However much is made meanwhile; the host's thresholds are back afterwards, also after a failure."""

    def made() -> list[list[int]]:
        before = gc.get_stats()[0]["collections"]
        kept: list[list[int]] = [[] for _ in range(10 * USUAL[0])]
        assert gc.get_stats()[0]["collections"] == before
        return kept

    assert len(collector.at_rest(made)) == 10 * USUAL[0]
    assert gc.get_threshold() == USUAL
    with pytest.raises(ZeroDivisionError):
        collector.at_rest(lambda: 1 / 0)
    assert gc.get_threshold() == USUAL
