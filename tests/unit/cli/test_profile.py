"""`memguard profile` of a program: what the program raises, prints and returns is told as the program's."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = """import atexit, subprocess, sys
def load(n):
    rows = bytes(n)
    return rows
print("loading")
atexit.register(print, "good bye")
subprocess.run([sys.executable, "-c", "print('a child')"], check=True)
load(3_000_000)
"""


def profiled(program: Path, *options: str) -> "subprocess.CompletedProcess[str]":
    """Return what came of following `load` in a program, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "memguard.cli",
        "profile",
        "-f",
        f"{program.stem}:load",
        *options,
        "--",
        str(program),
    ]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)


def test_a_program_that_raises_has_its_own_traceback_and_its_table(tmp_path: Path) -> None:
    """No line of memguard's is in it, and what was followed until then is shown."""
    program = tmp_path / "job.py"
    program.write_text("def load(n):\n    rows = bytes(n)\n    raise KeyError(len(rows))\nload(3_000_000)\n")
    done = profiled(program)

    assert done.returncode == 1
    assert done.stderr.splitlines()[:3] == [
        "Traceback (most recent call last):",
        f'  File "{program}", line 4, in <module>',
        "    load(3_000_000)",
    ]
    assert done.stderr.splitlines()[-1] == "KeyError: 3000000"
    assert "memguard" not in done.stderr
    assert "rows = bytes(n)" in done.stdout


def test_a_program_that_is_interrupted_has_its_table_too(tmp_path: Path) -> None:
    """Whoever pressed Ctrl-C has seen enough, and wants to see what was found."""
    program = tmp_path / "job.py"
    program.write_text("def load(n):\n    rows = bytes(n)\n    raise KeyboardInterrupt\nload(3_000_000)\n")
    done = profiled(program)

    assert (done.returncode, done.stderr.splitlines()[-1]) == (130, "KeyboardInterrupt")
    assert "rows = bytes(n)" in done.stdout


@pytest.mark.parametrize(
    ("written", "why"),
    [
        (b"this is no python\n", "invalid syntax (job.py, line 1)"),
        (b"\x7fELF\x00\x01", "cannot contain null bytes"),
        (b"\xff\xfe\xff", "(unicode error) 'utf-8' codec can't decode byte 0xff in position 0: invalid start byte"),
    ],
)
def test_what_is_no_program_is_one_line(tmp_path: Path, written: bytes, why: str) -> None:
    """With exit code 2, and without a traceback: nothing of it has run."""
    program = tmp_path / "job.py"
    program.write_bytes(written)
    done = profiled(program)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith(f"memguard: {program} is no program that Python can run: ")
    assert done.stderr.count("\n") == 1
    assert why in done.stderr


def test_a_program_that_imports_what_is_broken_has_a_traceback(tmp_path: Path) -> None:
    """A mistake in another file is the program's own exception."""
    program = tmp_path / "job.py"
    program.write_text("import broken_of_mine\n")
    (tmp_path / "broken_of_mine.py").write_text("def load(:\n")
    done = profiled(program)

    assert done.returncode == 1
    assert f'  File "{program}", line 1, in <module>' in done.stderr
    assert "SyntaxError" in done.stderr
    assert done.stderr.splitlines()[-1] == "memguard: none of these ran: job:load"


def test_json_is_alone_on_stdout(tmp_path: Path) -> None:
    """What the program and its children print goes to stderr, also what it prints as it ends."""
    program = tmp_path / "job.py"
    program.write_text(PROGRAM)
    done = profiled(program, "--json")

    (function,) = json.loads(done.stdout)["functions"]
    assert (done.returncode, function["function"]) == (0, "load")
    assert sorted(done.stderr.splitlines()) == ["a child", "good bye", "loading"]


def test_json_in_a_file_leaves_the_programs_output_alone(tmp_path: Path) -> None:
    """It comes first on stdout, then the table."""
    program, written = tmp_path / "job.py", tmp_path / "lines.json"
    program.write_text(PROGRAM)
    done = profiled(program, "--json", str(written))

    assert json.loads(written.read_text())["functions"][0]["function"] == "load"
    assert done.stderr == ""
    assert {"a child", "good bye", "loading"} <= set(done.stdout.splitlines())
