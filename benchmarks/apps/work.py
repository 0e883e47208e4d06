"""What the routes and tasks of all applications do: nothing, JSON, a template, a query by an ORM."""

import itertools

from jinja2 import Environment
from sqlalchemy import String, create_engine, select
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column
from sqlalchemy.pool import StaticPool

ROUTES = ("trivial", "json", "template", "orm")
NAMES = [f"name {number}" for number in range(50)]
TEMPLATE = Environment(autoescape=True).from_string(
    "<ul>{% for name in names %}<li class='{{ loop.cycle('odd', 'even') }}'>{{ name }}</li>{% endfor %}</ul>"
)
KEPT: list["Kept"] = []
RARELY_KEPT: list["Kept"] = []
LARGE_KEPT: list[bytes] = []
_rare, _large = itertools.count(1), itertools.count(1)


class Kept:
    """What the leaking route leaves."""

    def __init__(self) -> None:
        self.rows = ["row"] * 50


class Base(DeclarativeBase):
    """All tables."""


class User(Base):
    """A row to load."""

    __tablename__ = "users"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str] = mapped_column(String(50))


ENGINE = create_engine("sqlite://", poolclass=StaticPool, connect_args={"check_same_thread": False})
Base.metadata.create_all(ENGINE)
with Session(ENGINE) as _session:
    _session.add_all(User(name=name) for name in NAMES)
    _session.commit()


def numbers() -> dict[str, object]:
    """Return what the JSON route answers with."""
    return {"names": NAMES, "numbers": list(range(100)), "nested": [{"id": number} for number in range(20)]}


def page() -> str:
    """Return what the template route answers with."""
    return TEMPLATE.render(names=NAMES)


def loaded() -> dict[str, object]:
    """Return what the ORM route answers with."""
    with Session(ENGINE) as session:
        return {"users": [user.name for user in session.scalars(select(User).limit(20))]}


def leak() -> None:
    """Keep something, for ever."""
    KEPT.append(Kept())  # leaks


def leak_rarely() -> None:
    """Keep something of every hundredth request."""
    if next(_rare) % 100 == 0:
        RARELY_KEPT.append(Kept())


def leak_much() -> None:
    """Keep 100 kB of one request in a thousand."""
    if next(_large) % 1000 == 0:
        LARGE_KEPT.append(bytes(100_000))
