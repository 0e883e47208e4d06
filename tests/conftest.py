"""What every test gets: a process as clean as it was found, and no failure of memguard's that goes unseen."""

import gc
import os
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from typing import Any

import pytest

from memguard import safety

FROZEN_BY_THE_INTERPRETER = 5_000


@pytest.hookimpl(tryfirst=True)  # before pytest-xdist reads the marker
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Where tests run in parallel, those that share a fixture of their file run in one process, unless they say otherwise."""
    for item in items:
        if item.get_closest_marker("xdist_group") is None and _shares_a_fixture(item):
            item.add_marker(pytest.mark.xdist_group(item.nodeid.partition("::")[0]))


def _shares_a_fixture(item: pytest.Item) -> bool:
    known = item._fixtureinfo.name2fixturedefs if isinstance(item, pytest.Function) else {}
    return any(definitions[-1].scope == "module" for definitions in known.values())


@pytest.fixture(autouse=True)
def _nothing_is_swallowed(request: pytest.FixtureRequest) -> Iterator[list[BaseException]]:
    errors: list[BaseException] = []
    listener = errors.append
    safety.on_swallow.append(listener)
    yield errors
    safety.on_swallow.remove(listener)
    # Parts outlive tests: failures planted in one must not switch a part off, or mute its log, in another.
    safety._last_logged.clear()
    for part in tuple(safety._parts):
        part.on, part.failures, part.last_error = True, 0, ""
    if errors and "swallowed" not in request.fixturenames:
        raise BaseExceptionGroup("memguard.safety swallowed what it should not have met", errors)


@pytest.fixture
def swallowed(_nothing_is_swallowed: list[BaseException]) -> list[BaseException]:
    """The exceptions `memguard.safety` swallowed so far, for a test that plants a failure and looks into the list.

    In every other test whatever was swallowed is raised again at the end.
    """
    return _nothing_is_swallowed


@pytest.fixture(autouse=True)
def _own_surroundings(monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory) -> None:
    # The machine's own settings and stores stay out of the tests, and theirs stay out of the machine.
    for name in tuple(os.environ):
        if name.startswith("MEMGUARD_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path_factory.mktemp("runtime")))


@pytest.fixture(autouse=True)
def _process_left_as_found(_nothing_is_swallowed: list[BaseException], _own_surroundings: None) -> Iterator[None]:
    before = _process_wide()
    yield
    wiring = sys.modules.get("memguard.wiring.guard")
    guard = wiring.Guard.current() if wiring is not None else None
    if guard is not None:
        guard.close()
    after = _process_wide()
    _put_back(before)
    assert after == before, "the test left process-wide switches otherwise than it found them"


def _process_wide() -> dict[str, Any]:
    return {
        "gc enabled": gc.isenabled(),
        "gc thresholds": gc.get_threshold(),
        # CPython 3.12 itself freezes some hundreds of immortal objects at a collection.
        "heap frozen": gc.get_freeze_count() > FROZEN_BY_THE_INTERPRETER,
        "tracemalloc on": tracemalloc.is_tracing(),
        "memguard's threads": [each.name for each in threading.enumerate() if each.name.startswith("memguard")],
    }


def _put_back(before: dict[str, Any]) -> None:
    (gc.enable if before["gc enabled"] else gc.disable)()
    gc.set_threshold(*before["gc thresholds"])
    if not before["heap frozen"]:
        gc.unfreeze()
    if not before["tracemalloc on"]:
        tracemalloc.stop()
