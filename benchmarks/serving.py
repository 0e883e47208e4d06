"""Real servers with one worker each, and bounded load on them; what is counted is the worker's own CPU time."""

import http.client
import os
import socket
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from example_apps import commands
from example_apps.servers import ROOT, Server, Servers, environment, free_port

HERE = str(Path(__file__).parent)
SECONDS_TO_START = 180.0
SECONDS_PER_REQUEST = 300.0
GUNICORN = {
    "gunicorn sync": ("--worker-class", "sync"),
    "gunicorn gthread": ("--worker-class", "gthread", "--threads", "4", "--keep-alive", "900"),
}
ASGI_APPS = {"uvicorn": "apps.starlette_app:app", "uvicorn FastAPI": "apps.fastapi_app:app"}
WEB = (*GUNICORN, "uvicorn")


@dataclass
class Web:
    """A running server; `worker` is the process that runs the application."""

    server: Server
    port: int
    worker: int = 0
    log: Path = Path()
    connection: http.client.HTTPConnection = field(init=False)

    def __post_init__(self) -> None:
        """Connect with the first request."""
        self.connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=SECONDS_PER_REQUEST)

    def get(self, path: str) -> bytes:
        """Return the body; a server that closes connections gets a new one."""
        self.connection.request("GET", path)
        response = self.connection.getresponse()
        body = response.read()
        assert response.status == 200, (response.status, body[:300], self.server.tail())
        return body

    def send(self, path: str, requests: int) -> int:
        """Send some requests, one after the other; return how many."""
        for _ in range(requests):
            self.get(path)
        return requests

    def latencies(self, path: str, seconds: float) -> list[float]:
        """Return how long each request took; one at least, and none begins after the time."""
        seen: list[float] = []
        last = begun = time.perf_counter()
        while not seen or last - begun < seconds:
            self.get(path)
            now = time.perf_counter()
            seen.append(now - last)
            last = now
        return seen


@contextmanager
def web(servers: Servers, kind: str, variant: str, heap: int, **more: str) -> Iterator[Web]:
    """Run an application in a variant, with more in its environment."""
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    port = free_port()
    if kind in ASGI_APPS:
        command = commands.uvicorn(ASGI_APPS[kind], port, "--log-level", "warning", "--timeout-keep-alive", "900")
    else:
        command = commands.gunicorn("apps.flask_app:app", port, *GUNICORN[kind], "--timeout", "900", workers=1)
    if variant.startswith("memray"):
        native = ["--trace-python-allocators"] if "allocators" in variant else []
        output = ["-o", str(folder / "memray.bin"), "--follow-fork", *native]
        command = [command[0], "-m", "memray", "run", "-q", *output, *command[1:]]
    environ = environment(
        BENCH_VARIANT=variant,
        BENCH_HEAP=str(heap),
        MEMGUARD_STORE=str(folder / "store.sqlite"),
        MEMGUARD_SERVICE="bench",
        **more,
    )
    environ["PYTHONPATH"] = f"{HERE}{os.pathsep}{ROOT}"
    server = servers.start(variant, command, environ=environ, log=folder / "log")
    try:
        server.wait_until(lambda: _listens(port), seconds=SECONDS_TO_START)
        subject = Web(server, port, log=folder / "log")
        subject.get(
            "/trivial"
        )  # once, with all the time it needs: some of what is measured takes seconds for a request
        children = psutil.Process(server.pid).children()
        subject.worker = server.pid if kind in ASGI_APPS else children[0].pid
        yield subject
    finally:
        servers.stop(server)


def _listens(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


@dataclass
class Consumer:
    """A running Celery worker with one child; tasks are sent and the last one's result is waited for."""

    server: Server
    app: Any
    worker: int

    def send(self, name: str, tasks: int) -> int:
        """Send some tasks and wait for the results; return how many."""
        for result in [self.app.send_task(name) for _ in range(tasks)]:
            result.get(timeout=SECONDS_PER_REQUEST)
        return tasks

    def latencies(self, name: str, seconds: float) -> list[float]:
        """Return how long tasks took, with the way through the broker, one at a time."""
        seen: list[float] = []
        last = begun = time.perf_counter()
        while not seen or last - begun < seconds:
            self.send(name, 1)
            now = time.perf_counter()
            seen.append(now - last)
            last = now
        return seen


@contextmanager
def celery(servers: Servers, variant: str, heap: int) -> Iterator[Consumer]:
    """Run a Celery worker of the pool prefork in a variant, with a broker of its own."""
    from celery import Celery

    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    port = free_port()
    redis = servers.start("redis", commands.redis(port, folder), environ={}, log=folder / "redis.log")
    redis.wait_until(lambda: commands.redis_answers(port), seconds=SECONDS_TO_START)
    broker = f"redis://127.0.0.1:{port}/0"
    command = commands.celery("prefork", concurrency=1)
    command[command.index("--app") + 1] = "apps.celery_app"
    command[command.index("--loglevel") + 1] = "WARNING"
    environ = environment(
        BENCH_VARIANT=variant, BENCH_HEAP=str(heap), BENCH_BROKER=broker, MEMGUARD_STORE=str(folder / "store.sqlite"),
        MEMGUARD_SERVICE="bench",
    )  # fmt: skip
    environ["PYTHONPATH"] = f"{HERE}{os.pathsep}{ROOT}"
    server = servers.start(variant, command, environ=environ, log=folder / "log")
    app = Celery("bench", broker=broker, backend=broker, set_as_current=False)
    try:
        app.send_task("trivial").get(timeout=SECONDS_TO_START)
        (child,) = psutil.Process(server.pid).children()
        yield Consumer(server, app, child.pid)
    finally:
        app.close()
        servers.stop(server)
        servers.stop(redis)
