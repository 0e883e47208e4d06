"""The next units of an operation line by line: asked of this process's guard as the page and the command line ask."""

import asyncio
import contextvars
import os
import sys
import threading
import tracemalloc
from pathlib import Path
from time import time
from typing import Any

import pytest

from memguard.commands import Command, FollowedLine, Following
from memguard.wiring.guard import Guard
from tests.unit.wiring.driving import hurry, make_guard

MB = 1_000_000
NAME = "GET /orders"


def show_order(size: int = MB) -> int:
    """Answer an order."""
    rows = bytearray(size)
    return len(rows)


def other() -> int:
    """Answer something else."""
    return len(bytearray(5 * MB))


async def waits() -> int:
    """Answer an order, later."""
    rows = bytearray(2 * MB)
    await asyncio.sleep(0)
    return len(rows)


class Basket:
    """What a customer has chosen."""

    @staticmethod
    def total(size: int) -> int:
        """Return what it costs."""
        return len(bytearray(size))


def calls() -> int:
    """Answer by what another function does."""
    return Basket.total(3 * MB)


@pytest.fixture
def guard(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Guard:
    """Return this process's guard after its first unit and its first word to the store."""
    hurry(monkeypatch)
    made = make_guard(tmp_path)
    unit(made, show_order)
    made.flush()
    return made


def unit(guard: Guard, run: Any, name: str = NAME) -> None:
    """Run one unit, whose name is known at its end only, as under ASGI."""
    each = guard.begin("request", "")
    run()
    each.name, each.view = name, run
    guard.end(each)


def ask(
    guard: Guard, *, units: int = 2, name: str = NAME, functions: tuple[str, ...] = (), seconds: float = 60.0
) -> str:
    """Ask for it; return the command's id."""
    now = time()
    following = Following("request", name, units, functions)
    command = Command(os.urandom(8).hex(), "lines", guard.worker_id, now, now, seconds, following=following)
    guard.store.add_commands([command])
    guard._keep()
    return command.id


def answer(guard: Guard, command: str) -> Command:
    """Return what has become of it after a round of the keeper."""
    guard._keep()
    return next(each for each in guard.store.commands() if each.id == command)


def lines_of(command: Command, name: str) -> dict[str, FollowedLine]:
    """Return the lines of a function that were found, by their text."""
    assert command.outcome is not None, command
    (found,) = [each for each in command.outcome.functions if each.name.rpartition(".")[2] == name]
    return {each.source.strip(): each for each in found.lines}


def test_the_next_units_are_followed_and_no_others(guard: Guard) -> None:
    """The first tells which code it runs, then as many as were asked for; nothing is traced before, between or after."""
    command = ask(guard)
    seen = []
    for run, name in (
        (show_order, NAME),
        (other, "GET /other"),
        (show_order, NAME),
        (other, "GET /other"),
        (show_order, NAME),
        (show_order, NAME),
    ):
        unit(guard, run, name)
        seen.append(tracemalloc.is_tracing())
    told = answer(guard, command)

    assert (told.state, seen) == ("done", [False] * 6)
    assert told.outcome is not None
    assert told.outcome.message == "Followed 2 units of GET /orders line by line."
    assert [each.name for each in told.outcome.functions] == ["show_order"]
    assert told.outcome.functions[0].file == __file__
    found = lines_of(told, "show_order")
    assert (found["rows = bytearray(size)"].hits, found["return len(rows)"].hits) == (2, 2)
    assert found["rows = bytearray(size)"].increment == pytest.approx(2 * MB, rel=0.01)
    assert found["rows = bytearray(size)"].peak == pytest.approx(MB, rel=0.01)
    assert found['"""Answer an order."""'].hits == 0


def test_functions_that_are_named_are_followed_in_those_units_alone(guard: Guard) -> None:
    """By module and name; what is called elsewhere meanwhile is not counted."""
    command = ask(guard, units=1, functions=(f"{__name__}:Basket.total",))
    Basket.total(9 * MB)
    unit(guard, calls)
    found = lines_of(answer(guard, command), "total")

    assert found["return len(bytearray(size))"].hits == 1
    assert found["return len(bytearray(size))"].peak == pytest.approx(3 * MB, rel=0.01)


def test_a_coroutine_is_followed_where_it_goes_on(guard: Guard) -> None:
    """In the task of its unit."""
    command = ask(guard, units=1)
    unit(guard, show_order)

    async def served() -> None:
        each = guard.begin("request", "")
        await waits()
        each.name, each.view = "GET /later", waits
        guard.end(each)

    later = ask(guard, units=1, name="GET /later")
    assert answer(guard, later).outcome is not None, "one operation at a time"
    unit(guard, show_order)
    assert answer(guard, command).state == "done"
    later = ask(guard, units=1, name="GET /later")
    asyncio.run(served())
    asyncio.run(served())
    assert lines_of(answer(guard, later), "waits")["rows = bytearray(2 * MB)"].peak == pytest.approx(2 * MB, rel=0.01)


def test_only_one_unit_at_a_time_is_followed(guard: Guard) -> None:
    """Those that overlap with it would be in its figures; they run as ever."""
    command = ask(guard, units=5)
    unit(guard, show_order)
    first, second = guard.begin("request", ""), guard.begin("request", "")
    contextvars.Context().run(show_order)
    show_order()
    for each in (second, first):
        each.name, each.view = NAME, show_order
        guard.end(each)
    told = answer(guard, command)
    assert told.state == "running"
    for _ in range(4):
        unit(guard, show_order)
    assert lines_of(answer(guard, command), "show_order")["return len(rows)"].hits == 5


def test_a_debugger_is_left_alone(guard: Guard) -> None:
    """It sees what it would see. On 3.11 there is one place for a tracer: nothing is followed until it has gone."""
    command = ask(guard, units=1)
    unit(guard, show_order)
    seen: list[str] = []

    def tracer(frame: Any, event: str, _: Any) -> Any:
        seen.append(f"{frame.f_code.co_name} {event}")
        return tracer

    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        unit(guard, show_order)
        after = sys.gettrace()
    finally:
        sys.settrace(before)

    assert after is tracer
    assert [each for each in seen if each.startswith("show_order ")] == [
        "show_order call", "show_order line", "show_order line", "show_order return",
    ]  # fmt: skip
    assert answer(guard, command).state == ("done" if sys.version_info >= (3, 12) else "running")
    unit(guard, show_order)
    assert answer(guard, command).state == "done"


def test_what_cannot_be_is_said(guard: Guard) -> None:
    """A function that is not there, an operation that does not come, the application's own tracing."""
    unknown = answer(guard, ask(guard, functions=("shop.tasks:bill",)))
    assert unknown.outcome is not None
    assert unknown.outcome.error.startswith("There is no function 'shop.tasks:bill' in this worker")

    nobody = answer(guard, ask(guard, seconds=0.0))
    assert nobody.outcome is not None
    assert nobody.outcome.error.startswith("No unit of GET /orders was followed within 0 ms: none came")

    tracemalloc.start()
    try:
        refused = answer(guard, ask(guard))
    finally:
        tracemalloc.stop()
    assert refused.outcome is not None
    assert refused.outcome.error.startswith("The application has started tracemalloc itself")
    assert guard._watch is not None
    assert guard._watch.followed is None


def test_a_worker_that_does_not_serve_the_operation_has_not_failed(guard: Guard) -> None:
    """All workers are asked, and some have other work: of another kind, which is said at once, or other operations."""
    words = "This worker does not serve {}: it has had no unit of it."
    now = time()
    task = Command("1" * 16, "lines", guard.worker_id, now, now, 60.0, following=Following("task", "shop.bill"))
    guard.store.add_commands([task])
    told = answer(guard, task.id)
    assert told.outcome is not None
    assert (told.state, told.outcome.message, told.outcome.error) == ("done", words.format("shop.bill"), "")

    waits = ask(guard, name="GET /nobody")
    assert answer(guard, waits).state == "running", "its first unit may come yet"
    unit(guard, show_order, "GET /nobody")
    unit(guard, show_order, "GET /nobody")
    unit(guard, show_order, "GET /nobody")
    assert answer(guard, waits).outcome is not None

    for command in (ask(guard, name="GET /else", seconds=0.0), ask(guard, name="GET /else", functions=("shop.a:b",))):
        told = answer(guard, command)
        assert told.outcome is not None
        assert (told.state, told.outcome.message) == ("done", words.format("GET /else"))


def test_a_unit_in_another_thread_is_followed_too(guard: Guard) -> None:
    """Each thread of a server serves units."""
    command = ask(guard, units=1)
    unit(guard, show_order)
    served = threading.Thread(target=unit, args=(guard, show_order))
    served.start()
    served.join()

    assert lines_of(answer(guard, command), "show_order")["return len(rows)"].hits == 1
