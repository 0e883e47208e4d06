"""The zoo's truth is sound: what it declares exists, and everything that has to be in it is."""

from collections import Counter
from pathlib import Path

import pytest

from tests.zoo.groups import GROUPS
from tests.zoo.truth import Truth, read

LEAKING_LEAST, INNOCENT_LEAST = 45, 20
PATTERNS = {
    "unbounded-container", "unbounded-cache", "closure-callback", "signal-receiver", "thread-local", "context-var",
    "exception-traceback", "dynamic-class", "uncollected-cycle", "orm-session", "task-retry-queue", "logging-handler",
    "thread-leak", "executor-leak", "async-task", "file-descriptor", "exit-hook", "native-memory", "unknown",
}  # fmt: skip
NO_HOLDER = {"uncollected-cycle", "native-memory", "file-descriptor"}

TRUTHS = [truth for group in GROUPS for truth in group.truths()]
LEAKING = [truth for truth in TRUTHS if truth.leaks]


def name_of(truth: Truth) -> str:
    """Return what a test of this operation is called."""
    return f"{truth.app}.{truth.name}"


def test_there_are_enough() -> None:
    """The zoo has as many leaking and innocent operations as issue 3 asks for, over all four frameworks."""
    assert len(LEAKING) >= LEAKING_LEAST
    assert len(TRUTHS) - len(LEAKING) >= INNOCENT_LEAST
    assert {truth.app.split(".")[0] for truth in LEAKING} == {"flask", "django", "fastapi", "celery"}


def test_names_are_unique() -> None:
    """No two operations of one server can be mistaken for each other."""
    counted = Counter((truth.app, truth.kind, truth.operation) for truth in TRUTHS)
    assert [key for key, count in counted.items() if count > 1] == []


def test_every_pattern_is_there() -> None:
    """Each pattern id of design §10 is the truth of some operation, and alone so unless it is `unknown`."""
    assert {pattern for truth in LEAKING for pattern in truth.patterns} == PATTERNS
    firsts = {truth.patterns[0] for truth in LEAKING}
    assert firsts == PATTERNS - {"unknown"}


@pytest.mark.parametrize("truth", LEAKING, ids=name_of)
def test_a_leak_says_what_it_is(truth: Truth) -> None:
    """A leaking operation has a line that exists, a pattern, and a holder unless nothing can hold what it leaves."""
    assert truth.lines
    for file, line in truth.lines:
        assert "leaks" in Path(file).read_text().splitlines()[line - 1]
    assert truth.patterns
    assert truth.holders or set(truth.patterns) <= NO_HOLDER


@pytest.mark.parametrize("group", GROUPS, ids=lambda group: group.app)
def test_a_server_sends_enough(group: object) -> None:
    """The load of every server reaches the units that each of its leaks is to be named within."""
    for known in (known for known in GROUPS if known is group):
        short = [
            truth.name for truth in known.truths() if truth.leaks and truth.per_second * known.seconds < truth.units
        ]
        assert short == []


def test_every_view_of_django_is_served() -> None:
    """A Django part serves exactly the views that declare a truth: its `VIEWS` names them all."""
    for group in (group for group in GROUPS if group.framework == "django"):
        served = group.path.read_text().split("VIEWS = (")[1]
        assert {name.strip() for name in served.split(")")[0].split(",") if name.strip()} == {
            truth.name for truth in group.truths()
        }


SOURCE = """
from tests.zoo.declare import innocent, leaks

@app.get("/one")
@leaks(pattern="exit-hook", holder=("a", "b"), one_in=20, ask="/one?n={n}")
def one():
    kept = []  # leaks
    return kept

def helper():
    return []  # noqa: X - why  # leaks: two, one

@leaks(pattern="unknown")
def two():
    return helper()

@innocent(kind="websocket")
async def three():
    return 1
"""


def test_reading(tmp_path: Path) -> None:
    """Declarations are read with their marks, in the function itself and elsewhere by name."""
    path = tmp_path / "app.py"
    path.write_text(SOURCE)
    one, two, three = read(path, "flask.app")

    assert (one.operation, one.leaks, one.units, one.ask) == ("GET /one", True, 2000, ("/one?n={n}",))
    assert one.lines == ((str(path), 7), (str(path), 11))
    assert two.lines == ((str(path), 11),)
    assert (three.kind, three.operation, three.leaks, three.lines) == ("websocket", "/three", False, ())


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("# leaks: two, one", "# leaks: four", "marks of nothing that leaks: four"),
        ("    return 1", "    return 1  # leaks", "in no function that leaks"),
        ("  # leaks: two, one", "", "two has no line that is marked"),
    ],
)
def test_marks_that_do_not_fit(tmp_path: Path, old: str, new: str, complaint: str) -> None:
    """A mark without its operation, or an operation without its mark, is an error and not a wrong score later."""
    path = tmp_path / "app.py"
    path.write_text(SOURCE.replace(old, new))
    with pytest.raises(ValueError, match=complaint):
        read(path, "flask.app")
