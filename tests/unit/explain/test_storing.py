from pathlib import Path

import pytest

from memguard.explain.storing import storing_line

SOURCE = """
class Registry:
    def note(self, request):
        self.active.append(request)


def show(request):
    held = len(_requests)
    _requests.append(request)
    return held


def save(request):
    _by_id[request.id] = request


def count(request):
    totals += request.size


def queue(request):
    Outbox.of("mail")._queue.put_nowait(request)


def session(request):
    Sessions().add(request)


def twice(request):
    _requests.append(request)
    if request.again:
        _requests.append(request)


def read(request):
    return _requests.pop(), _by_id[request.id], r"\\d"
"""


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Return a module of the host's."""
    path = tmp_path / "views.py"
    path.write_text(SOURCE)
    return str(path)


def span(name: str) -> tuple[int, int]:
    """Return the first and the last line of a function."""
    lines = SOURCE.splitlines()
    first = next(number for number, line in enumerate(lines, 1) if f"def {name}(" in line)
    return first, next((n for n, line in enumerate(lines[first:], first) if not line.strip()), len(lines))


@pytest.mark.parametrize(
    ("operation", "path", "text"),
    [
        ("note", "shop.views.registry.active[…]", "self.active.append(request)"),
        ("show", "shop.views._requests[…]", "_requests.append(request)"),
        ("save", "shop.views._by_id[…]", "_by_id[request.id] = request"),
        ("count", "shop.views.totals", "totals += request.size"),
        ("queue", "shop.views.Outbox._queue[…]", 'Outbox.of("mail")._queue.put_nowait(request)'),
        ("session", "shop.views.Sessions.registry.registry.value._new[…]", "Sessions().add(request)"),
        ("show", "shop.views._by_id[…]", None),
        ("read", "shop.views._requests[…]", None),
        ("read", "shop.views._by_id[str]", None),
        ("twice", "shop.views._requests[…]", None),
    ],
)
def test_the_line_that_stores(file: str, operation: str, path: str, text: str | None) -> None:
    """In the operation's own code, by the last name of the path that anything is put into; reading is no storing."""
    found = storing_line(((file, *span(operation)),), path)

    assert (None if found is None else SOURCE.splitlines()[found[1] - 1].strip()) == text
    assert found is None or found[0] == file


@pytest.mark.parametrize("text", [None, "def show(:\n"], ids=["no file", "no Python"])
def test_source_that_cannot_be_read(tmp_path: Path, text: str | None) -> None:
    """Then no line is named."""
    path = tmp_path / "broken.py"
    if text is not None:
        path.write_text(text)

    assert storing_line(((str(path), 1, 9),), "shop.views._requests[…]") is None
