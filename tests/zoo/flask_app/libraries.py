"""Flask: what applications do with libraries: templates, expressions, sessions, classes and exceptions that stay."""

# ruff: noqa: D103 - views and helpers explain themselves

import itertools
import os
import re
from collections import namedtuple
from dataclasses import dataclass
from typing import Any

import jinja2
from flask import Flask, Response, render_template_string
from sqlalchemy import String
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from memguard.flask import MemGuard
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import ordinary_work

app = Flask(__name__)
MemGuard(app)
app.before_request(ordinary_work)

_numbers = itertools.count(1)


@app.get("/health")
def health() -> dict[str, Any]:
    return {"pid": os.getpid()}


_environments: dict[int, jinja2.Environment] = {}


@app.get("/template_environments")
@leaks(pattern=("unbounded-container", "unbounded-cache"), holder="_environments", types="Environment", per_second=8)
def template_environments() -> dict[str, Any]:
    """A template environment for each request, kept (after https://github.com/paulomtts/pyjinhx/issues/799)."""
    environment = jinja2.Environment(autoescape=True)  # leaks
    _environments[next(_numbers)] = environment
    return {"environments": len(_environments)}


_templates: dict[str, jinja2.Template] = {}
_environment = jinja2.Environment(autoescape=True)


@app.get("/templates_by_text")
@leaks(pattern=("unbounded-cache", "unbounded-container"), holder="_templates", types=("Template", "function"))
def templates_by_text() -> dict[str, Any]:
    """A cache of templates by their text, and the text has the visitor's name in it."""
    text = f"Hello visitor {next(_numbers)}, {{{{ greeting }}}}"
    if text not in _templates:
        _templates[text] = _environment.from_string(text)  # leaks
    return {"text": _templates[text].render(greeting="welcome")}


_patterns: dict[str, "re.Pattern[str]"] = {}


@app.get("/expressions")
@leaks(pattern=("unbounded-cache", "unbounded-container"), holder="_patterns")
def expressions() -> dict[str, Any]:
    """A cache of expressions of one's own, with something in them that differs each time."""
    text = rf"order-{next(_numbers)}-(?P<line>\d+)-(red|green|blue)?"
    found = _patterns.get(text)
    if found is None:
        found = _patterns[text] = re.compile(text)  # leaks
    return {"found": bool(found.match("order-1-2-"))}


_failures: list[Exception] = []


def settle(lines: list[str]) -> None:
    if lines:
        raise ValueError("this order cannot be settled")  # leaks: exceptions_kept


@app.get("/exceptions_kept")
@leaks(pattern="exception-traceback", holder="_failures", types=("ValueError", "traceback", "frame", "list"))
def exceptions_kept() -> dict[str, Any]:
    """Exceptions kept for a report, and with them the frames (after https://github.com/celery/celery/issues/8882)."""
    lines = ["line"] * 200  # leaks
    try:
        settle(lines)  # leaks
    except ValueError as error:
        _failures.append(error)
    return {"failures": len(_failures)}


_row_types: list[type] = []


@app.get("/named_tuples")
@leaks(pattern="dynamic-class", holder="_row_types", types=("type", "function"))
def named_tuples() -> dict[str, Any]:
    """A namedtuple class made for the columns of each report."""
    columns = ["number", f"total_{next(_numbers)}"]
    row: Any = namedtuple("row", columns)  # type: ignore[misc]  # noqa: PYI024 - the columns are known only now  # leaks
    _row_types.append(row)
    return {"fields": len(row._fields)}


class Base(DeclarativeBase):
    """The tables."""


class Order(Base):
    """An order in the database."""

    __tablename__ = "order"
    number: Mapped[int] = mapped_column(primary_key=True)
    note: Mapped[str] = mapped_column(String(500))


_session = Session(autoflush=False)


@app.get("/orm_session")
@leaks(pattern="orm-session", holder="_session", types=("Order", "InstanceState"))
def orm_session() -> dict[str, Any]:
    """One session for all requests, whose objects are never written (https://github.com/conbench/conbench/issues/1300)."""
    order = Order(number=next(_numbers), note="to be written some day " * 10)  # leaks
    _session.add(order)  # leaks
    return {"waiting": len(_session.new)}


@app.get("/short_session")
@innocent()
def short_session() -> dict[str, Any]:
    """A session for each request, closed at its end."""
    with Session(autoflush=False) as session:
        session.add(Order(number=next(_numbers), note="nothing"))
        waiting = len(session.new)
        session.rollback()
    return {"waiting": waiting}


@dataclass
class Line:
    """A line of an invoice."""

    text: str
    amount: int


@app.get("/renders")
@innocent()
def renders() -> str:
    """Flask's own way to render a text: its caches warm up."""
    lines = [Line(f"line {number}", number) for number in range(10)]
    return render_template_string(
        "{% for line in lines %}{{ line.text }}: {{ line.amount }}\n{% endfor %}", lines=lines
    )


@app.get("/searches")
@innocent()
def searches() -> dict[str, Any]:
    """Expressions through `re`'s own cache, which warms up."""
    found = re.search(rf"line (\d+) of {next(_numbers) % 90}", "line 3 of 7")
    return {"found": bool(found)}


@app.get("/raises")
@innocent()
def raises() -> Response:
    """An exception that nobody handles: the answer is 500."""
    lines = ["line"] * 200
    raise LookupError(f"no order has {len(lines)} lines")


@app.get("/handles")
@innocent()
def handles() -> dict[str, Any]:
    """An exception that is handled, with a cycle through its own frame that the collector has to free."""
    lines, problem = ["line"] * 200, None
    try:
        settle(lines)
    except ValueError as error:
        problem = error
    return {"problem": str(problem)}
