import gc
import threading
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from memguard.instruments.end_of_life import (
    KINDS_MOST,
    LATE_A_KIND_MOST,
    LATE_MOST,
    SECONDS_BETWEEN,
    SECONDS_LATE,
    WAITING_MOST,
    EndOfLife,
    Followed,
    LateObject,
    can_be_followed,
)
from memguard.model import Operation
from tests.unit.instruments.planting import Planted, plant, plant_cycles

SHOW, SAVE = Operation("request", "GET /show"), Operation("task", "shop.save")
PLANTED = f"{Planted.__module__}.Planted"
NOW = 1000.0
LATER = NOW + SECONDS_LATE


@pytest.fixture(autouse=True)
def _no_collection_by_chance() -> Iterator[None]:
    thresholds = gc.get_threshold()
    gc.set_threshold(0)
    yield
    gc.set_threshold(*thresholds)


def follow(ends: EndOfLife, objects: list[Planted], operation: Operation = SHOW, label: str = "request") -> None:
    """Follow all of them, each in its turn, the last one at `NOW`."""
    for number, each in enumerate(reversed(objects)):
        ends.follow(label, operation, each, NOW - (len(objects) - 1 - number) * SECONDS_BETWEEN)


def test_what_is_alive_after_its_end() -> None:
    """It is late from some seconds and a collection on, as long as it lives; what went in time is not."""
    ends = EndOfLife()
    kept, gone = plant(1), plant(1)
    follow(ends, kept)
    follow(ends, gone, SAVE)
    gone.clear()
    gc.collect(1)

    assert ends.look(LATER - 0.01) == ()
    assert ends.look(LATER) == (LateObject(SHOW, PLANTED, "request", SECONDS_LATE, is_held=False),)
    assert ends.look(LATER + 60) == (LateObject(SHOW, PLANTED, "request", SECONDS_LATE + 60, is_held=False),)
    assert set(ends.followed()) == {Followed(SHOW, "request", 1, 1), Followed(SAVE, "request", 1, 0)}
    kept.clear()
    assert ends.look(LATER + 61) == ()
    assert set(ends.followed()) == {Followed(SHOW, "request", 1, 1), Followed(SAVE, "request", 1, 0)}


def test_what_only_a_collection_frees() -> None:
    """It is not late before the collection that would have freed it, however long that takes."""
    ends = EndOfLife()
    halves = plant_cycles(1)
    follow(ends, halves)
    halves.clear()
    assert ends.look(LATER + 3600) == ()
    gc.collect(0)
    assert ends.look(LATER + 3600) == ()
    gc.collect(1)

    assert ends.look(LATER + 3600) == ()
    assert ends.followed() == (Followed(SHOW, "request", 1, 0),)


@pytest.mark.parametrize("is_garbage", [True, False])
def test_old_garbage_is_told_from_what_is_held(is_garbage: bool) -> None:
    """A cycle that was old when it ended is late until a full collection: only after that something is held for sure."""
    ends = EndOfLife()
    halves = plant_cycles(1)
    gc.collect(1)
    follow(ends, halves)
    if is_garbage:
        halves.clear()
    gc.collect(1)
    before = ends.look(LATER)
    gc.collect()

    assert [each.is_held for each in before] == [False]
    assert [each.is_held for each in ends.look(LATER)] == ([] if is_garbage else [True])


def test_without_a_collector() -> None:
    """Where the host switched it off no collection is waited for, and what garbage is alive stays so."""
    ends = EndOfLife()
    kept = plant(1)
    gc.disable()
    try:
        follow(ends, kept)
        assert [each.is_held for each in ends.look(LATER)] == [True]
    finally:
        gc.enable()


def test_nothing_is_held() -> None:
    """Neither what is followed nor what was found late is kept alive."""
    ends = EndOfLife()
    kept = plant(4)
    references = [weakref.ref(each) for each in kept]
    follow(ends, kept)
    gc.collect(1)
    assert len(ends.look(LATER)) == 4
    follow(ends, waiting := plant(1), SAVE)
    references.append(weakref.ref(waiting[0]))
    assert len(ends.alive(SHOW)) == 4
    kept.clear()
    waiting.clear()

    assert [reference() for reference in references] == [None] * 5


def test_the_objects_for_a_search() -> None:
    """The late objects of one operation are handed out for as long as the caller keeps them."""
    ends = EndOfLife()
    kept, others, waiting = plant(3), plant(1), plant(1)
    follow(ends, kept)
    follow(ends, others, SAVE)
    gc.collect(1)
    ends.look(LATER)
    ends.follow("response", SHOW, waiting[0], LATER)
    gone = kept.pop()
    del gone

    assert {id(each) for each in ends.alive(SHOW)} == {id(each) for each in kept}
    assert {id(each) for each in ends.alive(SAVE)} == {id(each) for each in others}
    assert ends.alive(Operation("request", "GET /")) == []


