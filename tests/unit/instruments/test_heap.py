import gc
import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Literal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from memguard.instruments.collector import NEVER
from memguard.instruments.heap import (
    CLOSED,
    FROZEN_BY_THE_INTERPRETER,
    IDLE,
    OPEN,
    DisturbedError,
    FrozenWindow,
    GenerationWindow,
    Window,
    choose_window,
)
from tests.unit.instruments.planting import Planted, frozen_heap, ids, plant, plant_cycles, tuples_built_meanwhile
from tests.unit.store.children import ended_well, forked

KINDS: tuple[type[FrozenWindow] | type[GenerationWindow], ...] = (FrozenWindow, GenerationWindow)
DEADLINE = 60.0


@pytest.fixture(params=KINDS, ids=lambda kind: kind.name)
def window(request: pytest.FixtureRequest) -> Iterator[Window]:
    """Return a window of each kind."""
    made: Window = request.param()
    yield made
    made.abandon()


def test_survivors_are_exact(window: Window) -> None:
    """What was born inside and lives is found, all of it; what was there before or died is not."""
    there = plant(5)
    window.open()
    kept = plant(7)
    kept += plant_cycles(2)
    plant(3).clear()
    plant_cycles(4).clear()
    del there[2:]
    window.close()
    found = ids(window.settle())

    assert found == ids(kept) | ids(each.other for each in kept)
    assert len(found) == 7 + 2 * 2


def test_what_is_born_after_the_close() -> None:
    """The exact window is over with its close; the one by generations reaches until it is read."""
    for kind, expected in ((FrozenWindow, 2), (GenerationWindow, 5)):
        window = kind()
        window.open()
        kept = plant(2)
        window.close()
        later = plant(3)

        assert ids(window.settle()) == ids((kept + later)[:expected])


def test_what_dies_between_close_and_settle(window: Window) -> None:
    """The end of a unit is not the moment its memory is free: what goes before the window is settled is no residue."""
    window.open()
    kept, response = plant(2), plant(9)
    window.close()
    response.clear()

    assert ids(window.settle()) == ids(kept)


def test_nothing_but_what_was_planted(window: Window) -> None:
    """A window sees nothing of itself, and of the surroundings only what they made: one object is one object."""
    slots: list[object] = [None] * 50
    window.open()
    for number in range(50):
        slots[number] = {number: slots}
    window.close()
    born = window.settle()

    assert {id(each) for each in born} == {id(each) for each in slots}
    assert len(born) == 50


def test_exact_tuples_are_left_out(window: Window) -> None:
    """An exact tuple may be unfinished in another thread, so none is handed out; other tuples are."""

    class Named(tuple[Planted, ...]):
        __slots__ = ()

    window.open()
    kept = [(Planted(),), Named((Planted(),))]
    window.close()
    born = window.settle()

    assert [type(each) for each in born if isinstance(each, tuple)] == [Named]
    assert ids(born) == ids(part for each in kept for part in each)


def test_cyclic_garbage_is_counted(window: Window) -> None:
    """What only a collection frees is freed by the window, and counted: it is a leak where the host never collects."""
    window.open()
    plant_cycles(6).clear()
    window.close()
    window.settle().clear()

    assert window.garbage == 12


def test_born_so_far(window: Window) -> None:
    """While a window is open it tells how many objects were born and are alive, without ending."""
    slots: list[object] = [None] * 100
    window.open()
    before = window.born()
    for number in range(100):
        slots[number] = Planted()
    middle = window.born()
    slots[:50] = [None] * 50
    after = window.born()

    assert (middle - before, after - before) == (100, 50)
    assert window.state == OPEN


def test_the_states_of_a_window(window: Window) -> None:
    """A window is idle, open, closed, idle again, and can be used any number of times."""
    seen = []
    for _ in range(3):
        seen.append(window.state)
        window.open()
        seen.append(window.state)
        window.close()
        seen.append(window.state)
        window.settle().clear()

    assert seen == [IDLE, OPEN, CLOSED] * 3
    assert window.state == IDLE


