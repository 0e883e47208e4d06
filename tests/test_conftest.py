"""The fixtures around every test do what CONTRIBUTING says: nothing is swallowed unseen, nothing is left behind."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

PLANTED = """
import gc
import os
import tracemalloc

from memguard import safety
from memguard.safety import Part

part = Part("planting")


def fail():
    with part:
        raise OSError("planted")


def test_swallowed_unseen():
    fail()


def test_swallowed_and_looked_at(swallowed):
    fail()
    assert [str(error) for error in swallowed] == ["planted"]


def test_part_left_off(swallowed):
    for _ in range(safety.FAILURES_BEFORE_OFF):
        fail()
    assert not part.on


def test_part_on_again():
    assert part.on
    assert safety.notes() == []


def test_tracing_left_on():
    tracemalloc.start()


def test_heap_left_frozen():
    gc.freeze()


def test_thresholds_left_raised():
    gc.set_threshold(700, 2**31 - 1, 2**31 - 1)


def test_collector_left_off():
    gc.disable()


def test_all_put_back():
    assert not tracemalloc.is_tracing()
    assert gc.get_freeze_count() < 5000
    assert gc.get_threshold()[1] < 1000
    assert gc.isenabled()


def test_settings_of_the_machine():
    assert "MEMGUARD_MODE" not in os.environ
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> str:
    """What pytest says of planted tests that stand under our conftest."""
    folder = tmp_path_factory.mktemp("planted")
    shutil.copy(Path(__file__).parent / "conftest.py", folder)
    (folder / "test_planted.py").write_text(PLANTED)
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", "-v", "--rootdir", str(folder), str(folder)],
        capture_output=True, text=True, cwd=folder, timeout=120, check=False, env={"MEMGUARD_MODE": "off", "PATH": ""},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize(
    "test",
    [
        "test_swallowed_unseen",
        "test_tracing_left_on",
        "test_heap_left_frozen",
        "test_thresholds_left_raised",
        "test_collector_left_off",
    ],
)
def test_told(report: str, test: str) -> None:
    """A test that swallowed a failure, or left the process otherwise than it found it, is an error."""
    assert f"test_planted.py::{test} ERROR" in report


@pytest.mark.parametrize(
    "test",
    [
        "test_swallowed_and_looked_at",
        "test_part_left_off",
        "test_part_on_again",
        "test_all_put_back",
        "test_settings_of_the_machine",
    ],
)
def test_fine(report: str, test: str) -> None:
    """A test that asked for what was swallowed passes, and so does one that follows a messy one."""
    assert f"test_planted.py::{test} PASSED" in report
    assert f"test_planted.py::{test} ERROR" not in report
