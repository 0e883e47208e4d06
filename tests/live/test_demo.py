"""The demo: what it promises about ending, and that it shows what it must."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from example_apps.servers import ROOT, environment, free_port
from tests.live.live import eventually

SECONDS_TO_START = 40.0


@contextmanager
def _demo(log: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    # Each has a port of its own: several run at a time, and between a look whether 8765 is free and gunicorn's start lie seconds.
    port = ["--port", str(free_port())] if "--port" not in options else []
    command = [sys.executable, "-m", "example_apps.demo", *port, *options]
    with log.open("wb") as output:
        process = subprocess.Popen(
            command, cwd=ROOT, env=environment(TMPDIR=str(log.parent)), stdout=output, stderr=output
        )
    try:
        yield process
    finally:
        process.kill()
        process.wait()


def _sending(log: Path) -> bool:
    return "tasks sent" in log.read_text()


def _family(process: subprocess.Popen[bytes]) -> list[psutil.Process]:
    return psutil.Process(process.pid).children(recursive=True)


def _lives(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_it_leaves_no_process_however_it_ends(number: signal.Signals, tmp_path: Path) -> None:
    """Redis, gunicorn, Celery and their workers are gone after Ctrl-C, SIGTERM, and even `kill -9`."""
    log = tmp_path / "demo.log"
    with _demo(log) as process:
        eventually(lambda: _sending(log), "traffic in the demo", SECONDS_TO_START)
        all_of_it = "a watchdog, redis, gunicorn with two workers, Celery with two"
        eventually(lambda: len(_family(process)) >= 8, all_of_it, SECONDS_TO_START)
        family = _family(process)
        process.send_signal(number)
        assert process.wait(90) == (-signal.SIGKILL if number is signal.SIGKILL else 0), log.read_text()
        eventually(lambda: not any(map(_lives, family)), "the end of the demo's processes")


def test_it_says_what_died(tmp_path: Path) -> None:
    """A server that dies ends the demo, with the tail of its log and exit code 1."""
    log = tmp_path / "demo.log"
    with _demo(log) as process:
        eventually(lambda: _sending(log), "traffic in the demo", SECONDS_TO_START)
        (redis,) = [child for child in psutil.Process(process.pid).children() if "redis-server" in child.name()]
        redis.kill()
        assert process.wait(90) == 1
    assert "the demo cannot go on: redis ended with exit code -9" in log.read_text()
    assert "redis| " in log.read_text()


def test_it_takes_the_next_port_when_its_own_is_taken(tmp_path: Path) -> None:
    """A port in use is no reason to fail: the next free one is used and said."""
    log = tmp_path / "demo.log"
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with _demo(log, "--port", str(port)) as process:
            eventually(lambda: "the page is at" in log.read_text(), "the page of the demo", SECONDS_TO_START)
            process.terminate()
            assert process.wait(90) == 0
    assert f"127.0.0.1:{port}/" not in log.read_text()


def test_it_finds_both_leaks_and_nothing_else(tmp_path: Path) -> None:
    """`--check` ends by itself with exit code 0 and says when each leak was named, and at which line."""
    log = tmp_path / "demo.log"
    with _demo(log, "--check") as process:
        assert process.wait(240) == 0, log.read_text()
    output = log.read_text()
    assert output.count("named after") == 2
    assert f"{Path('example_apps/flask_app/app.py')}:" in output
    assert f"{Path('example_apps/celery_app/tasks.py')}:" in output
    assert list(tmp_path.iterdir()) == [log]
