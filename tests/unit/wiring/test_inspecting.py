"""What a person wants to know of a worker's objects, answered by this very process: a guard, its keeper's round, a store's file."""

import gc
import sys
from collections.abc import Iterator
from pathlib import Path
from time import time
from typing import Any

import pytest

from memguard.commands import Command
from memguard.inspection import Inspection, Question
from memguard.wiring import inspecting
from memguard.wiring.guard import Guard
from tests.unit.wiring.driving import hurry, started

KEPT: list[Any] = []
NAME = f"{__name__}.Order"


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    hurry(monkeypatch)
    gc.collect()
    yield
    KEPT.clear()
    gc.collect()


@pytest.fixture
def guard(tmp_path: Path) -> Guard:
    """Return this process's guard after its first unit and its first word to the store."""
    return started(tmp_path)


def done(guard: Guard, way: str, name: str = "", *, seconds: float = 60.0, most: int = 15) -> Command:
    """Return what came of a question after one round of the keeper."""
    now, question = time(), Question(way, name, most)  # type: ignore[arg-type]  # a newer page may ask for more
    guard.store.add_commands([Command("0" * 16, "inspect", guard.worker_id, now, now, seconds, question=question)])
    guard._keep()
    return guard.store.commands(limit=1)[0]


def found(guard: Guard, way: str, name: str = "", **how: Any) -> Inspection:
    """Return the answer to a question, as it comes back from the store."""
    command = done(guard, way, name, **how)
    assert command.outcome is not None
    assert command.outcome.error == ""
    assert command.outcome.inspection is not None
    assert command.outcome.inspection.question == Question(way, name, how.get("most", 15))  # type: ignore[arg-type]
    return command.outcome.inspection


def refused(command: Command) -> str:
    """Return why there was no answer."""
    assert command.state == "failed"
    assert command.outcome is not None
    assert command.outcome.inspection is None
    return command.outcome.error


class Order:
    """What no other test leaves anything of."""

    def __init__(self, number: int) -> None:
        self.number = [number]


class Basket(list[int]):
    """What is planted: some are larger than others."""


def test_the_largest_of_a_type(guard: Guard) -> None:
    """With their own size, how many entries they have and who holds them; no value of theirs."""
    KEPT.extend(Basket(range(size)) for size in (5, 90_000, 400))
    told = found(guard, "largest", f"{__name__}.Basket", most=2)

    assert (told.objects, told.is_complete, told.notes) == (3, True, ())
    assert [(each.type, each.entries, each.holder, each.shown) for each in told.sizes] == [
        (f"{__name__}.Basket", 90_000, f"{__name__}.KEPT[…]", ""),
        (f"{__name__}.Basket", 400, f"{__name__}.KEPT[…]", ""),
    ]
    assert told.sizes[0].bytes >= sys.getsizeof(list(range(90_000)))


def test_texts_are_shown_only_where_that_is_allowed(tmp_path: Path) -> None:
    """They are values of the host's."""
    KEPT.append("a secret of somebody's" * 100_000)
    guard = started(tmp_path)
    hidden = found(guard, "largest", "str", most=1)
    assert (hidden.objects, hidden.bytes) == (None, None)
    assert hidden.sizes[0].bytes > 2_000_000
    assert "secret" not in repr(hidden)

    inspector = inspecting.Inspecting(guard._watch, show_keys=True)  # type: ignore[arg-type]  # it watches by now
    shown = inspector.answer(Question("largest", "str", 1), 60.0).sizes[0].shown
    assert shown.startswith("\"a secret of somebody's")
    assert len(shown) <= inspecting.SHOWN_MOST


def test_a_type_that_is_not_there_is_told_what_is(guard: Guard) -> None:
    """Types whose names end alike."""
    KEPT.append(Order(1))

    for way in ("largest", "chain"):
        assert refused(done(guard, way, "shop.Order")).startswith(
            "No object of the type shop.Order is alive here; there are "
        )
        assert NAME in refused(done(guard, way, "shop.Order"))
        assert refused(done(guard, way, "no.such.Thing")) == "No object of the type no.such.Thing is alive here."


