import json
import sysconfig
import textwrap
import warnings
from pathlib import Path

import pytest

import memguard
from memguard.explain.sites import blame, describe
from memguard.model import Site
from memguard.readings import Trace

APP = "/srv/shop/views.py"
STDLIB = json.__file__
LIBRARY = "/srv/venv/lib/python3.11/site-packages/flask/app.py"
DISTRIBUTION = "/usr/lib/python3/dist-packages/celery/app/trace.py"
OURS = str(Path(memguard.__file__).parent / "wiring" / "guard.py")


def trace(*files: str, objects: int = 1, size: int = 100) -> Trace:
    """Return a trace through these files, innermost first, each at a line of its own."""
    return Trace(tuple((file, number + 1) for number, file in enumerate(files)), objects, size)


@pytest.mark.parametrize(
    ("files", "blamed"),
    [
        ((APP,), (APP, 1)),
        ((APP, LIBRARY), (APP, 1)),
        ((LIBRARY, APP), (APP, 2)),
        ((STDLIB, LIBRARY, APP, "/srv/shop/urls.py", LIBRARY), (APP, 3)),
        ((STDLIB, LIBRARY), (LIBRARY, 2)),
        ((DISTRIBUTION, LIBRARY), (DISTRIBUTION, 1)),
        ((DISTRIBUTION, APP), (APP, 2)),
        ((LIBRARY, OURS), (LIBRARY, 1)),
        ((OURS, LIBRARY), (LIBRARY, 2)),
        (("<frozen importlib._bootstrap>", STDLIB, APP), (APP, 3)),
        (("<string>", "<template>", APP), (APP, 3)),
        ((STDLIB, "<string>"), None),
        ((OURS,), None),
        ((), None),
        (("views.py",), ("views.py", 1)),
        ((sysconfig.get_path("stdlib") + "-shop/views.py",), (sysconfig.get_path("stdlib") + "-shop/views.py", 1)),
    ],
    ids=[
        "the application", "called by a library", "inside a library", "inside the standard library and a library",
        "no application: the innermost library", "installed by a distribution", "inside what a distribution installed",
        "memguard around a library",
        "memguard itself inside", "frozen modules", "code without a file", "nobody", "memguard alone", "no frames",
        "a relative path", "beside the standard library",
    ],
)  # fmt: skip
def test_the_line_to_blame(files: tuple[str, ...], blamed: tuple[str, int] | None) -> None:
    """It is the innermost line of the application; only where there is none, of a library; never memguard's own."""
    found = blame([trace(*files)])

    assert [(site.file, site.line) for site in found] == ([blamed] if blamed else [])


def test_traces_that_come_down_to_one_line() -> None:
    """Their objects and bytes add up, and lines come by how much was allocated there."""
    traces = [
        trace(STDLIB, APP, objects=2, size=10),
        trace(LIBRARY, "/srv/shop/models.py", objects=4, size=1000),
        trace(LIBRARY, APP, objects=3, size=20),
        trace("<string>", objects=99, size=1),
    ]

    assert blame(traces) == (
        Site(APP, 2, "", "", 5, 30),
        Site("/srv/shop/models.py", 2, "", "", 4, 1000),
    )
    assert blame([]) == ()


SOURCE = '''\
"""Views of a shop."""

import re

PATTERN = re.compile("\\d+\\.\\N{DASH}")

cache = []


def show(request):
    cache.append(request)
    return [
        number
        for number in range(3)
    ]


class Basket:
    items = []

    @property
    def total(self):
        def price(item):
            return item["price"]

        return sum(map(price, self.items))

    async def save(self):
        cache.append(lambda: (
            self,
        ))
'''


def line_of(text: str) -> int:
    """Return the number of the first line of the source that has the text in it."""
    return next(number for number, line in enumerate(SOURCE.splitlines(), 1) if text in line)


@pytest.mark.parametrize(
    ("text", "function"),
    [
        ("cache = []", "<module>"),
        ("cache.append(request)", "show"),
        ("for number", "show"),
        ("items = []", "Basket"),
        ("def total", "Basket.total"),
        ('return item["price"]', "Basket.total.price"),
        ("return sum", "Basket.total"),
        ("cache.append(lambda", "Basket.save"),
        ("self,", "Basket.save"),
    ],
)
def test_a_site_is_described(tmp_path: Path, text: str, function: str) -> None:
    """It gets the name of the function around its line, and the line's text; what was counted stays."""
    file = tmp_path / "views.py"
    file.write_text(SOURCE)
    line = line_of(text)

    assert describe(Site(str(file), line, "", "", 5, 30)) == Site(
        str(file), line, function, SOURCE.splitlines()[line - 1].strip(), 5, 30
    )


def test_the_hosts_source_brings_up_no_warnings(tmp_path: Path) -> None:
    """What the compiler once had to say about a source is not said again in the middle of a service."""
    file = tmp_path / "views.py"
    file.write_text(SOURCE)
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        described = describe(Site(str(file), line_of("cache.append(request)"), "", "", 1, 1))

    assert said == []
    assert described.function == "show"


@pytest.mark.parametrize(
    "content",
    [
        b"def show(:\n    pass\n",
        b"\x00\x01\x02\n",
        b"\xff\xfe\xfd\n",
        b"(" * 5000 + b"\n",
        b"x = " + b"-" * 50_000 + b"1\n",
    ],
    ids=["not Python", "binary", "not UTF-8", "too many brackets", "nested too deep"],
)
def test_a_source_that_cannot_be_read(tmp_path: Path, content: bytes) -> None:
    """A site is the line all the same; a function that cannot be told is left empty."""
    file = tmp_path / "odd.py"
    file.write_bytes(content)
    described = describe(Site(str(file), 1, "", "", 3, 4))

    assert (described.file, described.line, described.objects, described.bytes) == (str(file), 1, 3, 4)
    assert described.function == ""


def test_a_source_that_is_not_there() -> None:
    """Code that came from elsewhere has no text to show."""
    assert describe(Site("/nowhere/views.py", 7, "", "", 1, 1)) == Site("/nowhere/views.py", 7, "", "", 1, 1)


def test_a_line_beyond_the_end(tmp_path: Path) -> None:
    """A file that was changed meanwhile is no reason to fail."""
    file = tmp_path / "short.py"
    file.write_text(
        textwrap.dedent("""
        def show():
            pass
    """)
    )

    assert describe(Site(str(file), 99, "", "", 1, 1)).source == ""
