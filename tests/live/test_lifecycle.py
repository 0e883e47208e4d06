"""How servers with memguard end: a killed worker, an orderly stop, and what the report says of it afterwards."""

import os
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest

from example_apps import commands
from example_apps.servers import Servers
from tests.live.live import celery_worker, eventually, orderly_exit, web_server, when_counted
from tests.live.reports import command_line_report

GTHREAD = ("--worker-class", "gthread", "--threads", "2")
WEB: dict[str, Callable[[int], list[str]]] = {
    "gunicorn-sync": lambda port: commands.gunicorn(commands.FLASK, port),
    "gunicorn-gthread": lambda port: commands.gunicorn(commands.FLASK, port, *GTHREAD),
    "gunicorn-preload": lambda port: commands.gunicorn(commands.FLASK, port, *GTHREAD, "--preload"),
    "uvicorn": lambda port: commands.uvicorn(commands.FASTAPI, port),
    "uvicorn-2": lambda port: commands.uvicorn(commands.FASTAPI, port, workers=2),
}


def _says_often(log: Path, words: str, times: int) -> bool:
    return log.read_text(errors="replace").count(words) >= times


def test_a_killed_worker_loses_nothing_that_was_flushed(servers: Servers, tmp_path: Path) -> None:
    """After `kill -9` the report still has the worker's counts, calls it dead, and shows its replacement serving."""
    with web_server(servers, tmp_path, WEB["gunicorn-gthread"]) as web:
        web.load(["/clean", "/leak"] * 100)
        before = web.worker_pids(2)
        # One may have answered nothing yet but the question who it is, and tells of it within a second.
        eventually(
            lambda: before == {worker["pid"] for worker in web.report()["workers"]}, f"{before} to tell something"
        )
        when_counted(web)
        victim = min(before)
        os.kill(victim, signal.SIGKILL)

        def replaced() -> set[int]:
            now = web.worker_pids(2)
            return now if victim not in now else set()

        now = eventually(replaced, f"a worker in place of {victim}")
        (replacement,) = now - before
        while replacement not in {worker["pid"] for worker in web.report()["workers"]}:
            web.load(["/clean"] * 20)
            assert web.sent["/clean"] < 2000, "the replacement never served a request"
        report = when_counted(web)
        assert {entry["name"]: entry["units"] for entry in report["operations"]} == web.units

        def alive() -> dict[int, bool]:
            return {worker["pid"]: worker["alive"] for worker in web.report()["workers"]}

        wanted = {victim: False, **dict.fromkeys(now, True)}
        eventually(lambda: alive() == wanted, f"{victim} dead, {now} alive", or_else=lambda: web.report()["workers"])


@pytest.mark.parametrize("name", WEB)
def test_sigterm_ends_a_web_server_as_without_memguard(name: str, servers: Servers, tmp_path: Path) -> None:
    """Neither the keeper thread nor the store changes the exit code or keeps a process from leaving."""
    codes = {}
    for mode in ("off", "trace"):
        (tmp_path / mode).mkdir()
        with web_server(servers, tmp_path / mode, WEB[name], MEMGUARD_MODE=mode) as web:
            web.load(["/leak", "/stream", "/boom"] * 20)
            codes[mode] = orderly_exit(web.server)
    assert codes["trace"] == codes["off"]


@pytest.mark.parametrize("pool", ["prefork", "threads", "solo", "gevent"])
def test_sigterm_ends_a_worker_as_without_memguard(
    pool: str, servers: Servers, broker_port: int, tmp_path: Path
) -> None:
    """A warm shutdown finishes what was taken, with the exit code that it has without memguard."""
    codes = {}
    for mode in ("off", "trace"):
        (tmp_path / mode).mkdir()
        with celery_worker(servers, tmp_path / mode, broker_port, pool, MEMGUARD_MODE=mode) as consumer:
            consumer.load(["leak", "retrying", "boom"] * 5)
            log = consumer.server.log
            eventually(partial(_says_often, log, "succeeded in", 10), "ten tasks done")
            codes[mode] = orderly_exit(consumer.server)
            if mode == "trace":
                assert {worker["state"] for worker in consumer.report()["workers"]} == {"stopped"}
    assert codes["trace"] == codes["off"]


def test_an_orderly_end_is_said(servers: Servers, tmp_path: Path) -> None:
    """After SIGTERM the command line shows the workers as stopped, with all they had counted."""
    with web_server(servers, tmp_path, WEB["gunicorn-gthread"]) as web:
        web.load(["/clean"] * 100)
        orderly_exit(web.server)
        report = command_line_report(web.store)
        assert {worker["state"] for worker in report["workers"]} == {"stopped"}
        assert sum(entry["units"] for entry in report["operations"]) == 100
