"""Reproduction: a finding as the text of a small pytest file that fails while the leak is there."""

import keyword
import re
import sys
from collections.abc import Callable, Iterator
from math import ceil
from typing import Literal

from memguard.explain import reproduction_clients as clients
from memguard.explain.reproduction_text import CHECK, CHECK_DESCRIPTORS, FILE
from memguard.model import IGNORED, OTHER, UNMATCHED, Finding

Framework = Literal["flask", "django", "starlette"]

TYPES_MOST = 5
TYPE_SHARE_LEAST = 0.1
UNITS_LEAST, UNITS_MOST, UNITS_TRACED_MOST = 50, 3_000, 500
EXPECTED_OF_A_ROUND = 20
"""A rare leak gets rounds so long that this many leaks are expected in each."""
USUAL = 0.9
"""What leaks so often or more leaks with every unit, which is what the plugin looks for where nothing else is said."""
WARM_UP = 40

_SLOT = re.compile(r"⟦(\w+)⟧")
_PARAMETER = re.compile(
    r"<(?:(?P<flask>\w+)(?P<options>\([^)]*\))?:)?(?P<name>\w+)>"
    r"|\{(?P<brace>\w+)(?::(?P<starlette>\w+))?\}"
    r"|\(\?P<(?P<group>\w+)>(?P<regex>(?:[^()\\]|\\.|\((?:[^()\\]|\\.)*\))*)\)"
)
_VALUES = {"float": "1.5", "uuid": "00000000-0000-4000-8000-000000000001", "path": "a/b"}
_CANDIDATES = ("1", "a", "2026", "ab", "abc", "abcd", "01", "2026-11-22", "00000000-0000-4000-8000-000000000001")


def reproduction(finding: Finding, framework: Framework | None = None) -> str:
    """Return the text of a pytest file that drives the finding's operation and fails while the leak is there.

    It needs memguard's pytest plugin; lines marked FILL IN are for the reader, first of all where the application is.

    Args:
        finding: What to reproduce.
        framework: Whose test client drives a request; None to tell it from the finding.
    """
    operation = finding.judgement.operation
    rates = dict(_rates(finding))
    imports, given = _driver(finding, framework)
    site = finding.sites[0] if finding.sites else None
    filled = {
        "FINDING": _quoted(finding.fingerprint),
        "OPERATION": _quoted(f"{operation.kind} {operation.name}"),
        "PATTERN": _quoted(finding.pattern.id),
        "SITE": f"{_quoted(site.file)}, {site.line!r}, {_quoted(site.source)}" if site else '"an unknown line", 0, ""',
        "HOLDER": _quoted(finding.holder.path if finding.holder else "unknown"),
        "OBJECTS": _dictionary({name: round(rate, 6) for name, rate in rates.items()}),
        "LIMITS": _dictionary(_limits(finding, rates)),
        "IMPORTS": imports,
        "GIVEN": given,
        "CHECK": _check(finding),
    }
    return _fill(FILE, filled)


def _fill(template: str, values: dict[str, str]) -> str:
    """In one pass: what is filled in is never looked into."""
    return _SLOT.sub(lambda slot: values[slot[1]], template)


def _quoted(value: str) -> str:
    """Return a string literal, in double quotes where that needs no escapes; it holds no character that is not printed."""
    literal = repr(value)
    return f'"{literal[1:-1]}"' if '"' not in literal else literal


def _dictionary(values: dict[str, float]) -> str:
    entries = [f"    {_quoted(key)}: {value!r},\n" for key, value in values.items()]
    return "".join(["{\n", *entries, "}"]) if entries else "{}"


def _rates(finding: Finding) -> Iterator[tuple[str, float]]:
    """Yield the types that leak with their objects per unit, most first, without those that are few."""
    counted = sum(each.count for each in finding.types) or 1
    most = max((each.count for each in finding.types), default=0)
    for each in sorted(finding.types, key=lambda each: -each.count)[:TYPES_MOST]:
        if each.count >= most * TYPE_SHARE_LEAST:
            yield each.type, finding.judgement.objects_per_unit * each.count / counted


def _limits(finding: Finding, rates: dict[str, float]) -> dict[str, float]:
    """Return what the plugin is to allow: half of what leaks where that is rare, else its own rule."""
    judgement = finding.judgement
    grows = finding.holder.growth_per_unit if finding.holder else 0.0
    rate = max([*rates.values(), judgement.objects_per_unit, grows])
    limits: dict[str, float] = {"warmup": WARM_UP, "repeat": UNITS_LEAST}
    if not 0.0 < rate < USUAL:
        return limits
    units = max(UNITS_LEAST, ceil(EXPECTED_OF_A_ROUND / rate))
    if judgement.objects_per_unit > 0.0:
        return {**limits, "repeat": min(UNITS_MOST, units), "max_objects": round(judgement.objects_per_unit / 2, 6)}
    # Nothing that Python's collector tracks stays: bytes tell it, for which every unit has to be traced.
    most = max(1, round(judgement.bytes_per_unit / 2))
    return {**limits, "repeat": min(UNITS_TRACED_MOST, units), "max_growth": most}


