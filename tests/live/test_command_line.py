"""The commands that reach running workers, run as a person does beside a real server."""

import json
import os
import pty
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from example_apps import commands
from example_apps.servers import Servers
from tests.browser.installing import graphviz
from tests.live.live import Web, eventually, web_server

SECONDS_MOST = 120
KEPT = "example_apps.flask_app.app.Context"
HOLDER = "example_apps.flask_app.app._request_caches"
WITHOUT_RICH = "import sys; sys.modules['rich'] = None; from memguard.cli import main; sys.exit(main(sys.argv[1:]))"


@pytest.fixture(scope="module")
def web(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Return gunicorn with two workers that have told something."""
    command = commands.gunicorn
    directory = tmp_path_factory.mktemp("web")
    environ = {"MEMGUARD_RECYCLE_MIN_UPTIME": "1s", "MEMGUARD_RECYCLE_MIN_INTERVAL": "1s"}
    with web_server(
        servers,
        directory,
        lambda port: command(commands.FLASK, port, "--worker-class", "gthread", "--threads", "4"),
        **environ,
    ) as found:
        found.worker_pids(2)
        eventually(lambda: len(found.report()["workers"]) == 2, "both workers in the report")
        yield found


def run(web: Web, *arguments: str) -> tuple[int, str, str]:
    """Return exit code, output and complaints of a command."""
    command = [sys.executable, "-m", "memguard.cli", *arguments, "--store", str(web.store)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MOST, check=False)
    return done.returncode, done.stdout, done.stderr


def alive(web: Web) -> set[int]:
    """Return the workers that `top` shows."""
    code, out, complaint = run(web, "top", "--once", "--json")
    assert (code, complaint) == (0, "")
    return {each["pid"] for each in json.loads(out)["workers"]}


@contextmanager
def load(web: Web) -> Iterator[None]:
    """Send requests until the block ends."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            web.load(["/clean", "/leak"] * 5)

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SECONDS_MOST)


def test_the_next_units_are_followed_line_by_line(web: Web) -> None:
    """Three requests of one view in each worker, beside its source; the line that keeps something stands out."""
    asked = ("profile", "--operation", "GET /leak", "--all", "--within", "60s")
    with load(web):
        code, out, complaint = run(web, *asked, "--json")
        told = run(web, *asked, "--units", "1")
    assert (code, complaint) == (0, "")
    for each in json.loads(out)["commands"]:
        assert each["result"]["message"] == "Followed 3 units of GET /leak line by line."
        (followed,) = [one for one in each["result"]["functions"] if one["name"] == "leak"]
        most = max(followed["lines"], key=lambda line: line["increment"])
        assert most["source"].endswith("# the line that leaks")
        assert most["hits"] == 3
    assert told[0] == 0
    assert told[1].count("Followed 1 unit of GET /leak line by line.") == 2
    assert "hits     before  increment       peak  source" in told[1]


def test_workers_are_traced_and_what_they_recorded_is_shown(web: Web) -> None:
    """Units with their memory, objects with the lines that allocated them, without a token and without a request."""
    with load(web):
        code, out, complaint = run(web, "trace", "--seconds", "3", "--all", "--json")
    assert (code, complaint) == (0, "")
    assert [each["state"] for each in json.loads(out)["commands"]] == ["done", "done"]

    def recorded() -> list[dict[str, object]]:
        rows: list[dict[str, object]] = json.loads(run(web, "units", "--operation", "GET /leak", "--json")[1])
        return rows

    assert all(row["traced_bytes"] is not None for row in eventually(recorded, "units that were recorded"))
    objects = json.loads(run(web, "objects", "--json")[1])
    assert {each["pid"] for each in objects} == alive(web)
    assert any(site["function"] == "leak" for each in objects for site in each["sites"])


def test_workers_collect_trim_and_count(web: Web) -> None:
    """One of them, or all."""
    pid = str(min(alive(web)))

    assert run(web, "collect", "--worker", pid)[0] == 0
    assert run(web, "trim", "--all")[0] == 0
    code, out, _ = run(web, "objects", "--take", "--worker", pid)
    assert code == 0
    assert f"worker {pid} on " in out


