import http.client
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from example_apps import commands
from example_apps.servers import Servers, environment, free_port

WSGI, ASGI = "tests.recycle.asked:wsgi", "tests.recycle.asked:asgi"
UWSGI = str(Path(sys.executable).with_name("pyuwsgi"))

pytestmark = pytest.mark.live


@dataclass(frozen=True)
class Case:
    """A server that is started in a certain way.

    Attributes:
        name: What memguard calls it.
        says: A part of why it is not asked to let its worker go; empty where it would be.
        command: Returns the command line for a port.
        supervised: Somebody has declared that something outside starts it again.
        workers: How many processes it keeps.
        keeps_listening: Whether connections wait while a worker is away.
    """

    name: str
    says: str
    command: Callable[[int], list[str]]
    supervised: bool = False
    workers: int | None = 1
    keeps_listening: bool = False


def _module(*parts: str) -> list[str]:
    return [sys.executable, "-m", *parts]


def _python(source: str) -> Callable[[int], list[str]]:
    source = f"from tests.recycle.asked import wsgi; {source}"
    return lambda port: [sys.executable, "-c", source.replace("PORT", str(port))]


def _granian(*options: str) -> Callable[[int], list[str]]:
    return lambda port: _module("granian", ASGI, "--interface", "asgi", "--port", str(port), *options)


def _uwsgi(*options: str, bind: str = "--http-socket") -> Callable[[int], list[str]]:
    return lambda port: [
        UWSGI, bind, f"127.0.0.1:{port}", "--module", WSGI, "--die-on-term", "--need-app", "--enable-threads", *options
    ]  # fmt: skip


def _hypercorn(*options: str) -> Callable[[int], list[str]]:
    return lambda port: _module("hypercorn", ASGI, "--bind", f"127.0.0.1:{port}", *options)


def _waitress(port: int) -> list[str]:
    return _module("waitress", "--listen", f"127.0.0.1:{port}", WSGI)


def _waitress_twice(port: int) -> list[str]:
    return _module("waitress", "--listen", f"127.0.0.1:{port} 127.0.0.1:0", WSGI)


CASES = {
    "gunicorn": Case(
        "gunicorn-sync", "", lambda port: commands.gunicorn(WSGI, port, workers=1), keeps_listening=True
    ),
    "gunicorn --reload": Case(
        "gunicorn-sync", "with `reload`", lambda port: commands.gunicorn(WSGI, port, "--reload", workers=1),
        keeps_listening=True,
    ),
    "uvicorn": Case("uvicorn", "`supervised=True`", lambda port: commands.uvicorn(ASGI, port)),
    "uvicorn, supervised": Case("uvicorn", "", lambda port: commands.uvicorn(ASGI, port), supervised=True),
    "uvicorn --reload": Case(
        "uvicorn", "with `--reload`", lambda port: commands.uvicorn(ASGI, port, "--reload"), supervised=True
    ),
    "uvicorn --workers": Case(
        "uvicorn", "", lambda port: commands.uvicorn(ASGI, port, workers=2), workers=2, keeps_listening=True
    ),
    "hypercorn": Case("hypercorn", "", _hypercorn("--workers", "1"), keeps_listening=True),
    "hypercorn --workers 0": Case("hypercorn", "`--workers 0`", _hypercorn("--workers", "0")),
    "hypercorn --reload": Case(
        "hypercorn", "with `--reload`", _hypercorn("--reload"), supervised=True, keeps_listening=True
    ),
    "granian": Case("granian", "", _granian("--workers", "2"), workers=2, keeps_listening=True),
    "granian with its own limit": Case(
        "granian", "`--workers-max-rss`", _granian("--workers-max-rss", "500"), keeps_listening=True
    ),
    # It would start anew at whatever another test writes beside it.
    "granian --reload": Case(
        "granian", "with `--reload`", _granian("--reload", "--reload-paths", str(Path(__file__).parents[2] / "requirements")),
        keeps_listening=True,
    ),
    "uWSGI": Case("uwsgi", "", _uwsgi("--master", "--processes", "2"), workers=2, keeps_listening=True),
    "uWSGI without master": Case("uwsgi", "without a master", _uwsgi(), keeps_listening=True),
    "uWSGI with its own limit": Case(
        "uwsgi", "`reload-on-rss`", _uwsgi("--master", "--reload-on-rss", "500"), keeps_listening=True
    ),
    "uWSGI that kills": Case(
        "uwsgi", "`evil-reload-on-rss`", _uwsgi("--master", "--evil-reload-on-rss", "500"), keeps_listening=True
    ),
    "uWSGI --py-autoreload": Case(
        "uwsgi", "`py-autoreload`", _uwsgi("--master", "--py-autoreload", "5"), keeps_listening=True
    ),
    "uWSGI in an asynchronous mode": Case(
        "uwsgi", "asynchronous mode (`async`)", _uwsgi("--master", "--async", "2", "--ugreen"), keeps_listening=True
    ),
    "uWSGI that keeps connections": Case(
        "uwsgi", "`http11-socket`", _uwsgi("--master", bind="--http11-socket"), keeps_listening=True
    ),
    "waitress": Case("waitress", "`supervised=True`", _waitress),
    "waitress, supervised": Case("waitress", "", _waitress, supervised=True),
    "waitress on two addresses": Case("waitress", "", _waitress_twice, supervised=True),
    "werkzeug": Case(
        "werkzeug", "for development", _python("from werkzeug.serving import run_simple; run_simple('127.0.0.1', PORT, wsgi)"),
        supervised=True, workers=None,
    ),
    "wsgiref": Case(
        "wsgiref", "for development",
        _python("from wsgiref.simple_server import make_server; make_server('127.0.0.1', PORT, wsgi).serve_forever()"),
        supervised=True, workers=None,
    ),
    "another server": Case(
        "unknown", "does not recognise", lambda port: _module("tests.recycle.another", str(port)), supervised=True,
        workers=None,
    ),
}  # fmt: skip


@pytest.fixture
def servers() -> Iterator[Servers]:
    """Start servers here, so that they end with the test, and with this process if it dies."""
    with Servers() as started:
        yield started


@pytest.mark.parametrize("case", CASES.values(), ids=list(CASES))
def test_what_is_known_of_a_server(case: Case, servers: Servers, tmp_path: Path) -> None:
    """It is known by its own objects, how it serves is known, and where it would not come back it is said why."""
    port = free_port()
    environ = environment(ASKED_SUPERVISED=str(int(case.supervised)))
    server = servers.start(case.name, case.command(port), environ=environ, log=tmp_path / "log")
    server.wait_until(lambda: commands.web_answers(port), seconds=60)
    told = ask(port)
    assert case.says in told["refusal"]
    assert bool(told["refusal"]) == bool(case.says), told["refusal"]
    assert (told["name"], told["workers"], told["keeps_listening"]) == (case.name, case.workers, case.keeps_listening)
    servers.stop(server)


def ask(port: int) -> dict[str, Any]:
    """Return what the application answers."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    try:
        connection.request("GET", "/")
        answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer
    finally:
        connection.close()
