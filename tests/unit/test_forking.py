"""A fork is handled in one place: what is registered is made anew in the child, and nothing is kept alive for it."""

import builtins
import gc
import importlib
import os
import signal
import sys
import threading
import weakref
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard import forking
from memguard.forking import reset_in_child, undivided

SECONDS_FOR_A_CHILD = 20


def in_child(answer: Callable[[], int]) -> int:
    """Fork, and return what the child answers as its exit code; a child that hangs is killed and is an error."""
    pid = os.fork()
    if pid == 0:
        signal.alarm(SECONDS_FOR_A_CHILD)
        code = 99
        try:
            code = answer()
        finally:
            os._exit(code)
    _, status = os.waitpid(pid, 0)
    return os.waitstatus_to_exitcode(status)


class Counter:
    """Something with a lock, as a store or a guard is."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.resets = 0
        reset_in_child(self.reset)

    def reset(self) -> None:
        """Make anew what a fork may have caught half-way."""
        self.lock = threading.Lock()
        self.resets += 1


@pytest.fixture(autouse=True)
def _own_registry(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(forking, "_resets", [])


def test_reset_in_the_child_only() -> None:
    """The child resets once per fork; the parent goes on undisturbed."""
    counter = Counter()

    assert in_child(lambda: counter.resets) == 1
    assert in_child(lambda: counter.resets) == 1
    assert counter.resets == 0


def test_a_child_of_a_child() -> None:
    """What is registered once is reset in every generation of children."""
    counter = Counter()

    assert in_child(lambda: in_child(lambda: counter.resets)) == 2


def test_a_fork_while_the_lock_is_held() -> None:
    """A child born while another thread holds the lock can take its own at once."""
    counter = Counter()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with counter.lock:
            held.set()
            done.wait(SECONDS_FOR_A_CHILD)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(SECONDS_FOR_A_CHILD)
        code = in_child(lambda: 7 if counter.lock.acquire(timeout=SECONDS_FOR_A_CHILD / 2) else 1)
    finally:
        done.set()
        thread.join()

    assert code == 7


def test_registered_order() -> None:
    """Resets run in the order in which they were registered, so that a later one can rely on an earlier one."""
    order: list[int] = []

    class Numbered:
        def __init__(self, number: int) -> None:
            self.number = number
            reset_in_child(self.reset)

        def reset(self) -> None:
            order.append(self.number)

    kept = [Numbered(number) for number in (3, 1, 2)]

    assert in_child(lambda: 0 if order == [numbered.number for numbered in kept] else 1) == 0


def test_what_is_registered_is_not_kept() -> None:
    """An object nobody uses any more goes, and its entry in the registry with the next registration."""
    gone = Counter()
    reference = weakref.ref(gone)
    del gone
    gc.collect()
    kept = Counter()

    assert reference() is None
    assert len(forking._resets) == 1
    assert in_child(lambda: kept.resets) == 1


def test_one_reset_that_fails(swallowed: list[BaseException]) -> None:
    """A reset that fails in the child keeps neither the others nor the child from going on."""

    class Failing:
        def __init__(self) -> None:
            reset_in_child(self.reset)

        def reset(self) -> None:
            raise OSError("cannot be made anew")

    kept = (Failing(), Counter())

    assert in_child(lambda: kept[1].resets + 10 * len(swallowed)) == 11
    assert swallowed == []


def test_a_fork_waits_for_an_import(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A child that is born meanwhile has the module whole: half of it, with the lock of a thread that is not there, hangs."""
    (tmp_path / "slow_to_import.py").write_text(
        "import threading\nbegun.set()\nthreading.Event().wait(0.3)\nwhole = True\n"
    )
    begun = threading.Event()
    monkeypatch.setattr(builtins, "begun", begun, raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))

    def importing() -> None:
        with undivided():
            importlib.import_module("slow_to_import")

    thread = threading.Thread(target=importing)
    thread.start()
    assert begun.wait(SECONDS_FOR_A_CHILD)
    answer = in_child(lambda: int(importlib.import_module("slow_to_import").whole))
    thread.join()
    del sys.modules["slow_to_import"]

    assert answer == 1


def test_a_fork_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    """The host's fork is more than an import of ours that takes its time; parent and child can both import afterwards."""
    monkeypatch.setattr(forking, "WAIT_SECONDS", 0.05)
    held, over = threading.Event(), threading.Event()

    def importing() -> None:
        with undivided():
            held.set()
            over.wait(SECONDS_FOR_A_CHILD)

    thread = threading.Thread(target=importing)
    thread.start()
    assert held.wait(SECONDS_FOR_A_CHILD)

    def child() -> int:
        with undivided():
            return 7

    assert in_child(child) == 7
    over.set()
    thread.join()
    with undivided():
        assert in_child(child) == 7  # by a thread that holds it itself
