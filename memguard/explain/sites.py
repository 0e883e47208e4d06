"""Sites: the line of the host's own code that an allocation comes down to."""

import ast
import linecache
import re
import sysconfig
from collections.abc import Iterable
from dataclasses import replace
from functools import lru_cache
from pathlib import Path

from memguard.model import Site
from memguard.readings import Trace

_STDLIB = tuple({sysconfig.get_path(name) + "/" for name in ("stdlib", "platstdlib")})
_OURS = str(Path(__file__).parent.parent) + "/"
_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})
_ESCAPED = re.compile(r"\\[^\n]")


def blame(traces: Iterable[Trace]) -> tuple[Site, ...]:
    """Return the sites that traces come down to, most objects first; function and source are left empty."""
    found: dict[tuple[str, int], list[int]] = {}
    for trace in traces:
        frame = _to_blame(trace.frames)
        if frame is not None:
            counts = found.setdefault(frame, [0, 0])
            counts[0] += trace.objects
            counts[1] += trace.bytes
    sites = (Site(file, line, "", "", objects, size) for (file, line), (objects, size) in found.items())
    return tuple(sorted(sites, key=lambda site: -site.objects))


def describe(site: Site) -> Site:
    """Return the site with the name of its function and the text of its line, where the source can be read."""
    return replace(
        site,
        function=_function(site.file, site.line),
        source=linecache.getline(site.file, site.line).strip(),
    )


def _to_blame(frames: tuple[tuple[str, int], ...]) -> tuple[str, int] | None:
    """Return the innermost frame of the application; where there is none, the innermost one of a library.

    An application that is installed like a library (into site-packages) is found by the second rule.
    """
    library = None
    for frame in frames:
        origin = _origin(frame[0])
        if origin == "application":
            return frame
        if origin == "library" and library is None:
            library = frame
    return library


@lru_cache(maxsize=4096)
def _origin(file: str) -> str:
    if file.startswith(("<", _OURS)):
        return "none"
    if not _LIBRARY_FOLDERS.isdisjoint(Path(file).parts):
        return "library"
    return "stdlib" if file.startswith(_STDLIB) else "application"


@lru_cache(maxsize=256)
def _function(file: str, line: int) -> str:
    """Return the qualified name of the innermost function around a line; `<module>` outside of any, "" if unknown."""
    # Without backslashes: about some of them the parser would warn, on the host's own stderr.
    source = _ESCAPED.sub("__", "".join(linecache.getlines(file)))
    if not source:
        return ""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # the last is how the parser says "too deep"
        return ""
    around = [
        (node.lineno, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return ".".join(name for _, name in sorted(around)) or "<module>"
