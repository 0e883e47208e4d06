# ruff: noqa: D103 - functions that are followed
import asyncio
import inspect
import json
import re
import subprocess
import sys
import threading
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from memguard import cli
from memguard.instruments.lines import Line, Lines
from memguard.lineprofile import profile_lines, table, traced

MB = 1_000_000


def build() -> int:
    kept = bytearray(5 * MB)
    size = needs(kept)
    del kept
    return size


def needs(kept: bytearray) -> int:
    copy = bytes(kept)
    return len(copy)


def fails() -> None:
    kept = bytearray(2 * MB)
    raise KeyError(len(kept))


def survives() -> int:
    with suppress(KeyError):
        fails()
    return len(bytearray(3 * MB))


def chunks() -> Iterator[bytes]:
    for _ in range(3):
        yield bytes(2 * MB)


async def waits() -> int:
    kept = bytearray(4 * MB)
    await asyncio.sleep(0)
    return len(kept)


def loops() -> list[int]:
    kept = [0]
    for number in range(1000, 3000):
        kept[0] = number % 7
    return kept


def followed(run: Callable[[], object], *functions: Callable[..., Any]) -> dict[str, Line]:
    """Return what each line of these functions did while something ran, by its text."""
    codes = {function.__code__ for function in functions}
    lines = Lines(lambda code: code in codes)
    with traced(), lines.unit():
        run()
    sources = {code: inspect.getsourcelines(code) for code in codes}
    return {sources[code][0][number - sources[code][1]].strip(): line for (code, number), line in lines.found.items()}


def test_a_line_says_what_it_took_and_what_it_needed_at_once() -> None:
    """Also for what is called from it: the copy in there is gone by its end, but was needed."""
    found = followed(build, build, needs)

    assert found["kept = bytearray(5 * MB)"].increment == pytest.approx(5 * MB, rel=0.01)
    assert abs(found["size = needs(kept)"].increment) < MB / 10
    assert found["size = needs(kept)"].peak == pytest.approx(5 * MB, rel=0.01)
    assert found["size = needs(kept)"].before == pytest.approx(5 * MB, rel=0.05)
    assert found["copy = bytes(kept)"].increment == pytest.approx(5 * MB, rel=0.01)
    assert found["del kept"].increment == pytest.approx(-5 * MB, rel=0.01)
    assert [found[text].hits for text in ("del kept", "return size")] == [1, 1]


def test_an_exception_ends_a_line_and_nothing_else() -> None:
    """What goes on after it is still followed, and the exception is the program's own."""
    found = followed(survives, survives, fails)

    assert found["kept = bytearray(2 * MB)"].increment == pytest.approx(2 * MB, rel=0.01)
    assert found["return len(bytearray(3 * MB))"].peak == pytest.approx(3 * MB, rel=0.01)
    with pytest.raises(KeyError) as caught:
        followed(fails, fails)
    assert caught.value.args == (2 * MB,)


def test_generators_and_coroutines_are_followed_where_they_go_on() -> None:
    """What others do between is not theirs."""
    found = followed(lambda: [bytearray(20 * MB) and len(each) for each in chunks()], chunks)
    assert found["yield bytes(2 * MB)"].hits == 3
    assert found["yield bytes(2 * MB)"].increment < 10 * MB

    found = followed(lambda: asyncio.run(waits()), waits)
    assert found["kept = bytearray(4 * MB)"].increment == pytest.approx(4 * MB, rel=0.01)


def test_what_following_takes_is_in_no_line() -> None:
    """A line that is run many times has no bytes of memguard's own for each of them."""
    found = followed(loops, loops)

    assert found["kept[0] = number % 7"].hits == 2000
    assert abs(found["kept[0] = number % 7"].increment) < 500
    assert abs(found["for number in range(1000, 3000):"].increment) < 500


def test_the_hosts_own_tracer_is_not_disturbed() -> None:
    """A debugger or a coverage tool sees what it would see; where there is one place only nothing is followed."""
    told: list[str] = []
    seen: list[str] = []

    def tracer(frame: FrameType, event: str, _: Any) -> Any:
        seen.append(f"{frame.f_code.co_name} {event}")
        return tracer

    decorated = profile_lines(tell=told.append)(needs)
    before = sys.gettrace()
    sys.settrace(tracer)
    try:
        size = decorated(bytearray(3 * MB))
        after = sys.gettrace()
    finally:
        sys.settrace(before)

    assert (size, after) == (3 * MB, tracer)
    assert [each for each in seen if each.startswith("needs ")] == [
        "needs call",
        "needs line",
        "needs line",
        "needs return",
    ]
    assert len(told) == (1 if sys.version_info >= (3, 12) else 0)
    assert not tracemalloc.is_tracing()
    if sys.version_info < (3, 12):
        decorated(bytearray(3 * MB))
        assert len(told) == 1