def test_the_deep_size_of_a_container(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """As pympler has it; where that is missing, or there is much, by memguard's own sum, which says so."""
    KEPT.extend([str(number) * 100] for number in range(1_000))
    size = sum(sys.getsizeof(each) + sys.getsizeof(each[0]) for each in KEPT) + sys.getsizeof(KEPT)
    first = found(guard, "size", f"{__name__}.KEPT").deep
    monkeypatch.setattr("memguard.instruments.deep.MEASURED_MOST", 100)
    second = found(guard, "size", f"{__name__}.KEPT[…]").deep

    assert first is not None
    assert second is not None
    assert (first.method, first.entries, first.share) == ("pympler", 1_000, 1.0)
    assert (second.method, second.bytes, second.objects) == ("estimate", size, 2_001)
    assert first.bytes == pytest.approx(size, rel=0.1)
    assert refused(done(guard, "size", "shop.nothing")) == (
        "shop.nothing leads nowhere in this worker: name a module and what is in it, like shop.views._cache."
    )


def test_a_deep_size_that_time_did_not_suffice_for_says_so(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the share that stands for the rest."""
    KEPT.extend([number] for number in range(50_000))
    monkeypatch.setattr("memguard.instruments.deep.OBJECTS_MOST", 5_000)
    monkeypatch.setattr("memguard.instruments.deep.estimate.__kwdefaults__", {"namespaces": frozenset(), "most": 5_000})
    told = found(guard, "size", f"{__name__}.KEPT")

    assert told.deep is not None
    assert 0 < told.deep.share < 0.5
    assert not told.is_complete
    assert told.notes == (f"{told.deep.share:.0%} of its entries were looked at, and stand for the rest.",)


def test_the_chain_from_a_root(guard: Guard) -> None:
    """And the graph around it: it comes back from the store as it was drawn."""
    KEPT.extend(Order(number) for number in range(20))
    told = found(guard, "chain", NAME)

    assert told.objects == 20
    assert told.graph is not None
    assert (told.graph.path, told.graph.instances, told.graph.searched) == (f"{__name__}.KEPT[…]", 20, 16)
    assert [each.role for each in told.graph.nodes].count("target") == 1
    assert {edge.via for edge in told.graph.edges} >= {".KEPT", "[…]"}


def test_cycles_that_only_a_full_collection_frees(guard: Guard) -> None:
    """By kind and path; looking frees none of them."""
    planted: list[Any] = [Order(number) for number in range(200)]
    for each, other in zip(planted[::2], planted[1::2], strict=True):
        each.itself, other.itself = other, each
    gc.collect()
    del each, other, planted
    told = found(guard, "cycles")
    (cycle,) = [each for each in told.cycles if each.path.startswith(NAME)]

    assert (cycle.path, cycle.count) == (f"{NAME}(….itself)*", 100)
    assert cycle.bytes > 200 * 16
    assert (told.objects or 0) >= 400, "each has a list, too"
    assert gc.collect() >= 400


def test_what_is_uncollectable(guard: Guard, monkeypatch: pytest.MonkeyPatch) -> None:
    """What lies in `gc.garbage`, and why it may be there."""
    assert found(guard, "uncollectable").objects == 0
    ring: Any = Order(1)
    ring.itself = ring
    monkeypatch.setattr(gc, "garbage", [ring])
    monkeypatch.setattr(gc, "get_debug", lambda: gc.DEBUG_SAVEALL)
    told = found(guard, "uncollectable")

    assert told.objects == 1
    assert [each.path for each in told.cycles] in ([], [f"{NAME}.itself"])
    assert [each.type for each in told.types] == [NAME]
    assert told.notes == ("The application has set gc.DEBUG_SAVEALL: all that a collection finds is kept here.",)


def test_where_time_does_not_suffice_that_is_said(guard: Guard) -> None:
    """Nothing is called garbage that was not looked at."""
    KEPT.append(Order(1))

    assert refused(done(guard, "cycles", seconds=0.0)) == (
        "The time was over before the heap was looked through; give it more --seconds."
    )
    assert refused(done(guard, "largest", NAME, seconds=0.0)) == (
        f"No object of the type {NAME} was found in the time there was."
    )


def test_a_way_of_a_newer_page_is_refused(guard: Guard) -> None:
    """While a deploy rolls out, workers of two versions use one store."""
    assert refused(done(guard, "colours")) == "This worker runs a memguard that cannot look for 'colours'."


def test_nothing_of_the_hosts_is_kept(guard: Guard) -> None:
    """What was looked at goes when the host lets it go."""
    import weakref

    KEPT.append(Order(1))
    gone = weakref.ref(KEPT[0])
    for way, name in (("largest", NAME), ("chain", NAME), ("size", f"{__name__}.KEPT"), ("cycles", "")):
        found(guard, way, name)
    KEPT.clear()

    assert gone() is None
