import json
import signal
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest

from memguard import cli
from memguard.export.curve import POINTS_MOST, Curve, as_svg, as_text, columns

PROGRAM = """
import subprocess, sys, time
import memguard
memguard.mark("a <b> & c")
mine = bytearray(50_000_000)
child = subprocess.Popen([sys.executable, "-c", "import time; x = bytearray(70_000_000); time.sleep(0.6)"])
child.wait()
sys.exit(3)
"""


def test_a_program_is_drawn_with_its_children_and_its_marks(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Its exit code is the command's; picture and readings are written; the marks are at their moment."""
    picture, readings = tmp_path / "curve.svg", tmp_path / "curve.json"
    code = cli.main(
        [
            "record",
            "-o",
            str(picture),
            "--json",
            str(readings),
            "--interval",
            "20ms",
            "--",
            sys.executable,
            "-c",
            PROGRAM,
        ]
    )
    told = json.loads(readings.read_text())
    drawn = "".join(ET.parse(picture).getroot().itertext())

    assert code == 3
    assert 120_000_000 < told["peak_bytes"] < 400_000_000
    assert told["points"][0][1] < 100_000_000
    ((at, text),) = told["marks"]
    assert (text, 0 <= at <= told["points"][-1][0]) == ("a <b> & c", True)
    assert "a <b> & c" in drawn
    said = capfd.readouterr().err
    assert "MB at most, after" in said
    assert "1 a <b> & c (" in said


def test_a_program_that_a_signal_ends_has_its_code() -> None:
    """As in a shell: 128 and the signal's number."""
    assert (
        cli.main(["record", "--", sys.executable, "-c", "import os; os.kill(os.getpid(), 9)"]) == 128 + signal.SIGKILL
    )


def test_output_of_the_program_is_its_own() -> None:
    """What it writes goes where it would have gone; the drawing goes to stderr."""
    command = [sys.executable, "-m", "memguard.cli", "record", "--", sys.executable, "-c", "print('mine')"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert done.stdout == "mine\n"
    assert "memguard:" in done.stderr


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "which program? As in: memguard record -- python job.py"),
        (["--", "no-such-program"], "no-such-program cannot be started: No such file or directory"),
        (["--interval", "often", "--", "true"], "--interval often: expected a number of seconds"),
    ],
)
def test_what_cannot_be_run_is_said_in_one_line(
    arguments: list[str], said: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """With exit code 2."""
    assert cli.main(["record", *arguments]) == 2
    assert capfd.readouterr().err.startswith(f"memguard: {said}")


def test_a_long_curve_stays_short_and_keeps_its_peak() -> None:
    """A week at ten readings a second is as many points as an hour; the highest reading is among them."""
    curve = Curve()
    for number in range(100_000):
        curve.add(number / 10, 10**9 if number == 61_803 else number)

    assert len(curve.points) <= POINTS_MOST
    assert curve.peak == (6180.3, 10**9)
    assert curve.points == sorted(curve.points)
    assert max(columns(curve, 40)) == 10**9


def test_a_curve_is_drawn_whatever_it_holds() -> None:
    """Nothing, one reading, nothing but zeros."""
    assert as_text(Curve()) == ""
    for points in ([], [(0.0, 5)], [(0.0, 0), (1.0, 0)]):
        curve = Curve(points=list(points))
        ET.fromstring(as_svg(curve, "<title>"))
        as_text(curve)
    drawn = as_text(Curve(points=[(0.0, 0), (1.0, 4_000_000), (2.0, 8_000_000)]), width=20, height=2)
    assert drawn.splitlines()[0].startswith(" 8.00 MB │")


def test_json_is_alone_on_stdout() -> None:
    """Where it is printed, what the program prints goes to stderr; into a file, it stays where it was."""
    command = [sys.executable, "-m", "memguard.cli", "record", "--json", "--", sys.executable, "-c", "print('mine')"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert json.loads(done.stdout)["peak_bytes"] > 0
    assert "mine\n" in done.stderr