def test_abandoned_at_any_moment(window: Window) -> None:
    """A window that is given up puts everything back and can be opened again; giving up twice does nothing."""
    thresholds = gc.get_threshold()
    window.abandon()
    window.open()
    assert gc.get_threshold() == (thresholds[0], NEVER, NEVER)
    window.abandon()
    assert (window.state, gc.get_threshold()) == (IDLE, thresholds)
    window.open()
    window.close()
    window.abandon()
    window.abandon()

    assert (window.state, gc.get_threshold()) == (IDLE, thresholds)
    assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER


def test_the_exact_window_is_chosen() -> None:
    """Where it proves itself, there is nothing to say about it."""
    chosen, note = choose_window()

    assert isinstance(chosen, FrozenWindow)
    assert (chosen.state, note) == (IDLE, "")
    assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER


def test_a_heap_that_the_host_froze_stays_frozen() -> None:
    """As after `gc.freeze` in a master that forks: windows by generations serve, and say why, and thaw nothing."""
    with frozen_heap() as frozen:
        window, note = choose_window()
        assert isinstance(window, GenerationWindow)
        assert "froze its heap" in note
        for _ in range(3):
            window.open()
            kept = plant(4)
            plant_cycles(4).clear()
            window.close()
            assert ids(window.settle()) == ids(kept)

        assert gc.get_freeze_count() >= frozen - FROZEN_BY_THE_INTERPRETER