def _check(finding: Finding) -> str:
    """Return how the unit is judged: a number that stands for an open file is no object, and has to be counted besides."""
    if finding.pattern.id != "file-descriptor":
        return CHECK
    return _fill(CHECK_DESCRIPTORS, {"DESCRIPTORS": repr(_half(finding.judgement.objects_per_unit or 1.0))})


def _half(rate: float) -> float:
    return round(min(0.5, rate / 2), 6)


def _driver(finding: Finding, framework: Framework | None) -> tuple[str, str]:
    """Return the imports of what drives the operation, and the lines the reader fills in with the fixture `unit`."""
    kind, name = finding.judgement.operation.kind, finding.judgement.operation.name
    if kind == "task":
        return _fill(clients.CELERY_IMPORTS, {"TASK": _task(name)}), clients.CELERY
    method, _, route = name.partition(" ")
    if name in {UNMATCHED, OTHER, IGNORED} or not route.startswith("/"):
        method, route = "GET", name if name.startswith("/") else "/"
    parts, path = _path(route, fresh=finding.pattern.id == "unbounded-cache")
    values = {"METHOD": _quoted(method), "PARTS": parts, "PATH": path}
    if kind == "websocket":
        return clients.STARLETTE_IMPORTS, _fill(clients.WEBSOCKET, values)
    imports, fixture = {
        "flask": (clients.FLASK_IMPORTS, clients.FLASK),
        "django": (clients.DJANGO_IMPORTS, clients.DJANGO),
        "starlette": (clients.STARLETTE_IMPORTS, clients.STARLETTE),
    }[framework or _framework(finding, route)]
    return imports, _fill(clients.REQUEST, values) + fixture


def _task(name: str) -> str:
    names = name.split(".")
    if len(names) > 1 and all(each.isidentifier() and not keyword.iskeyword(each) for each in names):
        return f"from {'.'.join(names[:-1])} import {names[-1]} as task"
    return "from your_application import task"


def _path(route: str, *, fresh: bool) -> tuple[str, str]:
    """Return constants for the parameters of a route template, and an expression for the path.

    `fresh` gives each unit new values, where the converter allows them.
    """
    constants: list[str] = []
    pieces: list[str] = []
    end = 0
    for found in _PARAMETER.finditer(route):
        pieces.append(_literal(route[end : found.start()]))
        name = _constant(next(filter(None, found.group("name", "brace", "group"))), constants)
        pieces.append(f"part({name}, number)")
        constants.append(f"{name} = {_quoted(_value(found, fresh=fresh))}\n")
        end = found.end()
    pieces.append(_literal(route[end:]))
    return "".join(constants), " + ".join(filter(None, pieces)) or '"/"'


def _literal(piece: str) -> str:
    """Return what stands in a template as it is; anchors and escapes of regular expressions are no part of the path."""
    piece = re.sub(r"\\([./-])|\^|\$$|\\[AZ]", r"\1", piece) if re.search(r"[\^$\\]", piece) else piece
    return _quoted(piece) if piece else ""


def _constant(name: str, others: list[str]) -> str:
    constant = f"PART_{name.upper()}"
    is_plain = re.fullmatch(r"[A-Z0-9_]+", constant, flags=re.ASCII) is not None
    is_free = not any(other.startswith(f"{constant} = ") for other in others)
    return constant if is_plain and is_free else f"PART_{len(others) + 1}_"


def _value(found: re.Match[str], *, fresh: bool) -> str:
    converter = found["flask"] or found["starlette"] or ""
    if found["regex"] is not None:
        return next(filter(_matches(found["regex"]), _CANDIDATES), "1")
    if converter == "any" and found["options"]:
        return found["options"].strip("()").split(",")[0].strip(" \"'")
    return _VALUES.get(converter, "{n}" if fresh else "1")


def _matches(pattern: str) -> Callable[[str], object]:
    try:
        return re.compile(pattern).fullmatch
    except (re.error, OverflowError, RecursionError):
        return lambda _: False


def _framework(finding: Finding, route: str) -> Framework:
    """Tell the framework from what the finding names, from the route's syntax, else from what this process has loaded."""
    named = [each.type for each in finding.types]
    named += [part for site in finding.sites for part in (site.library, site.through)]
    if finding.holder is not None:
        named += [finding.holder.path, *(link.type for link in finding.holder.chain)]
    words = set(re.findall(r"[a-z]+", " ".join(named).lower()))
    if words & {"django"} or re.search(r"\(\?P<|\^|<(?:str|slug):", route):
        return "django"
    if words & {"flask", "werkzeug"} or re.search(r"<(?:string|any|path)\b", route):
        return "flask"
    if words & {"starlette", "fastapi"} or re.search(r"\{\w+", route):
        return "starlette"
    loaded: list[Framework] = ["flask", "django", "starlette"]
    return next((each for each in loaded if f"memguard.{each}" in sys.modules), "flask")
