"""Three hosts' worth of gunicorn workers that meet in one Redis: any of them shows all, and a leak of all is one finding.

Each gunicorn runs under a host name of its own, in a UTS namespace, as it would in a container.
"""

import http.client
import json
import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial

import pytest

from example_apps import commands
from example_apps.servers import Servers
from tests.live.live import TOKEN, Web, eventually, spread, web_server
from tests.live.reports import Report, finding

HOSTS = ("web-1", "web-2", "web-3")
LEAK = "GET /leak"
WORKERS = 2
MENU = {"/leak": 14, "/clean": 8, "/bounded_cache": 4}
SECONDS_MOST = 240.0


def on_host(name: str, command: list[str]) -> list[str]:
    """Return the command that runs another one under a host name of its own."""
    own_users = [] if os.geteuid() == 0 else ["--map-root-user"]
    return ["unshare", "--uts", *own_users, "sh", "-c", f'hostname {name} && exec "$@"', "sh", *command]


def gunicorn_on(name: str, port: int) -> list[str]:
    """Return the command of a gunicorn with some workers on that host."""
    options = ("--worker-class", "gthread", "--threads", "4")
    return on_host(name, commands.gunicorn(commands.FLASK, port, *options, workers=WORKERS))


@pytest.fixture(scope="module")
def webs(servers: Servers, broker_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Web]]:
    """A gunicorn on each host."""
    environ = {"MEMGUARD_STORE": f"redis://127.0.0.1:{broker_port}/5", "MEMGUARD_OVERHEAD_BUDGET": "0.05"}
    with ExitStack() as running:
        yield {
            name: running.enter_context(
                web_server(servers, tmp_path_factory.mktemp(name), partial(gunicorn_on, name), **environ)
            )
            for name in HOSTS
        }


@pytest.fixture(scope="module")
def report(webs: dict[str, Web]) -> Report:
    """What the last host says once workers of each have found the leak."""
    one_round = spread(MENU)

    def found_by_all() -> Report | None:
        for web in webs.values():
            web.load(one_round)
        told = webs[HOSTS[-1]].report()
        leak = finding(told, LEAK)
        return told if leak is not None and leak["workers"] == len(HOSTS) * WORKERS else None

    found: Report = eventually(found_by_all, "the leak found by the workers of each host", SECONDS_MOST)
    return found


def test_the_workers_of_every_host_are_shown_by_each(webs: dict[str, Web], report: Report) -> None:
    """All alive, each under its host, whichever is asked."""
    assert report["answered_by"]["host"] == HOSTS[-1]
    for web in webs.values():
        told = [(each["host"], each["alive"]) for each in web.report()["workers"]]
        assert sorted(told) == sorted((name, True) for name in HOSTS for _ in range(WORKERS))


def test_a_leak_of_all_is_one_finding(webs: dict[str, Web], report: Report) -> None:
    """By its fingerprint, which is the same on each host; its units are those of all."""
    leak = finding(report, LEAK)
    assert leak is not None
    assert leak["workers"] == len(HOSTS) * WORKERS
    assert [each["fingerprint"] for each in report["findings"]].count(leak["fingerprint"]) == 1
    (row,) = [each for each in report["operations"] if each["name"] == LEAK]
    sent = sum(web.sent["/leak"] for web in webs.values())
    assert max(web.sent["/leak"] for web in webs.values()) < row["units"] <= sent
    told = {finding(web.report(), LEAK)["fingerprint"] for web in webs.values()}  # type: ignore[index]  # it is there
    assert told == {leak["fingerprint"]}


def test_it_is_had_alone(webs: dict[str, Web], report: Report) -> None:
    """By its fingerprint, as it is in the report."""
    leak = finding(report, LEAK)
    assert leak is not None
    path = f"/_memguard/api/findings/{leak['fingerprint']}"
    status, _, body = webs[HOSTS[1]].get(path, Authorization=f"Bearer {TOKEN}")
    assert status == 200
    assert json.loads(body)["finding"]["workers"] == leak["workers"]


def test_one_page_shows_them(webs: dict[str, Web], report: Report) -> None:
    """The overview names each host beside its workers, the actions offer all of them."""
    for screen in ("", "/actions"):
        status, _, body = webs[HOSTS[0]].get(f"/_memguard{screen}", Authorization=f"Bearer {TOKEN}")
        assert status == 200
        page = body.decode()
        assert all(name in page for name in HOSTS)
        assert all(str(each["pid"]) in page for each in report["workers"])


def test_a_command_given_on_one_host_is_done_on_all(webs: dict[str, Web], report: Report) -> None:
    """It goes through the store, and so do the answers."""
    first = webs[HOSTS[0]]
    order = json.dumps({"action": "collect", "workers": "all"})
    headers = {"Authorization": f"Bearer {TOKEN}", "X-Memguard": "1", "Content-Type": "application/json"}
    connection = http.client.HTTPConnection("127.0.0.1", first.port, timeout=30)
    connection.request("POST", "/_memguard/api/commands", order, headers)
    answer = connection.getresponse()
    assert answer.status == 202, answer.read()
    connection.close()

    def done() -> set[str]:
        _, _, body = webs[HOSTS[1]].get("/_memguard/api/commands", Authorization=f"Bearer {TOKEN}")
        return {each["worker"]["host"] for each in json.loads(body)["commands"] if each["state"] == "done"}

    eventually(lambda: done() == set(HOSTS), "a collection on each host")