Act = Literal["collect(0)", "collect(1)", "collect(2)", "freeze", "unfreeze"]
ACTS: dict[Act, Callable[[], object]] = {
    "collect(0)": lambda: gc.collect(0),
    "collect(1)": lambda: gc.collect(1),
    "collect(2)": lambda: gc.collect(2),
    "freeze": gc.freeze,
    "unfreeze": gc.unfreeze,
}
HARMLESS: dict[tuple[str, str], set[Act]] = {
    ("frozen", OPEN): {"collect(0)", "collect(1)", "collect(2)"},
    ("frozen", CLOSED): {"collect(0)"},
    ("generations", OPEN): {"collect(0)", "unfreeze"},
    ("generations", CLOSED): {"collect(0)", "unfreeze"},
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("moment", [OPEN, CLOSED])
def test_what_the_host_does_to_its_collector(window: Window, moment: str, act: Act) -> None:
    """A reading is exact or it is refused, and afterwards the heap is as the host wants it."""
    thresholds = gc.get_threshold()
    try:
        window.open()
        kept = plant(3)
        if moment == OPEN:
            ACTS[act]()
        kept += plant(3)
        window.close()
        if moment == CLOSED:
            ACTS[act]()
        if act in HARMLESS[window.name, moment]:
            assert ids(window.settle()) == ids(kept)
        else:
            with pytest.raises(DisturbedError):
                window.settle()

        assert (gc.get_freeze_count() > FROZEN_BY_THE_INTERPRETER) == (act == "freeze")
        assert gc.get_threshold() == thresholds
        assert window.state == IDLE
    finally:
        gc.unfreeze()


@contextmanager
def collecting_elsewhere() -> Iterator[None]:
    """Have another thread stand in the middle of a collection; CPython then lets nobody else collect."""
    begun, done = threading.Event(), threading.Event()

    def wait(phase: str, _: dict[str, int]) -> None:
        if threading.current_thread() is thread and phase == "start":
            begun.set()
            done.wait(DEADLINE)

    thread = threading.Thread(target=gc.collect, args=(0,))
    gc.callbacks.append(wait)
    try:
        thread.start()
        assert begun.wait(DEADLINE)
        yield
    finally:
        done.set()
        thread.join()
        gc.callbacks.remove(wait)


@pytest.mark.parametrize("moment", ["open", "close", "settle"])
def test_another_thread_is_collecting(window: Window, moment: str) -> None:
    """A window whose own collection could not run reads nothing rather than something wrong; the heap is put back."""
    thresholds = gc.get_threshold()
    young = plant(5)
    with collecting_elsewhere() if moment == "open" else nullcontext():
        window.open()
    kept = plant(3)
    with collecting_elsewhere() if moment == "close" else nullcontext():
        window.close()
    with collecting_elsewhere() if moment == "settle" else nullcontext():
        try:
            found = ids(window.settle())
        except DisturbedError:
            found = None

    assert found in (None, ids(kept))
    assert (found is None) == ((window.name, moment) in MISSED)
    assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER
    assert (gc.get_threshold(), window.state) == (thresholds, IDLE)
    window.open()
    kept = plant(2)
    window.close()
    assert ids(window.settle()) == ids(kept), "the next window is exact again"
    assert young


MISSED = {("frozen", "close"), ("generations", "open"), ("generations", "settle")}
"""Where a window has to collect to be exact."""


def test_the_exact_window_is_chosen_while_another_thread_collects() -> None:
    """That a proof could not be made is no proof against the window."""
    with collecting_elsewhere():
        chosen, note = choose_window()

    assert isinstance(chosen, FrozenWindow)
    assert note == ""
    assert gc.get_freeze_count() <= FROZEN_BY_THE_INTERPRETER


@pytest.mark.parametrize(
    ("given_", "kept"),
    [((500,), (500, 10, 10)), ((500, 5), (500, 5, 10)), ((500, 5, 4), (500, 5, 4)), ((0,), (0, 10, 10))],
)
def test_thresholds_that_the_host_sets_in_a_window(
    window: Window, given_: tuple[int, ...], kept: tuple[int, int, int]
) -> None:
    """Whatever the host sets is kept, and what it leaves alone is what it was."""
    before = gc.get_threshold()
    try:
        gc.set_threshold(700, 10, 10)
        window.open()
        gc.set_threshold(*given_)
        window.close()
        window.abandon()

        assert gc.get_threshold() == kept
    finally:
        gc.set_threshold(*before)


def test_thresholds_read_in_a_window_and_put_back_later(window: Window) -> None:
    """A host that saves and restores its thresholds may save the window's; they do not stay for ever."""
    thresholds = gc.get_threshold()
    window.open()
    saved = gc.get_threshold()
    gc.set_threshold(0)
    window.abandon()
    gc.set_threshold(*saved)
    window.open()
    window.abandon()

    assert gc.get_threshold() == thresholds


def test_a_collector_that_is_off_stays_off(window: Window) -> None:
    """Windows need the collector, but not the host's: what the host switched off stays off, and nothing is missed."""
    gc.disable()
    try:
        window.open()
        assert not gc.isenabled()
        kept = plant(3)
        plant_cycles(5).clear()
        window.close()
        assert ids(window.settle()) == ids(kept)

        assert window.garbage == 10
        assert not gc.isenabled()
    finally:
        gc.enable()


def rhythm(kind: str, every: int) -> dict[str, float]:
    """Run the load of `rhythm.py` in a process of its own and return its counts."""
    command = [sys.executable, str(Path(__file__).with_name("rhythm.py")), kind, str(every)]
    counted: dict[str, float] = json.loads(
        subprocess.run(command, check=True, capture_output=True, timeout=DEADLINE).stdout
    )
    return counted


def test_the_hosts_collections_keep_their_rhythm() -> None:
    """Full collections are as many as without windows, whether windows are rare or follow each other.

    Tolerance: one collection more or less at the end of the run, another by rounding how far a middle collection
    had come, and with it at most two in the mean of the count that triggers them. Garbage in the oldest generation
    at most doubles: what a window covers is promoted sooner than by itself.
    """
    bare = rhythm("none", 1)
    assert bare["full"] >= 5

    for every in (1, 50):
        with_windows = rhythm("frozen", every)

        assert abs(with_windows["full"] - bare["full"]) <= 2
        assert abs(with_windows["mean count"] - bare["mean count"]) <= 2
        assert with_windows["most alive"] <= 2 * bare["most alive"]
        assert with_windows["thresholds as before"]
        assert with_windows["still frozen"] == 0


def test_full_collections_go_on_under_a_frozen_heap() -> None:
    """Windows by generations, one after the other, do not keep garbage from being collected."""
    bare, with_windows = rhythm("none", 1), rhythm("generations", 1)

    assert with_windows["full"] >= bare["full"]
    assert with_windows["most alive"] <= bare["most alive"]
    assert with_windows["thresholds as before"]


def test_unfinished_tuples_of_other_threads(window: Window) -> None:
    """A thread that builds tuples without pause never meets SystemError, however often windows look into the heap."""
    with tuples_built_meanwhile() as failures:
        for _ in range(3000):
            window.open()
            window.born()
            window.close()
            with suppress(DisturbedError):  # a thread was in the middle of a collection
                window.settle().clear()
            if failures:
                break

    assert not failures


@pytest.mark.parametrize("moment", [OPEN, CLOSED])
def test_a_fork_inside_a_window(window: Window, moment: str) -> None:
    """The child begins with the heap and the thresholds of the host, and its own windows work; the parent's go on."""
    thresholds, frozen = gc.get_threshold(), gc.get_freeze_count()

    def child() -> None:
        assert (gc.get_threshold(), window.state) == (thresholds, IDLE)
        assert gc.get_freeze_count() <= frozen
        window.open()
        own = plant(3)
        window.close()
        assert ids(window.settle()) == ids(own)

    window.open()
    kept = plant(2)
    if moment == CLOSED:
        window.close()
    pid = forked(child)
    if moment == OPEN:
        window.close()

    assert ended_well(pid)
    assert ids(window.settle()) == ids(kept)


BEFORE, INSIDE, AFTER = range(3)
FATES = ("stays", "dies at once", "dies inside", "dies before it is settled", "dies in a cycle", "stays in a cycle")


@st.composite
def lives(draw: st.DrawFn) -> tuple[int, str]:
    """When an object is born, and what becomes of it."""
    return draw(st.sampled_from((BEFORE, INSIDE, AFTER))), draw(st.sampled_from(FATES))


@given(st.sampled_from(KINDS), st.lists(st.lists(lives(), max_size=20), min_size=1, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_lives_in_any_threads(kind: type[Window], plans: list[list[tuple[int, str]]]) -> None:
    """Whatever is born and dies in whichever thread, a window finds those that live, and no others."""
    window = kind()
    stayed: list[Planted] = []
    births = (INSIDE,) if window.two_phase else (INSIDE, AFTER)
    expected: list[Planted] = []
    doomed: dict[str, list[Planted]] = {"dies inside": [], "dies before it is settled": []}

    def live(moment: int, plan: list[tuple[int, str]]) -> None:
        for born, fate in plan:
            if born == moment:
                new = plant_cycles(1) if "cycle" in fate else plant(1)
                if fate.startswith("stays"):
                    stayed.extend(new)
                    if born in births:
                        expected.extend(new)
                        expected.extend(each.other for each in new if each.other is not None)
                elif fate in doomed and not (born == AFTER and fate == "dies inside"):
                    doomed[fate].extend(new)
                del new

    def all_live(moment: int) -> None:
        threads = [threading.Thread(target=live, args=(moment, plan)) for plan in plans]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    try:
        all_live(BEFORE)
        window.open()
        all_live(INSIDE)
        doomed["dies inside"].clear()
        window.close()
        all_live(AFTER)
        doomed["dies before it is settled"].clear()
        found = ids(window.settle())
    finally:
        window.abandon()

    assert found == ids(expected)
