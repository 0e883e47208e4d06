"""The three classic cases, as docs/cases tells them: each is found on the real thing, and gone once it is mended."""

import json
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from example_apps import commands
from example_apps.cases import etl
from example_apps.servers import ROOT, Servers, environment
from tests.live.live import Consumer, Web, celery_worker, web_server
from tests.live.reports import Report, accused, finding, marked_line

SECONDS_MOST = 240.0
MORE_EVIDENCE = {"MEMGUARD_OVERHEAD_BUDGET": "0.05"}
"""A verdict of innocence takes more windows than one of guilt."""
API, ORDERS = "example_apps.cases.flask_api", "GET /orders/<int:number>"
CONSUMER = "example_apps.cases.consumer"
DELIVER = f"{CONSUMER}.deliver"
ROWS_FOLLOWED = 5_000
PEAK_CUT_LEAST = 5


def loaded_until(
    target: Web | Consumer, send: Callable[[int], object], found: Callable[[Report], Any], what: str
) -> Report:
    """Go on with rounds of a load until the report has what is looked for, minutes at most; return that report."""
    begun = time.monotonic()
    for number in count():
        send(number)
        report = target.report()
        if found(report):
            return report
        assert time.monotonic() - begun < SECONDS_MOST, f"{what}: {report['operations']}\n{target.server.tail()}"
    raise AssertionError


def explained(name: str) -> Callable[[Report], bool]:
    """Return what tells whether an operation is accused, and its line and holder are known."""
    return lambda report: bool((leak := finding(report, name)) and leak["sites"] and leak["holder"])


def clean(*names: str) -> Callable[[Report], bool]:
    """Return what tells whether these operations have all been judged, and nothing leaks."""
    return lambda report: {each["name"] for each in report["operations"] if each["verdict"] == "clean"} >= {*names}


def the_only_leak(report: Report, operation: tuple[str, str], *, holder: str, line_in: str) -> Report:
    """Check that nothing but this operation is accused, by its holder and the marked line; return the finding."""
    found = finding(report, operation[1])
    assert found is not None
    file, line = marked_line(f"example_apps/cases/{line_in}")
    assert accused(report) == {operation}
    assert found["holder"]["path"].startswith(holder)
    assert (Path(found["sites"][0]["file"]), found["sites"][0]["line"]) == (file, line)
    return found


def requested(web: Web) -> Callable[[int], object]:
    """Return a round of requests: orders, each another one, and some of the catalogue."""

    def send(number: int) -> None:
        web.load([f"/orders/{number * 30 + each}" if each % 3 else "/catalogue" for each in range(45)])
        time.sleep(0.1)

    return send


def test_the_flask_api_that_dies_after_72_hours(servers: Servers, tmp_path: Path) -> None:
    """Two real gunicorn workers, default settings: name, line and holder within minutes, and nobody else is accused."""
    with web_server(servers, tmp_path, lambda port: commands.gunicorn(f"{API}:app", port)) as web:
        report = loaded_until(web, requested(web), explained(ORDERS), "no explained leak of the orders")
    found = the_only_leak(report, ("request", ORDERS), holder=f"{API}._request_caches", line_in="flask_api.py")
    assert found["holder"]["root"] == f"module {API}"
    assert f"{API}.RequestCache" in {each["type"] for each in found["types"]}
    assert found["pattern"]["id"] == "unbounded-container"


def test_the_mended_api_is_clean(servers: Servers, tmp_path: Path) -> None:
    """The same load, judged to its end."""
    with web_server(
        servers, tmp_path, lambda port: commands.gunicorn(f"{API}_mended:app", port), **MORE_EVIDENCE
    ) as web:
        report = loaded_until(web, requested(web), clean(ORDERS, "GET /catalogue"), "no verdict")
    assert accused(report) == set()


def delivered(consumer: Consumer, task: str = DELIVER) -> Callable[[int], object]:
    """Return a round of tasks: deliveries, of which some fail, and some that count."""

    def send(number: int) -> None:
        for day in range(number * 40, number * 40 + 40):
            consumer.send(task if day % 4 else f"{CONSUMER}.count", args=[day])
        time.sleep(1.0)

    return send


def test_the_consumer_whose_retry_queue_holds_dataframes(servers: Servers, broker_port: int, tmp_path: Path) -> None:
    """A real Celery worker with two children: the queue, the line and the type, and what counts is not accused."""
    with celery_worker(servers, tmp_path, broker_port, "prefork", app=CONSUMER) as consumer:
        report = loaded_until(consumer, delivered(consumer), explained(DELIVER), "no explained leak of the task")
    found = the_only_leak(report, ("task", DELIVER), holder=f"{CONSUMER}._retry_queue", line_in="consumer.py")
    assert any(each["type"].startswith("pandas.") and "DataFrame" in each["type"] for each in found["types"])
    assert found["pattern"]["id"] == "task-retry-queue"


def test_the_mended_consumer_is_clean(servers: Servers, broker_port: int, tmp_path: Path) -> None:
    """The broker keeps what is tried again."""
    app = f"{CONSUMER}_mended"
    mended = f"{app}.deliver"
    with celery_worker(servers, tmp_path, broker_port, "prefork", app=app, **MORE_EVIDENCE) as consumer:
        report = loaded_until(consumer, delivered(consumer, mended), clean(mended), "no verdict")
    assert accused(report) == set()


def command(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    """Run a command of memguard's to its end."""
    done = subprocess.run(
        [sys.executable, "-m", "memguard.cli", *map(str, arguments)],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=SECONDS_MOST, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def recorded(tmp_path: Path, program: Sequence[str | Path]) -> tuple[int, str]:
    """Return the peak of a program in bytes, as `memguard record` measures it, and what the program printed."""
    told = tmp_path / "record.json"
    done = command("record", "--interval", "0.02", "--json", told, "--", sys.executable, *program)
    return json.loads(told.read_text())["peak_bytes"], done.stdout


def test_the_etl_job_whose_one_line_holds_the_peak(tmp_path: Path) -> None:
    """The line profile names it, and without it the same work needs a fifth at most, interpreter and all."""
    job = ROOT / "example_apps" / "cases" / "etl.py"
    few, many = tmp_path / "few.csv", tmp_path / "many.csv"
    etl.make(few, ROWS_FOLLOWED)
    etl.make(many)
    _, line = marked_line("example_apps/cases/etl.py", "# the line that holds the peak")

    followed = tmp_path / "lines.json"
    command("profile", "-f", "etl.py:total", "--json", followed, "--", job, few)
    lines = {each["line"]: each for each in json.loads(followed.read_text())["functions"][0]["lines"]}
    peak, said = recorded(tmp_path, [job, many])
    peak_mended, said_mended = recorded(tmp_path, [job, "--mended", many])

    assert max(lines, key=lambda number: lines[number]["increment_bytes"]) == line
    assert lines[line]["peak_bytes"] > 10 * max(each["peak_bytes"] for n, each in lines.items() if n != line)
    assert said == said_mended
    assert peak > PEAK_CUT_LEAST * peak_mended


@pytest.mark.parametrize("mended", [False, True])
def test_the_job_makes_its_own_file_where_it_is_given_none(mended: bool) -> None:
    """So that it can be tried at once."""
    done = subprocess.run(
        [sys.executable, "-m", "example_apps.cases.etl", *(["--mended"] if mended else [])],
        cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=SECONDS_MOST, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == ["Arena 2400000", "Basel 2450000", "Cork 2500000", "Delft 2550000"]
