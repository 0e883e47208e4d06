"""The house's import rule (imports point down only, rooms on one floor do not know each other), and its file sizes."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import memguard

PACKAGE = Path(memguard.__file__).parent

FLOORS: list[set[str]] = [
    {"flask", "django", "starlette", "celery", "pytest_plugin", "cli"},
    {"wsgi", "asgi"},
    {"adapting"},
    {"dashboard"},
    {"wiring", "trials", "lineprofile", "snapshotting"},
    {"instruments", "residue", "explain", "recycling", "store", "export"},
    {
        "alerting",
        "allocations",
        "marking",
        "model",
        "classes",
        "evidence",
        "readings",
        "commands",
        "inspection",
        "snapshots",
        "sources",
        "settings",
        "parsing",
        "safety",
        "forking",
        "units",
        "ownership",
    },
]
"""Top floor first. A name is a module or a folder right inside the package."""
GROUND = len(FLOORS) - 1
"""The ground is one room: its modules may use each other."""

LINES_MOST = 260
LINES_OF_AN_ADAPTER_MOST = 135
ADAPTERS = (FLOORS[0] - {"cli", "pytest_plugin"}) | FLOORS[1]


def room_of(module: str) -> str:
    """Return the part of `memguard.room.inner` that has a place in the house; the package itself is ""."""
    return [*module.split("."), ""][1]


def floor_of(room: str) -> int:
    """Return the floor a room is on, or fail: a new room needs a place."""
    for number, rooms in enumerate(FLOORS):
        if room in rooms:
            return number
    raise AssertionError(f"memguard/{room} has no place in FLOORS; see the house in docs/how-it-works.md")


def imports(source: str, module: str, *, is_package: bool) -> Iterator[tuple[int, str]]:
    """Yield line and full name of each module of memguard's that a source imports, inside functions too."""
    base = module.split(".") if is_package else module.split(".")[:-1]
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            above = base[: len(base) - node.level + 1] if node.level else []
            start = ".".join([*above, *filter(None, [node.module])])
            # `from memguard import settings` and `from memguard.settings import Settings` alike.
            names = [f"{start}.{alias.name}" for alias in node.names] if start == "memguard" else [start]
        elif isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] in {"import_module", "__import__"}:
            names = [str(name.value) for name in node.args[:1] if isinstance(name, ast.Constant)]
        else:
            continue
        ours = [name for name in names if name.split(".")[0] == "memguard"]
        yield from ((node.lineno, name) for name in ours if room_of(name) not in {"", "__version__"})


def forbidden(room: str, imported: str) -> str | None:
    """Return why a room must not import another, or None where it may."""
    here, there = floor_of(room), floor_of(imported)
    if room == imported or here == there == GROUND or here < there:
        return None
    return "a room on the same floor" if here == there else "a floor above it"


def sources() -> list[Path]:
    """Return every source file of the package."""
    return sorted(PACKAGE.rglob("*.py"))


def module_of(path: Path) -> str:
    """Return the dotted name of a source file."""
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_imports_point_down(path: Path) -> None:
    """A module imports only from floors below its own, and from its own room."""
    module = module_of(path)
    if module == "memguard":
        return  # the table of contents; test_import.py holds it to loading nothing
    room = room_of(module)
    found = [
        f"{path.name}:{line} imports {name}, {reason}"
        for line, name in imports(path.read_text(), module, is_package=path.name == "__init__.py")
        if (reason := forbidden(room, room_of(name)))
    ]

    assert not found


@pytest.mark.parametrize("path", sources(), ids=module_of)
def test_file_sizes(path: Path) -> None:
    """A file says one thing; an adapter that grows holds logic that belongs further down."""
    most = LINES_OF_AN_ADAPTER_MOST if room_of(module_of(path)) in ADAPTERS else LINES_MOST
    lines = path.read_text().count("\n")

    assert lines <= most


@pytest.mark.parametrize(
    ("module", "source", "found"),
    [
        ("memguard.flask", "import memguard.wsgi", ["memguard.wsgi"]),
        ("memguard.flask", "from memguard.wsgi import Middleware", ["memguard.wsgi"]),
        ("memguard.flask", "from memguard import wsgi, units", ["memguard.wsgi", "memguard.units"]),
        ("memguard.flask", "from . import wsgi", ["memguard.wsgi"]),
        ("memguard.flask", "from .wsgi import Middleware", ["memguard.wsgi"]),
        ("memguard.store.sqlite", "from ..model import Flush", ["memguard.model"]),
        ("memguard.store.sqlite", "from .schema import TABLES", ["memguard.store.schema"]),
        ("memguard.store.sqlite", "def late():\n    import memguard.wiring.guard", ["memguard.wiring.guard"]),
        ("memguard.units", "import importlib\nimportlib.import_module('memguard.store')", ["memguard.store"]),
        ("memguard.units", "if TYPE_CHECKING:\n    from memguard.store import Store", ["memguard.store"]),
        ("memguard.units", "from memguard import __version__\nimport memguardian, os", []),
        ("memguard.units", "import memguard", []),
    ],
)
def test_every_form_of_import_is_seen(module: str, source: str, found: list[str]) -> None:
    """Absolute, relative, inside a function, for types only, by `import_module`: nothing gets past the rule."""
    assert [name for _, name in imports(source, module, is_package=False)] == found


@pytest.mark.parametrize(
    ("room", "imported", "reason"),
    [
        ("flask", "wsgi", None),
        ("cli", "store", None),
        ("wiring", "instruments", None),
        ("forking", "safety", None),
        ("store", "store", None),
        ("flask", "celery", "a room on the same floor"),
        ("store", "residue", "a room on the same floor"),
        ("residue", "wiring", "a floor above it"),
        ("units", "store", "a floor above it"),
    ],
)
def test_the_rule(room: str, imported: str, reason: str | None) -> None:
    """Down is allowed, up and sideways are not; only the ground is one room."""
    assert forbidden(room, imported) == reason


def test_a_room_without_a_place() -> None:
    """A folder nobody placed in the house is an error, not an exception to the rule."""
    with pytest.raises(AssertionError, match="memguard/attic has no place"):
        floor_of("attic")