def test_one_is_followed_inside_another() -> None:
    """Each has its own figures."""
    told: list[str] = []
    inner = profile_lines(tell=told.append)(needs)

    @profile_lines(tell=told.append)
    def outer() -> int:
        kept = bytearray(3 * MB)
        return inner(kept)

    assert outer() == 3 * MB
    assert [re.findall(r"\d\.\d\d MB  +(\w+ = .*)", each) for each in told] == [
        ["copy = bytes(kept)"], ["kept = bytearray(3 * MB)"],
    ]  # fmt: skip


def test_only_what_runs_in_the_unit_is_followed() -> None:
    """The same function in another thread meanwhile is not, nor is it afterwards; a trace function stays as it was."""
    lines = Lines(lambda code: code is needs.__code__)
    before = sys.gettrace()
    with traced(), lines.unit():
        other = threading.Thread(target=needs, args=(bytearray(10),))
        other.start()
        other.join()
    needs(bytearray(10))

    assert lines.found == {}
    assert sys.gettrace() is before


def test_a_decorated_function_is_followed_so_many_times() -> None:
    """Then its table is told, and it runs as ever; tracing is off again."""
    told: list[str] = []

    @profile_lines(units=2, tell=told.append)
    def work(size: int) -> int:
        """Say what it does."""
        return len(bytearray(size))

    assert [work(MB) for _ in range(3)] == [MB] * 3
    assert not tracemalloc.is_tracing()
    (said,) = told
    assert work.__doc__ == "Say what it does."
    assert re.search(r"^ +\d+ +2 .* 1\.00 MB  +return len\(bytearray\(size\)\)$", said, re.MULTILINE)

    @profile_lines(tell=told.append)
    async def wait() -> int:
        return len(bytearray(MB))

    assert asyncio.run(wait()) == MB
    assert "1.00 MB" in told[1]


def test_a_table_of_nothing_is_empty() -> None:
    """No function, no heading."""
    assert table(()) == ""


def test_a_profile_for_programs(tmp_path: Path) -> None:
    """As JSON, beside the table."""
    program, told = tmp_path / "job.py", tmp_path / "lines.json"
    program.write_text("def load(n):\n    rows = bytes(n)\n    return rows\nload(3_000_000)\n")
    command = [
        sys.executable,
        "-m",
        "memguard.cli",
        "profile",
        "-f",
        "job:load",
        "--json",
        str(told),
        "--",
        str(program),
    ]
    subprocess.run(command, capture_output=True, timeout=60, check=True)

    (function,) = json.loads(told.read_text())["functions"]
    assert (function["function"], function["file"]) == ("load", str(program))
    assert [each["line"] for each in function["lines"]] == [2, 3]
    assert function["lines"][0]["hits"] == 1
    assert 3_000_000 <= function["lines"][0]["peak_bytes"] < 3_001_000


def test_a_program_is_run_for_its_lines(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By file or module; what it prints stays, arguments reach it, its exit code is said."""
    program = tmp_path / "job.py"
    program.write_text(
        "import sys\ndef load(n):\n    rows = bytes(n)\n    return rows\nload(int(sys.argv[1])); sys.exit(4)\n"
    )
    command = [sys.executable, "-m", "memguard.cli", "profile", "-f", "job:load", "--", str(program), "3000000"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)

    assert re.search(r"^ +3 +1 .* 3\.00 MB +3\.00 MB      rows = bytes\(n\)$", done.stdout, re.MULTILINE)
    assert done.stderr == "memguard: the program ended with 4\n"
    assert cli.main(["profile", "-f", "job.py:load", "--", str(tmp_path / "none.py")]) == 2
    assert cli.main(["profile", "-f", "load", "--", str(program)]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"memguard: there is no program {tmp_path / 'none.py'}",
        "memguard: load: expected a module or file and a function, like shop.tasks:bill",
    ]
