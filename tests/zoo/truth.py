"""The truth on the operations of the zoo, read from the source of the applications without running them."""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

UNITS_LEAST, UNITS_PER_RARE_LEAK = 300, 100
"""A leak of every unit is to be named within 300 units, of one in a hundred within 10,000, what is between accordingly."""

_MARK = re.compile(r"#.*\bleaks(?:: *(?P<names>[\w, ]+))?$")


@dataclass(frozen=True, slots=True)
class Truth:
    """What is true of one operation; fields as in `tests.zoo.declare.leaks` where they are not said here.

    Attributes:
        app: `flask`, `django`, `fastapi` or `celery`, and the module: `flask.containers`.
        name: The function's name.
        operation: Its name in memguard's report.
        lines: File and line of every allocation that may be blamed; empty for an innocent operation.
    """

    app: str
    name: str
    kind: str
    operation: str
    leaks: bool
    lines: tuple[tuple[str, int], ...] = ()
    holders: tuple[str, ...] = ()
    patterns: tuple[str, ...] = ()
    types: tuple[str, ...] = ()
    library: tuple[str, ...] = ()
    traced: bool = True
    one_in: int = 1
    per_second: float = 10.0
    most: int | None = None
    ask: tuple[str, ...] = ()

    @property
    def key(self) -> tuple[str, str]:
        """Kind and name as an operation of the report has them."""
        return self.kind, self.operation

    @property
    def units(self) -> int:
        """Units within which the leak is to be named."""
        return max(UNITS_LEAST, UNITS_PER_RARE_LEAK * self.one_in)


def read(path: Path, app: str) -> tuple[Truth, ...]:
    """Return the truth on every operation that a module declares.

    Raises:
        ValueError: A declaration is malformed, or the marks do not fit the declarations.
    """
    text = path.read_text()
    functions = [
        (node, call)
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for call in node.decorator_list
        if isinstance(call, ast.Call) and isinstance(call.func, ast.Name) and call.func.id in ("leaks", "innocent")
    ]
    marks = dict(_marks(text))
    spans = {node.name: range(node.lineno, (node.end_lineno or node.lineno) + 1) for node, _ in functions}
    known = {name for node, call in functions if _says_leaks(call) for name in (node.name,)}
    if strays := {name for names in marks.values() for name in names} - known:
        raise ValueError(f"{path}: marks of nothing that leaks: {', '.join(sorted(strays))}")
    for number in (number for number, names in marks.items() if not names):
        if not any(number in spans[name] for name in known):
            raise ValueError(f"{path}:{number}: this mark is in no function that leaks")
    return tuple(
        _truth(app, node, call, tuple((str(path), number) for number in _lines(node.name, marks, spans[node.name])))
        for node, call in functions
    )


def _marks(text: str) -> Iterator[tuple[int, tuple[str, ...]]]:
    for number, line in enumerate(text.splitlines(), 1):
        found = _MARK.search(line)
        if found is not None:
            yield number, tuple(name.strip() for name in (found["names"] or "").split(",") if name.strip())


def _says_leaks(call: ast.Call) -> bool:
    return isinstance(call.func, ast.Name) and call.func.id == "leaks"


def _lines(name: str, marks: dict[int, tuple[str, ...]], span: range) -> list[int]:
    return [number for number, names in marks.items() if name in names or (not names and number in span)]


def _truth(
    app: str, node: ast.FunctionDef | ast.AsyncFunctionDef, call: ast.Call, lines: tuple[tuple[str, int], ...]
) -> Truth:
    said: dict[str, Any] = {str(each.arg): ast.literal_eval(each.value) for each in call.keywords}
    framework, part = app.split(".")
    kind = said.pop("kind", "task" if framework == "celery" else "request")
    route = said.pop("route", "") or f"/{node.name}"
    name = {"task": f"tests.zoo.{framework}_app.{part}.{node.name}", "websocket": route}.get(kind, f"GET {route}")
    if _says_leaks(call) and not lines:
        raise ValueError(f"{app}: {node.name} has no line that is marked")
    return Truth(
        app=app,
        name=node.name,
        kind=kind,
        operation=name,
        leaks=_says_leaks(call),
        lines=lines if _says_leaks(call) else (),
        holders=_texts(said.pop("holder", ())),
        patterns=_texts(said.pop("pattern", ())),
        types=_texts(said.pop("types", ())),
        library=_texts(said.pop("library", ())),
        ask=_texts(said.pop("ask", ())) or (route,),
        **said,
    )


def _texts(said: str | tuple[str, ...]) -> tuple[str, ...]:
    return (said,) if isinstance(said, str) else tuple(said)
