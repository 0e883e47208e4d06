"""The example web applications under real servers: what the report says after a bounded load."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from example_apps import commands
from example_apps.servers import Servers
from tests.live.live import MENU, Answer, Web, drive, eventually, web_server
from tests.live.reports import Report, accused, finding, marked_line

LEAK = "GET /leak"


@dataclass(frozen=True)
class Scenario:
    """A server with an application, and what it is called in the report."""

    id: str
    server: str
    module: str
    command: Callable[[int], list[str]]
    mode: str = "watch"
    workers: int = 2


def _gunicorn(target: str, *options: str) -> Callable[[int], list[str]]:
    return lambda port: commands.gunicorn(target, port, *options)


def _uvicorn(target: str, workers: int = 1) -> Callable[[int], list[str]]:
    return lambda port: commands.uvicorn(target, port, workers=workers)


GTHREAD = ("--worker-class", "gthread", "--threads", "4")
FLASK, DJANGO, FASTAPI = (f"example_apps.{name}" for name in ("flask_app.app", "django_app.views", "fastapi_app.app"))
SCENARIOS = [
    Scenario("flask-sync", "gunicorn-sync", FLASK, _gunicorn(commands.FLASK)),
    Scenario("flask-gthread-trace", "gunicorn-gthread", FLASK, _gunicorn(commands.FLASK, *GTHREAD), mode="trace"),
    Scenario("flask-gthread-preload", "gunicorn-gthread", FLASK, _gunicorn(commands.FLASK, *GTHREAD, "--preload")),
    Scenario("django-sync-trace", "gunicorn-sync", DJANGO, _gunicorn(commands.DJANGO_WSGI), mode="trace"),
    Scenario("django-uvicorn", "uvicorn", DJANGO, _uvicorn(commands.DJANGO_ASGI), workers=1),
    Scenario("fastapi-uvicorn-trace", "uvicorn", FASTAPI, _uvicorn(commands.FASTAPI), mode="trace", workers=1),
    Scenario("fastapi-uvicorn-2", "uvicorn", FASTAPI, _uvicorn(commands.FASTAPI, workers=2)),
]


@dataclass(frozen=True)
class Loaded:
    """A server that is still running, and the report after its load."""

    scenario: Scenario
    web: Web
    pids: set[int]
    report: Report


@pytest.fixture(scope="module", params=SCENARIOS, ids=lambda scenario: scenario.id)
def loaded(
    request: pytest.FixtureRequest, servers: Servers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Loaded]:
    """A server after a load of the whole menu."""
    scenario: Scenario = request.param
    directory: Path = tmp_path_factory.mktemp(scenario.id)
    # Evidence comes as the budget allows; more of it than by default, so that a minute's load is enough for a verdict.
    environ = {"MEMGUARD_MODE": scenario.mode, "MEMGUARD_OVERHEAD_BUDGET": "0.05", "MEMGUARD_TRACE_FRAMES": "3"}
    with web_server(servers, directory, scenario.command, **environ) as web:
        pids = web.worker_pids(scenario.workers)
        report = drive(web, LEAK, MENU, "/big")
        yield Loaded(scenario, web, pids, report)


def test_every_worker_is_in_the_report(loaded: Loaded) -> None:
    """All processes that answer requests are listed as alive, with what runs them."""
    workers = [worker for worker in loaded.report["workers"] if worker["alive"]]
    assert {worker["pid"] for worker in workers} == loaded.pids
    assert {worker["server"] for worker in workers} == {loaded.scenario.server}
    assert {worker["kind"] for worker in workers} == {"web"}
    assert {worker["mode"] for worker in workers} == {loaded.scenario.mode}
    assert {worker["state"] for worker in workers} == {"serving"}
    assert loaded.report["answered_by"]["pid"] in loaded.pids


def test_the_leak_is_named(loaded: Loaded) -> None:
    """The leaking request is found, with the class whose instances pile up."""
    found = finding(loaded.report, LEAK)
    assert found is not None, loaded.report["operations"]
    assert found["operation"]["kind"] == "request"
    assert f"{loaded.scenario.module}.Context" in {entry["type"] for entry in found["types"]}
    assert found["rate"]["objects_per_unit"] > 0.5  # of a Context and its list; requests that overlap blur it
    assert found["reasons"]


def test_nothing_else_is_accused(loaded: Loaded) -> None:
    """A cache at its cap, cycles, streams, failures and a big moment are no leaks."""
    assert accused(loaded.report) <= {("request", LEAK)}


def test_the_line_that_leaks_is_named(loaded: Loaded) -> None:
    """With tracing on, the finding leads to the very line that allocates what is kept."""
    if loaded.scenario.mode != "trace":
        return
    found = finding(loaded.report, LEAK)
    assert found is not None
    site = found["sites"][0]
    assert (Path(site["file"]), site["line"]) == marked_line(loaded.scenario.module.replace(".", "/") + ".py")
    assert "the line that leaks" in site["source"]
    assert site["function"] == "leak"


def test_every_request_is_counted_once(loaded: Loaded) -> None:
    """Over all workers, each operation has as many units as were sent, and errors only where the view failed."""
    entries = {entry["name"]: entry for entry in loaded.report["operations"] if entry["kind"] == "request"}
    assert {name: entry["units"] for name, entry in entries.items()} == loaded.web.units
    errors = {name: entry["errors"] for name, entry in entries.items() if entry["errors"]}
    assert errors == {"GET /boom": loaded.web.sent["/boom"]}


def test_nothing_stays_in_flight(loaded: Loaded) -> None:
    """Once the load is over no unit is open any more."""
    eventually(lambda: all(worker["in_flight"] == 0 for worker in loaded.web.report()["workers"]), "no unit in flight")


@pytest.mark.parametrize("path", ["/_memguard", "/_memguard/api/report", "/_memguard/api/commands"])
@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer wrong"}], ids=["no token", "wrong token"])
def test_without_the_token_it_is_the_apps_own_404(loaded: Loaded, path: str, headers: dict[str, str]) -> None:
    """Who does not know the token cannot tell the endpoint from a path that does not exist."""
    status, answer_headers, body = without_figures(loaded.web.get(path, **headers))
    assert status == 404
    assert (status, answer_headers, body) == without_figures(loaded.web.get("/no-such-path", **headers))


def without_figures(answer: Answer) -> Answer:
    """Leave out what `Server-Timing` says: of two requests it says two things."""
    status, headers, body = answer
    return status, tuple((name, "" if name == "server-timing" else text) for name, text in headers), body
