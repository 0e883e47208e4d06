"""What `memguard doctor` says of real workers: how they are replaced, why they are not, whether they are wired once."""

import json
import os
import subprocess
import sys
from pathlib import Path

from example_apps import commands
from example_apps.servers import Servers
from tests.live.live import Web, eventually, web_server

SECONDS_MOST = 120
WERKZEUG = """
import sys
from werkzeug.serving import run_simple
from example_apps.flask_app.app import app
run_simple("127.0.0.1", int(sys.argv[1]), app)
"""
TWICE = """
from example_apps.flask_app.app import app as inner
from memguard.wsgi import MemGuardMiddleware
app = MemGuardMiddleware(inner)
"""


def doctor(web: Web) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and grade and words of each check, once a worker has told what it is."""
    web.get("/clean")
    eventually(lambda: any(each["leaves"] or each["stays_because"] for each in web.report()["workers"]), "its outlook")
    command = [sys.executable, "-m", "memguard.cli", "doctor", "--json", "--service", "live"]
    environ = {**os.environ, "MEMGUARD_STORE": str(web.store), "MEMGUARD_RSS_CEILING": "80%"}
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MOST, check=False, env=environ)
    assert done.stderr == ""
    return done.returncode, {each["what"]: (each["grade"], each["told"]) for each in json.loads(done.stdout)}


def test_gunicorn_is_asked_to_replace_a_worker(servers: Servers, tmp_path: Path) -> None:
    """The doctor says how."""

    def command(port: int) -> list[str]:
        return commands.gunicorn(commands.FLASK, port, "--worker-class", "gthread", "--threads", "2", workers=1)

    with web_server(servers, tmp_path, command, MEMGUARD_RSS_CEILING="80%") as web:
        code, found = doctor(web)

    assert code == 0, found
    assert found["replacement"][0] == "ok"
    assert ": drained, with no new connections, " in found["replacement"][1]
    assert found["replacement"][1].endswith("then by gunicorn-gthread's own graceful exit.")
    assert found["wiring"] == ("ok", "Each unit passes one adapter of memguard.")


def test_a_server_for_development_replaces_nothing(servers: Servers, tmp_path: Path) -> None:
    """The doctor says so, and why, long before any ceiling is crossed."""
    with web_server(
        servers, tmp_path, lambda port: [sys.executable, "-c", WERKZEUG, str(port)], MEMGUARD_RSS_CEILING="80%"
    ) as web:
        code, found = doctor(web)

    assert code == 1
    assert found["replacement"][0] == "wrong"
    assert "cannot be replaced: this is a server for development" in found["replacement"][1]


def test_an_application_that_is_wrapped_twice(servers: Servers, tmp_path: Path) -> None:
    """The doctor and the page name the inner adapter."""
    (tmp_path / "twice.py").write_text(TWICE)
    with web_server(servers, tmp_path, lambda port: commands.gunicorn("twice:app", port, workers=1)) as web:
        code, found = doctor(web)
        eventually(lambda: web.report()["workers"][0]["inner_adapter"], "the second adapter in the report")
        _, _, page = web.get("/_memguard", Authorization="Bearer live-test-token")

    assert code == 1
    assert found["wiring"][0] == "wrong"
    assert "memguard.wsgi in web " in found["wiring"][1]
    assert b"requests pass two adapters of memguard, memguard.wsgi being the inner one" in page
