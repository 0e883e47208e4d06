"""`memguard dashboard` as a process of its own, beside real Celery workers that meet in a real Redis, over HTTP."""

import http.client
import json
import re
import signal
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any
from urllib.parse import urlsplit

import pytest

from example_apps import commands
from example_apps.servers import Server, ServerError, Servers, environment, free_port
from tests.live.live import TOKEN, celery_worker, eventually

BASE = "/_memguard"
TASK = f"{commands.CELERY}.clean"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@dataclass(frozen=True)
class Dashboard:
    """A running dashboard."""

    server: Server
    url: str

    def ask(
        self,
        path: str,
        headers: Mapping[str, str] = MappingProxyType({}),
        method: str = "GET",
        body: bytes | None = None,
    ) -> tuple[int, dict[str, str], str]:
        """Return status, headers and body of one request."""
        where = urlsplit(self.url)
        connection = http.client.HTTPConnection(str(where.hostname), where.port, timeout=30)
        try:
            connection.request(method, path, body, dict(headers))
            answer = connection.getresponse()
            return answer.status, {name.lower(): text for name, text in answer.getheaders()}, answer.read().decode()
        finally:
            connection.close()

    def json(self, name: str, headers: Mapping[str, str] = MappingProxyType({})) -> Any:
        """Return an answer of the API, which must be right."""
        status, _, body = self.ask(f"{BASE}/api/{name}", headers)
        assert status == 200, (status, body[:500])
        return json.loads(body)


@contextmanager
def dashboard(servers: Servers, log: Path, *options: str, **environ: str) -> Iterator[Dashboard]:
    """Run one on a port that is free, until the block ends; then it must end by itself, and well."""
    command = [sys.executable, "-m", "memguard.cli", "dashboard", "--port", "0", *options]
    server = servers.start("dashboard", command, environ=environment(**environ), log=log)
    said = re.compile(r"(http://\S+)/_memguard")
    server.wait_until(lambda: said.search(log.read_text()) is not None, seconds=30)
    found = said.search(log.read_text())
    assert found is not None
    yield Dashboard(server, found[1])
    assert servers.stop(server) == 0, server.tail()
    assert "memguard failed in" not in log.read_text()


@pytest.fixture(scope="module")
def store(broker_port: int) -> str:
    """A database of the Redis that the broker does not use."""
    return f"redis://127.0.0.1:{broker_port}/7"


