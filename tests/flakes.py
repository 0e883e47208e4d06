"""How often the pytest plugin judges wrongly: the samples again and again, some in each fresh process, on any machine.

`python -m tests.flakes --judgements 1000` runs a leaking and a clean sample so often each, and fails if one was judged wrongly.
"""

import argparse
import os
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as ET
from collections import Counter
from pathlib import Path

from tests.unit.pytest_plugin import samples

SAMPLES = "test_leaks_objects or test_settles_with_garbage"
IN_ONE_PROCESS = 25
SECONDS_FOR_ONE = 60
CONFTEST = """
import os

def pytest_generate_tests(metafunc):
    metafunc.fixturenames.append("turn")
    metafunc.parametrize("turn", range(int(os.environ["TURNS"])))
"""
SETTINGS = "[pytest]\nasyncio_mode = auto\nasyncio_default_fixture_loop_scope = function\n"


def judged(which: str, turns: int) -> Counter[tuple[str, bool]]:
    """Return how often each sample failed by memguard, or did not, in one fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "conftest.py").write_text(CONFTEST)
        Path(folder, "pytest.ini").write_text(SETTINGS)
        Path(folder, "test_samples.py").write_text(Path(samples.__file__).read_text())
        command = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            "-p",
            "no:cacheprovider",
            "--junit-xml=report.xml",
            "-k",
            which,
        ]
        environ = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST_")}
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, check=False,
            timeout=120 + turns * SECONDS_FOR_ONE, env={**environ, "TURNS": str(turns)},
        )  # fmt: skip
        if done.returncode not in {0, 1}:
            raise SystemExit(done.stdout + done.stderr)
        found: Counter[tuple[str, bool]] = Counter()
        for case in ET.parse(Path(folder, "report.xml")).iter("testcase"):
            failure = case.find("failure")
            if failure is not None and not str(failure.text).startswith("memguard: "):
                raise SystemExit(f"{case.get('name')} failed by itself: {failure.text}")
            found[str(case.get("name")).partition("[")[0], failure is not None] += 1
        return found


def main() -> int:
    """Judge so often, or as often as the seconds allow; print the count; return 1 if there was a wrong one."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-k", default=SAMPLES, help=f"which samples (default: {SAMPLES})")
    parser.add_argument("--judgements", type=int, default=1000, help="of each sample (default: 1000)")
    parser.add_argument("--in-one-process", type=int, default=IN_ONE_PROCESS, help="so many of each, then a fresh one")
    parser.add_argument("--seconds", type=float, default=float("inf"), help="begin no new process after so long")
    asked = parser.parse_args()
    found: Counter[tuple[str, bool]] = Counter()
    began, left, processes = time.monotonic(), asked.judgements, 0
    while left > 0 and time.monotonic() - began < asked.seconds:
        turns = min(left, asked.in_one_process)
        found += judged(asked.k, turns)
        left, processes = left - turns, processes + 1
        print(f"{asked.judgements - left} of {asked.judgements}, {time.monotonic() - began:.0f} s", flush=True)
    wrong = 0
    for name in sorted({name for name, _ in found}):
        leaks = name.startswith("test_leaks_")
        wrong += found[name, not leaks]
        print(f"{name}: {found[name, True] + found[name, False]} judgements, {found[name, not leaks]} wrong")
    print(f"{processes} processes, {time.monotonic() - began:.0f} s")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
