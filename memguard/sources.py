"""The text of source files, read as `linecache` finds them, and not left in its cache: that is the host's.

A traceback that the host prints later finds what the host had there, and the process keeps no file that only memguard
has looked at.
"""

import linecache


def lines_of(file: str) -> list[str]:
    """Return the lines of a source file with their ends, none where it cannot be read."""
    before = linecache.cache.get(file)
    try:
        return linecache.getlines(file)
    finally:
        if before is None:
            linecache.cache.pop(file, None)
        elif len(before) == 1:  # the host has said how to read it, and not read it yet
            linecache.cache[file] = before


def line_of(file: str, number: int) -> str:
    """Return one line of a source file, counted from 1, empty where there is none."""
    lines = lines_of(file)
    return lines[number - 1] if 1 <= number <= len(lines) else ""
