import ast
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from memguard.explain.patterns import ENTRIES
from memguard.explain.reproduction import Framework, reproduction
from tests.unit.explain.accusing import finding

PATTERNS = {entry.id: entry.pattern for entry in ENTRIES}


@pytest.mark.parametrize(
    ("expected", "name", "types"),
    [
        ("django", "GET /items/<int:number>", ("django.db.models.query.QuerySet",)),
        ("django", "GET /^items/(?P<number>[0-9]+)/$", ()),
        ("django", "GET /items/<slug:name>/", ()),
        ("flask", "GET /items/<string:name>", ()),
        ("flask", "GET /items/<int:number>", ("werkzeug.wrappers.request.Request",)),
        ("starlette", "GET /items/{number}", ()),
        ("starlette", "GET /items", ("starlette.requests.Request",)),
    ],
)
def test_the_framework(expected: Framework, name: str, types: tuple[str, ...]) -> None:
    """The client is that of the framework which the finding's types or its route belong to."""
    accused = finding(name, types=types)

    assert reproduction(accused) == reproduction(accused, expected)


@pytest.mark.parametrize(
    ("route", "constants", "path"),
    [
        ("/users/<int:number>/<name>", ('PART_NUMBER = "1"', 'PART_NAME = "1"'),
         '"/users/" + part(PART_NUMBER, number) + "/" + part(PART_NAME, number)'),
        ("/<any(red, green):colour>", ('PART_COLOUR = "red"',), '"/" + part(PART_COLOUR, number)'),
        ("/{id:uuid}", ('PART_ID = "00000000-0000-4000-8000-000000000001"',), '"/" + part(PART_ID, number)'),
        ("/^old/(?P<year>[0-9]{4})/$", ('PART_YEAR = "2026"',), '"/old/" + part(PART_YEAR, number) + "/"'),
        ("/<größe>/{a}/<a>", ('PART_1_ = "1"', 'PART_A = "1"', 'PART_3_ = "1"'),
         '"/" + part(PART_1_, number) + "/" + part(PART_A, number) + "/" + part(PART_3_, number)'),
        ("/it's {here", (), "\"/it's {here\""),
        ("/", (), '"/"'),
    ],
)  # fmt: skip
def test_the_path(route: str, constants: tuple[str, ...], path: str) -> None:
    """Parameters of a route template become constants, with a value that its converter takes."""
    text = reproduction(finding(f"GET {route}"), "flask")

    assert f"    return {path}\n" in text
    assert [line for line in text.splitlines() if line.startswith("PART_")] == list(constants)


@pytest.mark.parametrize("name", ["<unmatched>", "<other>", "", "GET", "GET relative"])
def test_no_route(name: str) -> None:
    """Where there is no route to ask, the reader fills it in; the file is whole all the same."""
    ast.parse(reproduction(finding(name)))


odd = st.text(max_size=30) | st.sampled_from(['\'"""', "\n", "}{", "⟦SITE⟧", "\\", "\ud800", "<a>{b}(?P<c>(", "# x\n'"])


@given(
    name=odd,
    leaked=odd,
    file=odd,
    path=odd,
    kind=st.sampled_from(["request", "task", "websocket"]),
    pattern=st.sampled_from(sorted(PATTERNS)),
)
def test_odd_names(*, name: str, leaked: str, file: str, path: str, kind: str, pattern: str) -> None:
    """Whatever stands in names, types, files and paths, the file is valid, and says the same; none of it is code."""
    accused = finding(
        f"GET /{name}",
        kind,
        types=(leaked,),
        site=(file, 7, path),
        held=path,
        pattern=replace(PATTERNS[pattern], id=pattern + name),
    )
    text = reproduction(accused)
    text.encode()
    assigned = {
        ast.unparse(node.targets[0]): ast.literal_eval(node.value)
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name | ast.Tuple)
    }

    assert assigned["OPERATION"] == f"{kind} GET /{name}"
    assert assigned["HOLDER"] == path or not path
    assert assigned["(SITE_FILE, SITE_LINE, SITE_SOURCE)"] == (file, 7, path)
    assert leaked in assigned["OBJECTS"]
