import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.unit.pytest_plugin import samples

SECONDS_MOST = 400


@dataclass(frozen=True)
class Ran:
    """What pytest said of one sample: why it failed, None if it passed; and its properties."""

    failure: str | None
    properties: dict[str, str]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Ran]:
    """Run all samples once, in a process of their own, with JUnit's report."""
    folder = tmp_path_factory.mktemp("samples")
    source = folder / "test_samples.py"
    source.write_text(Path(samples.__file__).read_text())
    # Its own settings: a temporary folder may lie in a checkout, whose settings make errors of warnings.
    (folder / "pytest.ini").write_text(
        "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\njunit_family = xunit2\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--junit-xml=report.xml", source.name],
        cwd=folder, capture_output=True, text=True, timeout=SECONDS_MOST, check=False,
        env={name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")},
    )  # fmt: skip
    assert done.returncode == 1, done.stdout + done.stderr
    found = {}
    for case in ET.parse(folder / "report.xml").iter("testcase"):
        failure = case.find("failure")
        properties = {str(each.get("name")): str(each.get("value")) for each in case.iter("property")}
        found[str(case.get("name"))] = Ran(None if failure is None else failure.text, properties)
    return found


def test_what_leaks_fails_and_what_settles_passes(ran: dict[str, Ran]) -> None:
    """All of them, each by memguard: objects, entries, text, in fixtures, coroutines and unittest's cases."""
    leaking = {name for name in ran if name.startswith("test_leaks_")}
    failed = {name for name, each in ran.items() if each.failure is not None}

    assert failed == leaking
    assert len(leaking) == 12
    assert len(ran) == 20
    for name in leaking:
        assert str(ran[name].failure).startswith("memguard: ")


def test_the_failure_says_what_stays_where_it_was_allocated_and_who_holds_it(ran: dict[str, Ran]) -> None:
    """With types, line, holder, pattern and advice."""
    told = str(ran["test_leaks_objects"].failure)
    (line,) = [number for number, text in _source() if text == "    orders[next(numbers)] = Order()"]

    assert told.startswith(
        "memguard: this test leaves something behind: in each of 5 rounds of 20 runs, after 10 runs to warm up, and still "
        "there after a full collection.\n"
    )
    assert re.search(r"^  per run     .*: 1 list, 1 test_samples\.Order$", told, re.MULTILINE)
    assert re.search(rf"^  allocated   \S*/test_samples\.py:{line} in keep_an_order: orders", told, re.MULTILINE)
    assert re.search(
        r"^  held by     test_samples\.orders\[\d+\]  \(module test_samples, now \d+ entries, \+1 a run\)$",
        told,
        re.MULTILINE,
    )
    assert re.search(r"^  pattern     unbounded-container: ", told, re.MULTILINE)
    assert "\n  what to do  Each unit adds an entry" in told


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("test_leaks_entries", r"held by     test_samples\.nothing  .*\+1 a run"),
        ("test_leaks_text", r'allocated   .* in test_leaks_text: text\["all"\] \+= "x" \* 100'),
        ("test_leaks_from_a_callable", r"held by     test_samples\.names  "),
        ("test_leaks_from_a_coroutine", r"^memguard: test_leaks_from_a_coroutine\.<locals>\.call leaves"),
        ("test_leaks_into_a_fixture", r"held by     shop\.__class__\.seen\[…\]  \(fixture shop, "),
        ("test_leaks_in_a_test_case", r"held by     test_samples\.orders"),
        ("test_leaks_more_objects_than_allowed", r"per run .* test_samples\.Order \(2 objects, max_objects allows 1\)"),
        ("test_leaks_more_bytes_than_allowed", r"per run .*\(\d+ B, max_growth allows 50 B\)"),
        ("test_leaks_nothing_but_needs_much", r"^memguard: a run of this test needed 2\.00 MB at once, .* allows 1\.00 MB\.$"),
    ],
)  # fmt: skip
def test_each_failure_names_its_cause(ran: dict[str, Ran], name: str, expected: str) -> None:
    """The container, the line, the fixture or the limit."""
    assert re.search(expected, str(ran[name].failure), re.MULTILINE)


def test_what_was_measured_is_in_junits_report(ran: dict[str, Ran]) -> None:
    """As properties of the test, where it was measured at all."""
    measured = ran["test_settles_within_limits"].properties

    assert set(measured) == {
        "memguard_runs", "memguard_objects_per_run", "memguard_bytes_per_run", "memguard_peak_bytes",
    }  # fmt: skip
    assert int(measured["memguard_runs"]) >= 20
    assert round(float(measured["memguard_objects_per_run"])) == 2
    assert ran["test_leaks_objects"].properties["memguard_objects_per_run"] == "2.0"
    assert 2_000_000 <= int(ran["test_leaks_nothing_but_needs_much"].properties["memguard_peak_bytes"]) < 2_100_000
    assert ran["test_settles_as_it_is_not_asked"].properties == {}


def _source() -> list[tuple[int, str]]:
    return list(enumerate(Path(samples.__file__).read_text().splitlines(), 1))
