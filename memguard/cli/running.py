"""A Python program that is run in this very process, as if it had been started by itself."""

import os
import runpy
import sys
from pathlib import Path
from types import TracebackType
from typing import TextIO

from memguard.cli.command import FOUND, INTERRUPTED, OK, CommandError


def run_program(arguments: list[str]) -> int:
    """Run the file that is named first, with the arguments behind it; what it raises is printed as Python would.

    Returns:
        0, 1 where it raised, 130 where it was interrupted. A code of its own is said on stderr and is no failure.

    Raises:
        CommandError: It is no program that Python can run; nothing of it has run.
    """
    sys.argv = arguments
    sys.path.insert(0, str(Path(arguments[0]).parent))
    try:
        runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as ended:
        if ended.code is not None and ended.code != 0:
            print(f"memguard: the program ended with {ended.code}", file=sys.stderr)
    except BaseException as error:
        own = _of_the_program(error.__traceback__)
        if own is None:
            if not isinstance(error, Exception):
                raise
            raise CommandError(f"{arguments[0]} is no program that Python can run: {error}") from None
        sys.excepthook(type(error), error.with_traceback(own), own)
        return INTERRUPTED if isinstance(error, KeyboardInterrupt) else FOUND
    return OK


def output_set_aside() -> TextIO:
    """Return where stdout goes, and have all else that is printed go to stderr from here on.

    It stays so: the program's children, its threads and what it does at exit may print later.
    """
    sys.stdout.flush()
    answer = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return answer


def _of_the_program(traceback: TracebackType | None) -> TracebackType | None:
    """Return the part of a traceback that begins in the program; None where it had not begun."""
    while traceback is not None and traceback.tb_frame.f_globals.get("__name__") != "__main__":
        traceback = traceback.tb_next
    return traceback
