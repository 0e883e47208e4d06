"""`memguard profile --operation TASK` beside a real Celery worker: lines of a task that runs in prefork children."""

import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from example_apps.commands import CELERY
from example_apps.servers import Servers
from tests.live.live import Consumer, celery_worker, eventually

SECONDS_MOST = 150


@pytest.fixture(scope="module")
def consumer(servers: Servers, broker_port: int, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Consumer]:
    """Return a worker whose children have each told something."""
    with celery_worker(servers, tmp_path_factory.mktemp("lines"), broker_port, "prefork") as found:

        def have_told() -> bool:
            found.load(["clean", "leak"] * 4)
            return len(found.report()["workers"]) == 2

        eventually(have_told, "both children in the report")
        yield found


@contextmanager
def load(consumer: Consumer) -> Iterator[None]:
    """Send tasks until the block ends."""
    stop = threading.Event()

    def work() -> None:
        while not stop.wait(0.1):
            consumer.load(["clean", "leak"])

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join(SECONDS_MOST)


def profiled(consumer: Consumer, *arguments: str) -> list[dict[str, object]]:
    """Return the functions that were followed, of all children, without what is inside them."""
    command = [sys.executable, "-m", "memguard.cli", "profile", "--all", "--within", "90", "--json"]
    command += ["--store", str(consumer.store), *arguments]
    with load(consumer):
        done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS_MOST, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    told = json.loads(done.stdout)["commands"]
    assert [each["result"]["message"] for each in told] == [f"Followed 2 units of {CELERY}.leak line by line."] * 2
    functions = [function for each in told for function in each["result"]["functions"]]
    return [function for function in functions if "<locals>" not in function["name"]]  # a comprehension, up to 3.11


def test_the_task_itself_is_followed_where_no_function_is_named(consumer: Consumer) -> None:
    """In each child, for the units that were asked for; the line that keeps something stands out."""
    functions = profiled(consumer, "--operation", f"{CELERY}.leak", "--units", "2")

    assert [each["name"] for each in functions] == ["leak", "leak"]
    for each in functions:
        lines: list[dict[str, object]] = each["lines"]  # type: ignore[assignment]  # it is JSON
        most = max(lines, key=lambda line: int(str(line["increment"])))
        assert str(most["source"]).endswith("# the line that leaks")
        assert most["hits"] == 2
        assert {"return len(delivery.lines)"} <= {str(line["source"]).strip() for line in lines if line["hits"]}


def test_a_task_may_be_named_as_the_function(consumer: Consumer) -> None:
    """A module's attribute is the task; what is followed is the function that it runs."""
    functions = profiled(consumer, "--operation", f"{CELERY}.leak", "--units", "2", "-f", f"{CELERY}:leak")

    assert [each["name"] for each in functions] == ["leak", "leak"]
