"""Colours on a real terminal, a pseudo one; none where the output goes elsewhere."""

import os
import pty
import re
import subprocess
import sys

import pytest

SHOWING = "import sys; from memguard.cli.terminal import show; show(sys.argv[1])"
WITHOUT_RICH = f"import sys; sys.modules['rich'] = None; {SHOWING}"
TEXT = (
    "wrong  store        it leaks  here\n"
    "ok     wiring       no note  of it\n"
    "00112233aabbccdd  leak     GET /clean  unbounded-container\n"
    "  stopped growing  GET /a [red]b[/red]  " + "x" * 300 + "\n"
)


def on_a_terminal(program: str, **environ: str) -> str:
    """Return what a terminal gets."""
    ours, theirs = pty.openpty()
    told = {**os.environ, "TERM": "xterm", "COLUMNS": "80", **environ}
    told.pop("NO_COLOR", None) if "NO_COLOR" not in environ else None
    with subprocess.Popen([sys.executable, "-c", program, TEXT], stdout=theirs, env=told):
        os.close(theirs)
        got = b""
        try:
            while part := os.read(ours, 65536):
                got += part
        except OSError:  # so Linux says that the other end has gone
            pass
    os.close(ours)
    return got.decode().replace("\r\n", "\n")


def test_verdicts_and_grades_have_colours() -> None:
    """Those that stand in their column; every other character is as it was, and no line is wrapped."""
    got = on_a_terminal(SHOWING)

    assert re.sub(r"\x1b\[[0-9;]*m", "", got) == TEXT
    assert re.findall(r"\x1b\[([0-9;]+)m([a-z ]+)\x1b", got) == [
        ("1;31", "wrong"), ("32", "ok"), ("1;31", "leak"), ("36", "stopped growing"),
    ]  # fmt: skip


@pytest.mark.parametrize("program", [SHOWING, WITHOUT_RICH], ids=["rich", "plain"])
def test_what_is_piped_is_plain(program: str) -> None:
    """With rich as without."""
    command = [sys.executable, "-c", program, TEXT]

    assert subprocess.run(command, capture_output=True, text=True, check=True).stdout == TEXT


def test_a_terminal_without_rich_or_without_colours_is_plain() -> None:
    """Rich is an extra, and NO_COLOR is for those who want none."""
    assert on_a_terminal(WITHOUT_RICH) == TEXT
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]m", on_a_terminal(SHOWING, NO_COLOR="1"))
