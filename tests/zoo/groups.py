"""The servers of the zoo: which part of which application each one runs, and how."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from example_apps import commands
from tests.zoo.truth import Truth, read

HERE = Path(__file__).parent
GTHREAD = ("--worker-class", "gthread", "--threads", "4")


@dataclass(frozen=True, slots=True)
class Group:
    """One server with its operations.

    Attributes:
        app: `flask.containers`: the framework, and the module.
        command: Makes the command line from a port; None for Celery.
        pool: Celery's pool.
        processes: Of that pool.
        seconds: How long it is under load.
    """

    app: str
    command: Callable[[int], list[str]] | None = None
    pool: str = ""
    processes: int = 1
    seconds: float = 70.0

    @property
    def framework(self) -> str:
        """`flask`, `django`, `fastapi` or `celery`."""
        return self.app.split(".")[0]

    @property
    def part(self) -> str:
        """The module in the framework's folder."""
        return self.app.split(".")[1]

    @property
    def module(self) -> str:
        """The module's full name."""
        return f"tests.zoo.{self.framework}_app.{self.part}"

    @property
    def path(self) -> Path:
        """The module's file."""
        return HERE / f"{self.framework}_app" / f"{self.part}.py"

    def truths(self) -> tuple[Truth, ...]:
        """Return what is true of its operations."""
        return read(self.path, self.app)


def _gthread(target: str) -> Callable[[int], list[str]]:
    return lambda port: commands.gunicorn(target, port, *GTHREAD, workers=1)


def _uvicorn(target: str) -> Callable[[int], list[str]]:
    return lambda port: commands.uvicorn(target, port)


GROUPS = (
    Group("flask.containers", _gthread("tests.zoo.flask_app.containers:app")),
    Group("flask.callbacks", _gthread("tests.zoo.flask_app.callbacks:app")),
    Group("flask.libraries", _gthread("tests.zoo.flask_app.libraries:app")),
    Group("flask.rare", _gthread("tests.zoo.flask_app.rare:app"), seconds=200.0),
    Group("django.shop", _gthread("tests.zoo.django_app.wsgi:application")),
    Group("django.calm", _uvicorn("tests.zoo.django_app.asgi:application")),
    Group("fastapi.tasks", _uvicorn("tests.zoo.fastapi_app.tasks:app")),
    Group("fastapi.system", _uvicorn("tests.zoo.fastapi_app.system:app")),
    Group("fastapi.no_collector", _uvicorn("tests.zoo.fastapi_app.no_collector:app")),
    Group("celery.prefork", pool="prefork"),
    Group("celery.threads", pool="threads", processes=4),
)
"""Each server runs alone, one after another."""