@pytest.fixture(scope="module")
def celery_pids(
    servers: Servers, broker_port: int, store: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[set[int]]:
    """The processes of a Celery worker that has run some tasks and told the store."""
    directory = tmp_path_factory.mktemp("celery")
    with celery_worker(servers, directory, broker_port, "prefork", MEMGUARD_STORE=store) as consumer:
        consumer.load(["clean"] * 40)
        log = directory / "dashboard.log"
        with dashboard(servers, log, "--store", store, "--service", "live") as shown:

            def told() -> set[int]:
                report = shown.json("report")
                counted = sum(each["units"] for each in report["operations"] if each["name"] == TASK)
                return {each["pid"] for each in report["workers"]} if counted == 40 else set()

            pids: set[int] = eventually(told, f"forty tasks in the report\n{consumer.server.tail()}")
        yield pids


@pytest.fixture
def shown(servers: Servers, store: str, celery_pids: set[int], tmp_path: Path) -> Iterator[Dashboard]:
    """A dashboard that has a token."""
    with dashboard(servers, tmp_path / "log", "--store", store, MEMGUARD_TOKEN=TOKEN) as running:
        yield running


def test_page_and_json_are_those_of_a_web_application(shown: Dashboard, celery_pids: set[int]) -> None:
    """Each screen, the report with the Celery workers and their task; the dashboard itself is none of them."""
    for screen in ("", "/timeline", "/operations", "/units", "/objects", "/actions"):
        status, headers, body = shown.ask(f"{BASE}{screen}", BEARER)
        assert (status, headers["content-type"]) == (200, "text/html; charset=utf-8"), screen
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "<main" in body
    report = shown.json("report", BEARER)
    assert {each["pid"] for each in report["workers"]} == celery_pids
    assert {each["kind"] for each in report["workers"]} == {"celery"}
    assert report["service"] == "live"
    assert report["answered_by"]["pid"] == shown.server.pid
    assert TASK in shown.ask(f"{BASE}/operations", BEARER)[2]
    assert shown.json("openapi.json", BEARER)["openapi"].startswith("3.1")
    assert eventually(lambda: shown.json("timeline", BEARER)["points"], "points of the timeline")
    (stylesheet,) = re.findall(r'href="([^"]*base\.css)"', shown.ask(BASE, BEARER)[2])
    assert shown.ask(stylesheet)[1]["content-type"].startswith("text/css")


def test_whoever_does_not_know_the_token_learns_nothing(shown: Dashboard) -> None:
    """Neither by a wrong one, nor from the same machine; the way in leads to the login, and that to the page."""
    for shows in ({}, {"Authorization": "Bearer wrong-wrong-wrong"}, {"Cookie": "memguard_session=1.2"}):
        for path in (BASE, f"{BASE}/api/report", f"{BASE}/metrics", "/elsewhere"):
            status, _, body = shown.ask(path, shows)
            assert (status, body) == (404, f"There is nothing here. Sign in at {BASE}/login.\n")
    status, headers, _ = shown.ask("/")
    assert (status, headers["location"]) == (303, f"{BASE}/login")
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    assert shown.ask(f"{BASE}/login", form, "POST", b"token=wrong")[0] == 401
    status, headers, _ = shown.ask(f"{BASE}/login", form, "POST", f"token={TOKEN}".encode())
    assert (status, headers["location"]) == (303, BASE)
    session = headers["set-cookie"].partition(";")[0]
    assert shown.ask(BASE, {"Cookie": session})[0] == 200
    assert shown.ask("/", {"Cookie": session})[1]["location"] == BASE


def test_workers_do_what_they_are_asked_for_there(shown: Dashboard, celery_pids: set[int]) -> None:
    """A command goes through the store to each Celery process, and its answer comes back."""
    order = json.dumps({"action": "collect", "workers": "all"}).encode()
    headers = {**BEARER, "X-Memguard": "1", "Content-Type": "application/json"}
    status, _, body = shown.ask(f"{BASE}/api/commands", headers, "POST", order)
    assert status == 202, body

    def done() -> bool:
        told = shown.json("commands", BEARER)["commands"]
        return {each["worker"]["pid"] for each in told if each["state"] == "done"} == celery_pids

    eventually(done, "both processes to collect")


@pytest.mark.usefixtures("celery_pids")
def test_without_a_token_only_this_machine_is_answered(servers: Servers, store: str, tmp_path: Path) -> None:
    """By a name of its own, with no proxy between; and it can look, but ask nothing of workers."""
    with dashboard(servers, tmp_path / "log", "--store", store) as shown:
        assert urlsplit(shown.url).hostname == "127.0.0.1"
        assert shown.ask("/")[1]["location"] == BASE
        assert shown.ask(BASE)[0] == 200
        for odd in ({"Host": "evil.example"}, {"X-Forwarded-For": "203.0.113.9"}, {"Sec-Fetch-Site": "cross-site"}):
            assert shown.ask(BASE, odd)[0] == 404
        order = json.dumps({"action": "collect", "workers": "all"}).encode()
        headers = {"X-Memguard": "1", "Content-Type": "application/json"}
        assert shown.ask(f"{BASE}/api/commands", headers, "POST", order)[0] == 403
        assert shown.json("report")["commands"]["allowed"] is False


def test_a_redis_that_goes_and_comes_back(servers: Servers, tmp_path: Path) -> None:
    """Meanwhile the page says that the store cannot be used; what it shows is never taken for the present."""
    port = free_port()
    redis = servers.start("redis", commands.redis(port, tmp_path), environ={}, log=tmp_path / "redis.log")
    redis.wait_until(lambda: commands.redis_answers(port), seconds=20)
    store = f"redis://127.0.0.1:{port}/0"
    with dashboard(servers, tmp_path / "log", "--store", store, "--service", "shop") as shown:
        assert "service shop, which has told nothing yet" in shown.server.log.read_text()
        assert shown.json("report")["workers"] == []
        servers.stop(redis)
        status, _, body = shown.ask(f"{BASE}/api/report")
        assert (status, json.loads(body)["error"].partition(":")[0]) == (503, "The store redis")
        assert shown.ask(BASE)[0] == 503
        again = servers.start("redis", commands.redis(port, tmp_path), environ={}, log=tmp_path / "again.log")
        again.wait_until(lambda: commands.redis_answers(port), seconds=20)
        assert shown.json("report")["workers"] == []
        servers.stop(again)


def test_connections_that_say_nothing_hold_nobody_up(servers: Servers, store: str, tmp_path: Path) -> None:
    """Nor does what is no HTTP; and an end by Ctrl-C is a good one."""
    with dashboard(servers, tmp_path / "log", "--store", store, "--service", "live") as shown:
        where = urlsplit(shown.url)
        idle = [http.client.HTTPConnection(str(where.hostname), where.port) for _ in range(8)]
        for each in idle:
            each.connect()
        assert shown.ask(BASE)[0] == 200
        idle[0].sock.sendall(b"\x16\x03\x01 nonsense\r\n\r\n")
        assert b"Traceback" not in idle[0].sock.recv(4096)
        shown.server.process.send_signal(signal.SIGINT)
        ended = shown.server.process.wait(60)
        for each in idle:
            each.close()
    assert ended == 0
    assert "Traceback" not in shown.server.log.read_text()


def test_a_port_that_is_taken_is_said_in_one_line(
    servers: Servers, broker_port: int, store: str, tmp_path: Path
) -> None:
    """With exit code 2."""
    options = ("--store", store, "--service", "live", "--port", str(broker_port))
    with pytest.raises(ServerError, match="ended with exit code 2"), dashboard(servers, tmp_path / "log", *options):
        pass
    assert (tmp_path / "log").read_text() == f"memguard: 127.0.0.1:{broker_port}: Address already in use\n"