def test_objects_are_looked_into(web: Web, tmp_path: Path) -> None:
    """By each way, while requests are served: what the leaking view keeps, who holds it, how large that is, and drawn."""
    web.load(["/leak"] * 40)
    with load(web):
        code, out, complaint = run(web, "objects", "chain", KEPT, "--all", "--json", "--dot", str(tmp_path / "a.dot"))
        assert (code, complaint) == (0, "")
        for each in json.loads(out)["commands"]:
            graph = each["result"]["inspection"]["graph"]
            assert graph["path"].startswith(HOLDER)
            assert graph["alike"] == graph["searched"] > 0
        assert len(list(tmp_path.glob("a-*.dot"))) == 2

        pid = str(min(alive(web)))
        largest = json.loads(run(web, "objects", "largest", KEPT, "--worker", pid, "--json")[1])["commands"][0][
            "result"
        ]
        assert largest["inspection"]["objects"] > 0
        assert {each["holder"].partition("[")[0] for each in largest["inspection"]["sizes"]} == {HOLDER}
        size = json.loads(run(web, "objects", "size", HOLDER, "--worker", pid, "--json")[1])["commands"][0]["result"]
        assert size["inspection"]["deep"]["objects"] > largest["inspection"]["objects"]
        for way in ("cycles", "uncollectable"):
            code, out, complaint = run(web, "objects", way, "--all", "--seconds", "30", "--json")
            assert (code, complaint) == (0, "")
            assert all(each["result"]["inspection"]["objects"] >= 0 for each in json.loads(out)["commands"])


def test_a_graph_is_drawn(web: Web, tmp_path: Path) -> None:
    """By Graphviz, where it is; where it is not, that is said, and nobody is asked."""
    web.load(["/leak"] * 40)
    drawn = tmp_path / "graph.svg"
    is_there = graphviz()
    code, _, complaint = run(web, "objects", "chain", KEPT, "--all", "--svg", str(drawn))

    assert (code, complaint) == (0, "") if is_there else code == 2
    if is_there:
        pictures = [each.read_text() for each in tmp_path.glob("graph-*.svg")]
        assert len(pictures) == 2
        assert all("<svg" in each and KEPT in each for each in pictures)
    else:
        assert "Graphviz's program dot is not installed here" in complaint


def test_a_worker_is_replaced(web: Web) -> None:
    """Its number is no longer among those that serve, and another one has come."""
    before = alive(web)
    code, out, complaint = run(web, "recycle", "--worker", str(min(before)))
    assert (code, complaint) == (0, ""), out

    def replaced() -> bool:
        web.load(["/clean"] * 8)
        return len(alive(web)) == 2 and min(before) not in alive(web)

    eventually(replaced, f"another worker in the place of {min(before)}")


def rest_of(terminal: int) -> bytes:
    """Return what is still shown until nobody has the terminal open any more, which Linux calls an error."""
    shown = b""
    with suppress(OSError):
        while more := os.read(terminal, 65536):
            shown += more
    return shown


@pytest.mark.parametrize("program", [["-m", "memguard.cli"], ["-c", WITHOUT_RICH]], ids=["rich", "plain"])
def test_top_is_live_until_ctrl_c(web: Web, program: list[str]) -> None:
    """On a terminal it takes the whole screen, gives it back as it was, and has ended well."""
    ours, theirs = pty.openpty()
    command = [sys.executable, *program, "top", "--interval", "0.2", "--store", str(web.store)]
    environ = {**os.environ, "TERM": "xterm", "COLUMNS": "120", "LINES": "40"}
    running = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, env=environ)
    os.close(theirs)
    shown = b""
    deadline = threading.Timer(SECONDS_MOST, running.kill)
    deadline.start()
    try:
        while shown.count(b"service live") < 3:
            shown += os.read(ours, 65536)
        running.send_signal(signal.SIGINT)
        shown += rest_of(ours)
        assert running.wait(SECONDS_MOST) == 0
    finally:
        deadline.cancel()
        running.kill()
        running.wait(SECONDS_MOST)
        os.close(ours)
    assert shown.count(b"\x1b[?1049h") == shown.count(b"\x1b[?1049l") == 1
    assert b"web " + str(min(alive(web))).encode() in shown
    assert b"Traceback" not in shown
