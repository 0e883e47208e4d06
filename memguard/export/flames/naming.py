"""Names of the functions that lines are in, from the source as it is on this machine.

By its indentation and not by its syntax tree: a tree is thousands of objects, and a worker that traces its allocations
makes them 50 times as slowly. What stands out of its block, as text in several lines may, leads to no name, never to
a wrong one.
"""

import re
import tokenize
from contextlib import suppress
from math import inf
from time import monotonic

FILES_KEPT = 500
REST = ("<many small groups>", 0)
Outline = tuple[bytes, dict[int, str]]
"""How far each line of a file is indented, and the names of those that begin a function or a class; lines from 0 on."""

_NEVER = 255
"""Indentation of what does not say where a block ends."""
_NO_CODE = ("", "\n", "\r", "#", ")", "]", "}")
_NAMED = re.compile(r"(?:async[ \t]+def|def|class)[ \t]+(\w+)")
_known: dict[str, Outline] = {}


class Names:
    """Reads sources for so many seconds at most; what is in others has no name, until they are asked for again.

    Args:
        seconds: A page of a worker must not take long.
    """

    def __init__(self, seconds: float = inf) -> None:
        self._until = monotonic() + seconds

    def function_at(self, file: str, line: int) -> str:
        """Return the name of the innermost function or class around a line, empty where there is none or no source."""
        outline = _known.get(file)
        if outline is None:
            if monotonic() > self._until:
                return ""
            if len(_known) >= FILES_KEPT:
                _known.clear()
            outline = _known[file] = _outline(file)
        return _name_at(*outline, line)

    def label(self, frame: tuple[str, int]) -> str:
        """Return a call in few words: `show (shop/views.py:12)`."""
        file, line = frame
        if frame == REST:
            return file
        short = "/".join(file.replace("\\", "/").split("/")[-2:])
        where = f"{short}:{line}" if line else short
        name = self.function_at(file, line)
        return f"{name} ({where})" if name else where


def _name_at(indents: bytes, names: dict[int, str], line: int) -> str:
    """Return the names around a line. Upwards, each line that is indented less than all so far begins a block around it."""
    if not 0 < line <= len(indents) or indents[line - 1] == _NEVER:
        return ""
    found, limit = [], indents[line - 1]
    if line - 1 in names:
        found.append(names[line - 1])
    for number in range(line - 2, -1, -1):
        if not limit:
            break
        if indents[number] < limit:
            limit = indents[number]
            if number in names:
                found.append(names[number])
    return ".".join(reversed(found))


def _outline(file: str) -> Outline:
    indents, names = bytearray(), dict[int, str]()
    with suppress(OSError, SyntaxError, ValueError), tokenize.open(file) as opened:
        for number, line in enumerate(opened):
            text = line.lstrip(" \t")
            is_code = text[:1] not in _NO_CODE
            indents.append(min(len(line) - len(text), _NEVER - 1) if is_code else _NEVER)
            found = _NAMED.match(text) if is_code else None
            if found:
                names[number] = found[1]
    return bytes(indents), names


def stack(frames: tuple[tuple[str, int], ...]) -> tuple[tuple[str, int], ...]:
    """Return the calls from the outermost to the innermost."""
    return tuple(reversed(frames)) or (REST,)
