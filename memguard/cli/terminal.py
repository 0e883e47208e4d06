"""A terminal: verdicts and grades in colour where rich is installed, and a whole screen for one text after the other."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from memguard.dashboard.words import VERDICT_WORDS

if TYPE_CHECKING:
    from rich.text import Text

STYLES = {"leak": "bold red", "suspect": "yellow", "plateau": "cyan", "clean": "green"}
GRADES = {"wrong": "bold red", "note": "yellow", "ok": "green"}
_WORDS = {
    **{
        rf"(?:^|(?<=  )){word}(?=  |$)": style for name, style in STYLES.items() for word in (name, VERDICT_WORDS[name])
    },
    **{rf"^{grade}(?=  )": style for grade, style in GRADES.items()},
}
"""A verdict stands in a column of its own, a grade at the begin of its line."""
_ENTER, _LEAVE, _CLEAR = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l", "\x1b[H\x1b[2J"


def show(text: str) -> None:
    """Print text that ends with its lines' ends; in colour on a terminal, as it is where it goes elsewhere."""
    try:
        from rich.console import Console
    except ImportError:
        print(text, end="")
        return
    if sys.stdout.isatty():
        Console(highlight=False).print(_coloured(text), end="", soft_wrap=True)
    else:
        print(text, end="")


def _coloured(text: str) -> "Text":
    from rich.text import Text

    coloured = Text(text, no_wrap=True)
    for word, style in _WORDS.items():
        coloured.highlight_regex(f"(?m){word}", style)
    return coloured


@contextmanager
def whole_screen() -> Iterator[Callable[[list[str]], None]]:
    """Give a function that shows lines in place of those before; the screen is as it was when the block ends.

    Where the output is no terminal it prints them, with an empty line between.
    """
    if not sys.stdout.isatty():
        yield lambda lines: print("\n".join([*lines, ""]), flush=True)
        return
    try:
        from rich.live import Live
    except ImportError:
        yield from _plain()
        return

    with Live(screen=True, auto_refresh=False) as live:
        yield lambda lines: live.update(_coloured("\n".join(fitting(lines))), refresh=True)


def _plain() -> Iterator[Callable[[list[str]], None]]:
    sys.stdout.write(_ENTER)
    try:
        yield lambda lines: print(_CLEAR + "\r\n".join(fitting(lines)), end="", flush=True)
    finally:
        sys.stdout.write(_LEAVE)
        sys.stdout.flush()


def fitting(lines: list[str]) -> list[str]:
    """Return as much of the lines as the terminal has room for."""
    columns, rows = shutil.get_terminal_size()
    return [line[:columns] for line in lines[: max(1, rows - 1)]]
