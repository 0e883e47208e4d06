"""A terminal whose whole screen shows one text after the other; with colours where rich is installed."""

import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from memguard.dashboard.words import VERDICT_WORDS

STYLES = {"leak": "bold red", "suspect": "yellow", "plateau": "cyan", "clean": "green"}
_ENTER, _LEAVE, _CLEAR = "\x1b[?1049h\x1b[?25l", "\x1b[?25h\x1b[?1049l", "\x1b[H\x1b[2J"


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
        from rich.text import Text
    except ImportError:
        yield from _plain()
        return

    def coloured(lines: list[str]) -> Text:
        text = Text("\n".join(fitting(lines)), no_wrap=True)
        for verdict, style in STYLES.items():
            text.highlight_regex(rf"(?m)^  {VERDICT_WORDS[verdict]}\b", style)
        return text

    with Live(screen=True, auto_refresh=False) as live:
        yield lambda lines: live.update(coloured(lines), refresh=True)


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
