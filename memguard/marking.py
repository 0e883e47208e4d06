"""Marks: a program says where it is, and `memguard record` shows that on its curve. Without it nothing happens."""

import os
import time
from contextlib import suppress

VARIABLE = "_MEMGUARD_MARKS"
"""Where `memguard record` tells the program it runs the file for its marks."""
LENGTH_MOST = 200


def mark(text: str) -> None:
    """Note this moment under a name, in the file of whoever records this process; never raises."""
    path = os.environ.get(VARIABLE)
    if path:
        line = f"{time.time():.6f} {' '.join(str(text).split())[:LENGTH_MOST]}\n"
        with suppress(OSError), open(path, "a", encoding="utf-8") as file:  # noqa: PTH123 - in one write, of any process
            file.write(line)