def test_a_few_of_each_operation_and_label() -> None:
    """A busy operation is followed now and then, and takes no turn from another, or from another label."""
    ends = EndOfLife()
    kept = plant(30)
    for number, each in enumerate(kept):
        now = NOW + number * SECONDS_BETWEEN / 10
        ends.follow("request", SHOW, each, now)
        ends.follow("response", SHOW, each, now)
        ends.follow("request", SAVE, each, now)
    gc.collect(1)
    ends.look(LATER + 10)

    assert {(each.operation, each.label): each.looked for each in ends.followed()} == {
        (SHOW, "request"): 3, (SHOW, "response"): 3, (SAVE, "request"): 3,
    }  # fmt: skip


def test_what_is_gone_at_the_end_counts_as_in_time() -> None:
    """So that the share of those that are late is one of all."""
    ends = EndOfLife()
    ends.follow("request", SHOW, None, NOW)
    assert ends.look(NOW) == ()
    assert ends.followed() == (Followed(SHOW, "request", 1, 0),)


def test_what_cannot_be_referred_to_weakly() -> None:
    """It is ignored, and takes no turn from what can."""

    class Bare:
        __slots__ = ()

    ends = EndOfLife()
    kept = plant(1)
    unfit: list[object] = [Bare(), {}, [], "text"]
    for bare in unfit:
        assert not can_be_followed(bare)
        ends.follow("request", SHOW, bare, NOW)
    ends.follow("request", SHOW, kept[0], NOW)
    gc.collect(1)

    assert [each.type for each in ends.look(LATER)] == [PLANTED]


def test_longest_first_and_the_first_ones_stay() -> None:
    """Of very many late ones of a kind the first are remembered: they say best that it goes on."""
    ends = EndOfLife()
    kept = plant(LATE_A_KIND_MOST + 10)
    follow(ends, kept)
    gc.collect(1)
    found = ends.look(LATER)

    assert len(found) == LATE_A_KIND_MOST
    assert [each.seconds for each in found] == sorted((each.seconds for each in found), reverse=True)
    assert found[0].seconds == SECONDS_LATE + (len(kept) - 1) * SECONDS_BETWEEN
    assert ends.followed() == (Followed(SHOW, "request", len(kept), len(kept)),)


def test_it_is_bounded() -> None:
    """However many operations there are, and however long no collection comes."""
    ends = EndOfLife()
    kept = plant(1)
    for number in range(KINDS_MOST * 2 + WAITING_MOST):
        ends.follow("request", Operation("request", f"GET /{number}"), kept[0], NOW)
        if number % WAITING_MOST == WAITING_MOST - 1:
            assert len(ends._waiting) == WAITING_MOST
            gc.collect(1)
            ends.look(LATER)
        assert len(ends._waiting) <= WAITING_MOST
        assert len(ends._next) <= KINDS_MOST

    assert len(ends.look(LATER)) == LATE_MOST
    assert len(ends._counts) <= KINDS_MOST


def test_threads() -> None:
    """Units of many threads end while the keeper looks: each object is counted once."""
    ends = EndOfLife()
    kept = plant(40)
    gc.collect(1)
    failures: list[BaseException] = []

    def run(number: int) -> None:
        try:
            for turn in range(10):
                ends.follow("request", Operation("request", f"GET /{number}/{turn}"), kept[number * 10 + turn], NOW)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=run, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        ends.look(LATER)
    for thread in threads:
        thread.join()
    gc.collect(1)

    assert failures == []
    assert len(ends.look(LATER)) == 40
    assert sum(each.looked for each in ends.followed()) == 40


def test_no_host_code_runs() -> None:
    """Neither an object nor its class is asked for anything: no hash, no equality, no representation."""
    ran: list[str] = []

    class Meta(type):
        def __getattribute__(cls, name: str) -> object:
            ran.append(name)
            return super().__getattribute__(name)

        def __hash__(cls) -> int:
            ran.append("hash of the class")
            return 1

    class Hostile(metaclass=Meta):
        def __getattribute__(self, name: str) -> object:
            ran.append(name)
            return object.__getattribute__(self, name)

        def __hash__(self) -> int:
            ran.append("hash")
            return 1

        def __eq__(self, other: object) -> bool:
            ran.append("eq")
            return True

        def __bool__(self) -> bool:
            ran.append("bool")
            return False

    ends = EndOfLife()
    kept: list[Any] = [object.__new__(Hostile)]
    ran.clear()
    ends.follow("request", SHOW, kept[0], NOW)
    gc.collect(1)
    found = ends.look(LATER)
    alive = ends.alive(SHOW)
    seen = tuple(ran)

    assert [each.type.rpartition(".")[2] for each in found] == ["Hostile"]
    assert len(alive) == 1
    assert seen == ()
