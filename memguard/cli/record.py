"""Run a program and draw what it uses, with its children, over time: in the terminal, and as SVG with -o.

`memguard.mark("loaded")` in the program sets a mark on the curve.
"""

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import psutil

from memguard.cli.command import CommandError
from memguard.export.curve import MARKS_MOST, Curve, as_svg, as_text
from memguard.instruments.family import Family
from memguard.marking import VARIABLE
from memguard.units import format_bytes, format_seconds, parse_seconds

SECONDS_LEAST, SECONDS_MOST = 0.01, 60.0


def arguments(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("-o", "--output", metavar="FILE", type=Path, help="write the curve there as SVG")
    parser.add_argument(
        "--json", metavar="FILE", nargs="?", const="-",
        help="write the readings and marks there as JSON; alone, print them, and what the program prints goes to stderr",
    )  # fmt: skip
    parser.add_argument("--interval", metavar="SECONDS", default="0.1", help="between two readings (default: 0.1)")
    parser.add_argument("program", nargs=argparse.REMAINDER, metavar="-- COMMAND", help="the program and its arguments")


def run(asked: argparse.Namespace) -> int:
    """Run it; return its own exit code, 128 and the signal's number where a signal ended it."""
    program = asked.program[1:] if asked.program[:1] == ["--"] else asked.program
    if not program:
        raise CommandError("which program? As in: memguard record -- python job.py")
    interval = _interval(asked.interval)
    with tempfile.TemporaryDirectory() as folder:
        marks = Path(folder, "marks")
        marks.touch()
        stdout = sys.__stderr__ if asked.json == "-" else None
        try:
            started = subprocess.Popen(program, stdout=stdout, env={**os.environ, VARIABLE: str(marks)})  # noqa: S603 - the user's own
        except OSError as error:
            raise CommandError(f"{program[0]} cannot be started: {error.strerror or error}") from None
        began, curve = time.time(), Curve()
        _watch(started, curve, interval)
        curve.marks += _marks(marks, began)
    code = started.returncode
    _tell(curve, " ".join(program), asked)
    return code if code >= 0 else 128 - code


def _interval(text: str) -> float:
    try:
        seconds = parse_seconds(text)
    except ValueError as error:
        raise CommandError(f"--interval {text}: {error}") from None
    return min(SECONDS_MOST, max(SECONDS_LEAST, seconds))


def _watch(started: "subprocess.Popen[bytes]", curve: Curve, interval: float) -> None:
    """Read until it has ended. What a terminal sends to both, as Ctrl-C, is for the program to act on."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    began = time.monotonic()
    try:
        with suppress(psutil.Error):
            family = Family(started.pid)
            while True:
                size, members = family.read()
                if members:
                    curve.add(time.monotonic() - began, size)
                try:
                    started.wait(interval)
                except subprocess.TimeoutExpired:
                    continue
                break
        started.wait()
    finally:
        signal.signal(signal.SIGINT, before)


def _marks(path: Path, began: float) -> list[tuple[float, str]]:
    found = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines()[:MARKS_MOST]:
        at, _, text = line.partition(" ")
        with suppress(ValueError):
            found.append((max(0.0, float(at) - began), text))
    return sorted(found)


def _tell(curve: Curve, title: str, asked: argparse.Namespace) -> None:
    at, peak = curve.peak
    sys.stderr.write(as_text(curve, width=shutil.get_terminal_size().columns))
    sys.stderr.write(f"memguard: {format_bytes(peak)} at most, after {at:.1f} s of {format_seconds(curve.seconds)}\n")
    if asked.output is not None:
        asked.output.write_text(as_svg(curve, title), encoding="utf-8")
    if asked.json is not None:
        told = {"command": title, "peak_bytes": peak, "peak_at": at, "points": curve.points, "marks": curve.marks}
        if asked.json == "-":
            print(json.dumps(told))
        else:
            Path(asked.json).write_text(json.dumps(told), encoding="utf-8")
