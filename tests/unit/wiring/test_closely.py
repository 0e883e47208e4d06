"""Containers that are read at the end of every unit: what is told of their gains, of units that really overlap."""

import random
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from time import sleep
from types import ModuleType
from typing import Any

import pytest

from memguard.explain import holders
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.readings import Growth
from memguard.residue.watched import Watched
from memguard.settings import Settings
from memguard.wiring.closely import AT_ONCE, IN_FLIGHT_MOST
from memguard.wiring.unit import Unit
from memguard.wiring.watch import Watch

SHOW, SAVE, LIST, SEARCH = (Operation("request", f"GET /{name}") for name in ("show", "save", "list", "search"))
ALL = (SHOW, SAVE, LIST, SEARCH)
ROWS = "shop_read_closely.rows"


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Return the watch of a process that opens no windows by itself, and knows four operations."""
    made = Watch(Settings.load({"store": str(tmp_path / "store.sqlite")}, environ={}), Tracing())
    made.observer.wake = float("inf")
    for operation in ALL:
        end(made, begin(made, operation))
    yield made
    made.stop()


@pytest.fixture
def rows(watch: Watch) -> Iterator[list[Any]]:
    """Return a list of an application that grows; a mix of units that never changes leaves open whose it is."""
    module: Any = ModuleType("shop_read_closely")
    sys.modules[module.__name__] = module
    module.rows = [[number] for number in range(10)]
    (found,) = holders.find([module.rows], seconds=10.0, growing=True)
    assert found is not None
    assert watch.observer.containers.watch(found)
    for number in range(10):
        watch.ledger.books.watched.add(dict.fromkeys(range(4), 1.0), [Growth(ROWS, 1, number, None, 0)])
    turn(watch)
    yield module.rows
    del sys.modules[module.__name__]


def begin(watch: Watch, operation: Operation) -> Unit:
    """Begin a unit."""
    unit = Unit(operation.kind, operation.name)
    watch.begin(unit)
    return unit


def end(watch: Watch, unit: Unit) -> None:
    """End it."""
    watch.end(unit, error=False)


def turn(watch: Watch) -> Watched:
    """Do what the keeper does before it judges."""
    watch.closely.turn(watch.ledger.books.watched, watch.ledger.totals())
    return watch.ledger.books.watched


def gains(watch: Watch) -> list[tuple[str, int, frozenset[Operation] | None]]:
    """Return what was noted so far."""
    return list(watch.closely._gains)


def test_a_gain_is_told_with_those_that_were_in_flight(watch: Watch, rows: list[Any]) -> None:
    """Those that still are, those that ended since the last look, and nobody else."""
    end(watch, begin(watch, SHOW))  # from here on it is known how many there are
    first, second = begin(watch, SHOW), begin(watch, SAVE)
    rows.append([])
    end(watch, second)
    end(watch, first)
    rows.append([])
    end(watch, begin(watch, LIST))
    del rows[-2:]
    end(watch, begin(watch, SEARCH))

    assert gains(watch) == [
        (ROWS, 1, frozenset({SHOW, SAVE})),
        (ROWS, 1, frozenset({LIST})),
        (ROWS, -2, frozenset({SEARCH})),
    ]


def test_what_grew_inside_a_window_is_known_of_nobody(watch: Watch, rows: list[Any]) -> None:
    """What is noted then would be seen as residue of units; it counts for the size, and that is all."""
    end(watch, begin(watch, SHOW))
    watch.observer.active = True
    end(watch, begin(watch, SAVE))
    rows.append([])
    watch.observer.active = False
    end(watch, begin(watch, LIST))
    assert gains(watch) == [(ROWS, 1, None)]


def test_where_too_many_are_in_flight_nothing_is_known(watch: Watch, rows: list[Any]) -> None:
    """In an event loop hundreds may be."""
    end(watch, begin(watch, SHOW))
    flying = [begin(watch, SHOW) for _ in range(IN_FLIGHT_MOST + 1)]
    rows.append([])
    end(watch, begin(watch, SAVE))
    assert gains(watch) == [(ROWS, 1, None)]
    for unit in flying:
        end(watch, unit)


def test_where_one_has_no_name_yet_nothing_is_known(watch: Watch, rows: list[Any]) -> None:
    """It may be any operation."""
    end(watch, begin(watch, SHOW))
    flying = begin(watch, Operation("request", "GET <unmatched>"))
    rows.append([])
    end(watch, begin(watch, SAVE))
    assert gains(watch) == [(ROWS, 1, None)]
    end(watch, flying)


def test_nothing_is_read_where_nothing_is_to_be_found_out(watch: Watch) -> None:
    """That is most of the time."""
    turn(watch)
    end(watch, begin(watch, SAVE))
    assert watch.closely.paths == ()
    assert watch.closely._looks == 0


def test_few_are_read_at_once(watch: Watch, rows: list[Any]) -> None:
    """Those of which least was seen; each has its turn."""
    watched = watch.ledger.books.watched
    more = [f"shop_read_closely.more{number}" for number in range(4)]
    for number in range(10):
        watched.add(dict.fromkeys(range(4), 1.0), [Growth(path, 1, number, None, 0) for path in more])
    seen: set[str] = set()
    for _ in range(8):
        turn(watch)
        assert 0 < len(watch.closely.paths) <= AT_ONCE
        seen.update(watch.closely.paths)
        for path in watch.closely.paths:
            watched.gained(path, 1, {SAVE})
    assert seen == {ROWS, *more}
    assert len(rows) == 10


@pytest.mark.parametrize("seed", range(3))
def test_threads_that_run_units_prove_the_one(watch: Watch, rows: list[Any], seed: int) -> None:
    """Three threads, four operations, three units in ten of one of them leave something: it is found, nobody else."""

    def work(number: int) -> None:
        chance = random.Random(100 * seed + number)
        for _ in range(400):
            operation = chance.choice(ALL)
            unit = begin(watch, operation)
            sleep(0.001 * chance.random())
            if operation == SAVE and chance.random() < 0.3:
                rows.append([])
            sleep(0.001 * chance.random())
            end(watch, unit)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    while any(thread.is_alive() for thread in threads):
        sleep(0.02)
        turn(watch)
    watched = turn(watch)

    held = watched.held(SAVE)
    assert held is not None
    assert held.path == ROWS
    assert held.trend.whole.value == pytest.approx(0.3, abs=0.1)
    assert all(watched.held(other) is None for other in ALL if other != SAVE)


def test_one_that_is_watched_no_more_is_nobodys(watch: Watch, rows: list[Any]) -> None:
    """It has no size any more, which is not taken for a loss of anybody's."""
    end(watch, begin(watch, SHOW))
    watch.observer.containers.forget(ROWS)
    watch.ledger.books.watched.forget(ROWS)
    rows.append([])
    end(watch, begin(watch, SAVE))
    watched = turn(watch)
    assert watch.closely.paths == ()
    assert all(watched.held(each) is None for each in ALL)
