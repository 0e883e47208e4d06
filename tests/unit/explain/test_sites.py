import functools
import inspect
import json
import sysconfig
import textwrap
import warnings
from functools import partial, wraps
from importlib.metadata import version
from pathlib import Path
from types import MethodType
from typing import Any

import pytest

import memguard
from memguard.evidence import Site
from memguard.explain.sites import PIECES_MOST, Code, blame, code_of, describe, is_application, passes
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
        Site(APP, 2, "", "", 5, 30, through=f"{LIBRARY}:1"),
        Site("/srv/shop/models.py", 2, "", "", 4, 1000, through=f"{LIBRARY}:1"),
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


def test_the_library_under_a_site() -> None:
    """A line of the application says in which library it allocated, by name, version, file and line."""
    import flask

    (site,) = blame([Trace(((flask.__file__, 3), (__file__, 1)), 1, 10)])
    described = describe(site)

    assert (described.file, described.library) == (__file__, "")
    assert described.through == f"flask {version('flask')}, flask/__init__.py:3"


def test_a_leak_inside_a_library() -> None:
    """Where no line is the application's the site is the library's, and says whose."""
    import flask

    (site,) = blame([Trace(((flask.__file__, 3),), 1, 10)])
    described = describe(site)

    assert (described.file, described.library, described.through) == (flask.__file__, f"flask {version('flask')}", "")


def views() -> tuple[object, Code]:
    """Return a decorated view in all the shapes that frameworks make of it, and where it stands."""

    @wraps(plain_view)
    def decorated() -> None:
        plain_view()

    return decorated, code_of(plain_view)


def plain_view() -> None:
    """A view."""


class Views:
    """A class of views."""

    def get(self) -> None:
        """A view."""


@pytest.mark.parametrize("view", [views()[0], partial(plain_view), plain_view], ids=["decorated", "partial", "plain"])
def test_the_code_of_a_view(view: object) -> None:
    """Of what decorators and partials have wrapped, too; a traceback through it is the operation's own."""
    (file, first, last), *_ = code_of(plain_view)

    assert (file, first, last) in code_of(view)
    assert passes([("/elsewhere.py", 1), (file, last)], code_of(view))
    assert not passes([(file, last + 1)], code_of(plain_view))


def test_the_code_of_classes_and_methods() -> None:
    """All methods of a class of views; and nothing of what has no source."""
    assert code_of(Views) == code_of(Views().get)
    assert code_of(len) == code_of(None) == ()


def decorated(function: Any) -> Any:
    """Wrap a view as most decorators do."""

    @functools.wraps(function)
    def wrapper(*args: object) -> object:
        return function(*args)

    return wrapper


def view(request: object) -> object:
    """Be a view with a function inside."""

    def later() -> object:
        return request

    return later


@decorated
@decorated
def wrapped_view(request: object) -> object:
    """Be a view behind two decorators."""
    return request


class Base:
    """What views have in common."""

    def dispatch(self) -> object:
        """Find the method."""
        return self


class ByClass(Base):
    """A class of views."""

    def get(self) -> object:
        """Be a view."""
        return self

    @classmethod
    def as_view(cls) -> Any:
        """Do what Django does."""

        def view() -> object:
            return cls().get()

        view.view_class = cls  # type: ignore[attr-defined]  # as Django does
        return view


def lines_of(function: Any) -> tuple[str, int, int]:
    """Return a function's file, first and last line, as its source says."""
    source, first = inspect.getsourcelines(function)
    is_body = next(number for number, line in enumerate(source) if "def " in line)
    return __file__, first + is_body, first + len(source) - 1


def has(code: Code, function: Any) -> bool:
    """Tell whether the last line of a function is in a piece of source."""
    file, _, last = lines_of(function)
    return passes([(file, last)], code)


def test_the_code_of_a_function() -> None:
    """From its first line to its last, with the functions inside it."""
    ((file, first, last),) = code_of(view)

    assert file == __file__
    assert first <= lines_of(view)[1] + 1
    assert last == lines_of(view)[2]


def test_the_code_behind_decorators_and_partials() -> None:
    """What was wrapped is found, and what wraps it as well, where that is the application's own."""
    for each in (wrapped_view, functools.partial(functools.partial(wrapped_view, 1), 2)):
        code = code_of(each)
        assert has(code, inspect.unwrap(wrapped_view))
        assert len(code) == 2
        assert not has(code, view)


@pytest.mark.parametrize("each", [ByClass, ByClass.as_view(), ByClass().get], ids=["class", "as_view", "bound method"])
def test_the_code_of_a_class(each: object) -> None:
    """All of its methods, with those it inherits; of one method its own."""
    code = code_of(each)

    assert has(code, ByClass.get)
    assert has(code, Base.dispatch) == (type(each) is not MethodType)


def test_what_is_no_code_of_the_application() -> None:
    """Libraries' code is everybody's; an object without code has none."""
    assert code_of(json.dumps) == ()
    assert code_of(len) == ()
    assert code_of(None) == ()
    assert code_of(object()) == ()
    assert code_of(eval("lambda: 0")) == ()


def test_a_class_with_a_large_one_in_it() -> None:
    """However much a view refers to (a model, a serializer), its own methods are found first; and there is an end."""
    large = type("Model", (), {f"field{number}": number for number in range(PIECES_MOST * 2)})
    space: dict[str, Any] = {"model": large, "get": ByClass.get}
    cls: Any = type("View", (), space)
    cls.itself = cls

    assert has(code_of(cls), ByClass.get)


def test_no_code_of_the_host_runs() -> None:
    """Neither of an instance nor of a class's metaclass."""
    ran: list[str] = []

    class Meta(type):
        def __getattribute__(cls, name: str) -> object:
            ran.append(name)
            return super().__getattribute__(name)

    class View(metaclass=Meta):
        def get(self) -> object:
            return self

    class Callable:
        def __getattribute__(self, name: str) -> object:
            ran.append(name)
            return super().__getattribute__(name)

        def __call__(self) -> None:
            pass

    instance = Callable()
    ran.clear()
    found = [code_of(View), code_of(instance)]

    assert ran == []
    assert [len(code) for code in found] == [1, 0]


def test_a_traceback_passes_through_code() -> None:
    """If any of its lines is in one of the pieces, the first and the last lines included, in the same file."""
    code: Code = (("/srv/views.py", 10, 20), ("/srv/models.py", 1, 5))

    assert passes([(LIBRARY, 1), ("/srv/views.py", 10)], code)
    assert passes([("/srv/views.py", 20)], code)
    assert passes([("/srv/models.py", 3)], code)
    assert not passes([("/srv/views.py", 9), ("/srv/views.py", 21), ("/srv/models.py", 10), (LIBRARY, 15)], code)
    assert not passes([("/srv/views.py", 10)], ())
    assert not passes([], code)


@pytest.mark.parametrize(
    ("file", "is_own"),
    [(APP, True), ("views.py", True), (STDLIB, False), (LIBRARY, False), (DISTRIBUTION, False), (OURS, False),
     ("<string>", False), ("<frozen importlib._bootstrap>", False)],
)  # fmt: skip
def test_whose_code_a_file_is(file: str, is_own: bool) -> None:
    """The application's own, or somebody else's."""
    assert is_application(file) is is_own
