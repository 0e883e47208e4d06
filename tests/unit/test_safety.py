"""The gate swallows memguard's own failures, and nothing that belongs to the host."""

import asyncio
import gc
import logging
import weakref

import greenlet
import pytest

from memguard import safety
from memguard.safety import FAILURES_BEFORE_OFF, Part


class Planted(Exception):  # noqa: N818  # a failure of memguard's own, planted
    """What no code raises by itself."""


def fail(part: Part, message: str = "planted") -> None:
    """Fail inside the gate, always on the same line."""
    with part:
        raise Planted(message)


def test_an_exception_is_swallowed(swallowed: list[BaseException]) -> None:
    """What fails inside the gate does not reach whoever stands around it."""
    part = Part("planting")
    fail(part)

    assert (part.failures, part.last_error, part.on) == (1, "Planted: planted", True)
    assert [type(error) for error in swallowed] == [Planted]


@pytest.mark.parametrize("kind", [SystemExit, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError, BaseException])
def test_what_belongs_to_the_host_passes(kind: type[BaseException]) -> None:
    """An exit, an interrupt, a cancellation: the very object passes through, and counts as no failure."""
    part = Part("planting")
    error = kind("the host's")
    with pytest.raises(kind) as caught, part:
        raise error

    assert caught.value is error
    assert part.failures == 0


def test_greenlet_exit_passes() -> None:
    """A greenlet is ended by an exception that must come through."""
    with pytest.raises(greenlet.GreenletExit), Part("planting"):
        raise greenlet.GreenletExit


def test_success_costs_nothing() -> None:
    """A block that does not fail leaves no trace, and its part can be entered again, also inside itself."""
    part = Part("planting")
    with part, part:
        done = True

    assert done
    assert (part.failures, part.last_error, part.on) == (0, "", True)


def test_only_the_inner_block_is_left(swallowed: list[BaseException]) -> None:
    """An entered part swallows in the innermost block only; the outer one goes on."""
    part = Part("planting")
    went_on = False
    with part:
        fail(part)
        went_on = True

    assert went_on
    assert len(swallowed) == 1


def test_a_part_that_keeps_failing_is_switched_off(swallowed: list[BaseException]) -> None:
    """After so many failures the part is off, and the worker's notes name it, how often it failed and why."""
    part = Part("planting trees")
    for _ in range(FAILURES_BEFORE_OFF - 1):
        fail(part)
    assert (part.on, safety.notes()) == (True, [])

    fail(part)

    assert part.on is False
    assert safety.notes() == [
        f"switched off after {FAILURES_BEFORE_OFF} failures: planting trees (last: Planted: planted)"
    ]
    assert len(swallowed) == FAILURES_BEFORE_OFF


def test_a_part_is_not_kept() -> None:
    """The notes do not keep a part alive that nobody uses any more."""
    part = Part("planting")
    reference = weakref.ref(part)
    del part
    gc.collect()

    assert reference() is None


def test_one_cause_is_logged_once(swallowed: list[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    """A failure that repeats at every request fills no log; the line says what failed, how, and where."""
    part = Part("planting trees")
    with caplog.at_level(logging.WARNING, "memguard"):
        for _ in range(3):
            fail(part)

    (record,) = caplog.records
    assert record.getMessage().startswith("memguard failed in 'planting trees' and went on: Planted: planted (")
    assert "test_safety.py:" in record.getMessage()
    assert record.exc_info is None
    assert len(swallowed) == 3


def test_another_cause_is_logged_too(swallowed: list[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    """The limit is one line per kind of error and place, not one line per part."""
    part = Part("planting")
    with caplog.at_level(logging.WARNING, "memguard"):
        fail(part)
        with part:
            raise ZeroDivisionError

    assert [record.levelname for record in caplog.records] == ["WARNING", "WARNING"]
    assert len(swallowed) == 2


def test_the_log_speaks_again(
    swallowed: list[BaseException], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cause that is still there after a while is logged again."""
    part = Part("planting")
    with caplog.at_level(logging.WARNING, "memguard"):
        fail(part)
        monkeypatch.setattr(safety, "SECONDS_BETWEEN_LOGS", 0.0)
        fail(part)

    assert len(caplog.records) == 2
    assert len(swallowed) == 2


def test_many_causes_take_little_memory(
    swallowed: list[BaseException], caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What has been logged is remembered up to a limit only."""
    monkeypatch.setattr(safety, "CAUSES_KEPT", 2)
    part = Part("planting")
    for kind in (OSError, KeyError, ValueError, TypeError, RuntimeError):
        with part:
            raise kind

    assert len(caplog.records) == 5
    assert len(safety._last_logged) <= 2
    assert len(swallowed) == 5


def test_the_switch_off_is_logged(swallowed: list[BaseException], caplog: pytest.LogCaptureFixture) -> None:
    """The failure that switches the part off says so, though its cause was logged before."""
    part = Part("planting")
    for _ in range(FAILURES_BEFORE_OFF):
        fail(part)

    assert [record.getMessage().endswith("; this part is now switched off") for record in caplog.records] == [
        False,
        True,
    ]
    assert len(swallowed) == FAILURES_BEFORE_OFF


def test_the_gate_holds_no_object_of_the_host(swallowed: list[BaseException]) -> None:
    """Neither the gate nor the log record keeps a frame, and with it the host's objects, alive."""

    class Host:
        """An object of the host's that a failing frame has as a local."""

    def failing() -> "weakref.ref[Host]":
        host = Host()
        with part:
            raise Planted(repr(host))
        return weakref.ref(host)

    part = Part("planting")
    reference = failing()
    swallowed.clear()
    gc.collect()

    assert reference() is None


def test_an_error_that_cannot_be_shown(swallowed: list[BaseException]) -> None:
    """An exception whose own `__str__` fails is swallowed like any other."""

    class Unspeakable(Exception):  # noqa: N818
        def __str__(self) -> str:
            raise RuntimeError("no words")

    part = Part("planting")
    with part:
        raise Unspeakable

    assert part.failures == 1
    assert part.last_error.startswith("Unspeakable")
    assert len(swallowed) == 1


def test_a_log_handler_that_fails(swallowed: list[BaseException]) -> None:
    """A host's log handler that raises does not make the gate leak what it swallowed."""

    class Failing(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            raise OSError("the log's disk is full")

    handler = Failing()
    safety.log.addHandler(handler)
    try:
        fail(Part("planting"))
    finally:
        safety.log.removeHandler(handler)

    assert len(swallowed) == 1
