"""Sites: the line of the host's own code that an allocation comes down to."""

import ast
import os
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache, partial
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from types import CodeType, FunctionType, MethodType, ModuleType
from typing import Any

from memguard.evidence import Site
from memguard.readings import Trace
from memguard.sources import line_of, lines_of

Frame = tuple[str, int]
_STDLIB = str(Path(os.__file__).parent) + "/"
"""Its place, without `sysconfig`: that loads a megabyte of what the interpreter was built with."""
OURS = str(Path(__file__).parent.parent) + "/"
_LIBRARY_FOLDERS = frozenset({"site-packages", "dist-packages"})
PIECES_MOST = 500
_ESCAPED = re.compile(r"\\[^\n]")


def blame(traces: Iterable[Trace]) -> tuple[Site, ...]:
    """Return the sites that traces come down to, most objects first; function and source are left empty.

    What is under a site is a plain `file:line` in `through` here; `describe` says it in words.
    """
    found: dict[Frame, list[int]] = {}
    under: dict[Frame, Counter[Frame]] = {}
    for trace in traces:
        frame = line_to_blame(trace.frames)
        if frame is not None:
            counts = found.setdefault(frame, [0, 0])
            counts[0] += trace.objects
            counts[1] += trace.bytes
            below = trace.frames[0]
            if below != frame and _origin(below[0]) == "library":
                under.setdefault(frame, Counter())[below] += trace.objects
    sites = [
        Site(*frame, "", "", objects, size, through=_most(under, frame)) for frame, (objects, size) in found.items()
    ]
    return tuple(sorted(sites, key=lambda site: -site.objects))


def describe(site: Site) -> Site:
    """Return the site with the name of its function and the text of its line, where the source can be read.

    A line of a library's is said to be that library's, by name and version; so is a library's line under it.
    """
    return replace(
        site,
        function=_function(site.file, site.line),
        source=line_of(site.file, site.line).strip(),
        library=_library(site.file)[0] if _origin(site.file) == "library" else "",
        through=_in_words(site.through),
    )


def line_to_blame(frames: tuple[Frame, ...]) -> Frame | None:
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


def _most(under: Mapping[Frame, Counter[Frame]], frame: Frame) -> str:
    for (file, line), _ in under.get(frame, Counter()).most_common(1):
        return f"{file}:{line}"
    return ""


def _in_words(through: str) -> str:
    file, _, line = through.rpartition(":")
    if not file:
        return ""
    library, inside = _library(file)
    return f"{library}, {inside}:{line}"


@lru_cache(maxsize=256)
def _library(file: str) -> tuple[str, str]:
    """Return name and version of the library that a file is of, and the file's path in it."""
    parts = Path(file).parts
    start = max(place for place, part in enumerate(parts) if part in _LIBRARY_FOLDERS) + 1
    name = Path(parts[start]).stem
    with suppress(PackageNotFoundError, ValueError):
        name = f"{name} {version(name)}"
    return name, "/".join(parts[start:])


Code = tuple[tuple[str, int, int], ...]
"""Pieces of source: file, first and last line."""


def code_of(view: object) -> Code:
    """Return the application's own pieces of `codes_of`."""
    files = {code: code.co_filename for code in codes_of(view)}
    return tuple((file, *_span(code)) for code, file in files.items() if is_application(file))


def codes_of(view: object) -> tuple[CodeType, ...]:
    """Return the code of a view, a task or a class of views, with what decorators have wrapped; empty if there is none.

    No code of the host's runs: only functions, methods, partials and classes are looked into.
    """
    pending: list[object] = [view]
    found: dict[CodeType, None] = {}
    for number, each in enumerate(pending):
        if number >= PIECES_MOST:
            break
        if type(each) is FunctionType:
            found[each.__code__] = None
            pending += [each.__dict__.get(name) for name in ("__wrapped__", "view_class", "cls")]
        elif type(each) is MethodType:
            pending.append(each.__func__)
        elif type(each) is partial:
            pending.append(each.func)
        elif issubclass(type(each), type):  # `isinstance` would ask the object for its `__class__`
            bases = type.__dict__["__mro__"].__get__(each)
            pending += [value for base in bases for value in type.__dict__["__dict__"].__get__(base).values()]
    return tuple(found)


def passes(frames: Iterable[tuple[str, int]], code: Code) -> bool:
    """Tell whether a traceback goes through one of these pieces of source."""
    return any(file == where and first <= line <= last for file, line in frames for where, first, last in code)


def _span(code: CodeType) -> tuple[int, int]:
    lines = [line for _, _, line in code.co_lines() if line is not None]
    inner = [each for each in code.co_consts if type(each) is CodeType]
    return min(lines, default=0), max([*lines, *(_span(each)[1] for each in inner)], default=0)


def is_application(file: str) -> bool:
    """Tell whether a file is the application's own code: neither the standard library's, a library's, nor memguard's."""
    return _origin(file) == "application"


def namespaces() -> list[dict[str, Any]]:
    """Return the names of the application's own modules."""
    modules = [module for module in tuple(sys.modules.values()) if type(module) is ModuleType]
    found = [(vars(module), vars(module).get("__file__")) for module in modules]
    return [names for names, file in found if type(file) is str and is_application(file)]


def is_library(file: str) -> bool:
    """Tell whether a file is an installed library's."""
    return _origin(file) == "library"


@lru_cache(maxsize=4096)
def _origin(file: str) -> str:
    if file.startswith(("<", OURS)):
        return "none"
    if not _LIBRARY_FOLDERS.isdisjoint(Path(file).parts):
        return "library"
    return "stdlib" if file.startswith(_STDLIB) else "application"


def syntax_tree(file: str) -> ast.Module | None:
    """Return the syntax tree of a source file, with its escapes masked; None where it cannot be read."""
    # Without backslashes: about some of them the parser would warn, on the host's own stderr.
    source = _ESCAPED.sub("__", "".join(lines_of(file)))
    if not source:
        return None
    try:
        return ast.parse(source)
    # MemoryError is how the parser says "too deep", SystemError how it says that another thread parses, too.
    except (SyntaxError, ValueError, RecursionError, MemoryError, SystemError):
        return None


@lru_cache(maxsize=256)
def _function(file: str, line: int) -> str:
    """Return the qualified name of the innermost function around a line; `<module>` outside of any, "" if unknown."""
    tree = syntax_tree(file)
    if tree is None:
        return ""
    around = [
        (node.lineno, node.name)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
        and node.lineno <= line <= (node.end_lineno or node.lineno)
    ]
    return ".".join(name for _, name in sorted(around)) or "<module>"
