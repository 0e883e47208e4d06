"""Real servers as child processes that end with whoever started them, even by `kill -9`.

Each server leads a session of its own, so that its workers can be found and ended together by the process group. A
watchdog process holds the reading end of a pipe: when the starter is gone, however it went, the pipe closes and the
watchdog ends every group that is left. On Linux the kernel also tells each server that its starter died, which covers
the moment before the watchdog knows of the server; start servers from the main thread, whose end that follows.
"""

import contextlib
import ctypes
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self

import psutil

SECONDS_TO_STOP = 24.0
SECONDS_BETWEEN_LOOKS = 0.05
LOG_LINES_SHOWN = 25
PORTS_TRIED = 20
PR_SET_PDEATHSIG = 1
ROOT = Path(__file__).resolve().parents[1]

_libc = ctypes.CDLL(None) if sys.platform == "linux" else None


class ServerError(RuntimeError):
    """A server did not start, was not ready in time or died early; the message ends with the tail of its log."""


def free_port(preferred: int = 0) -> int:
    """Return a free loopback port: the preferred one, else one of the few after it, else any."""
    for port in (*range(preferred, preferred + PORTS_TRIED), 0) if preferred else (0,):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except (OSError, OverflowError):
                continue
            return int(probe.getsockname()[1])
    raise ServerError("there is no free port on 127.0.0.1")


def environment(**changes: str) -> dict[str, str]:
    """Return the environment for a server: this process's without its own memguard settings, and the changes."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("MEMGUARD_")}
    path = os.pathsep.join(filter(None, (str(ROOT), own.get("PYTHONPATH"))))
    return {**own, "PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **changes}


def members_of(group: int) -> list[int]:
    """Return the ids of the living processes of a process group."""
    found = []
    for process in psutil.process_iter(["status"]):
        try:
            if os.getpgid(process.pid) == group and process.info["status"] != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except ProcessLookupError:
            continue
    return sorted(found)


class Server:
    """One server process with its workers; made by `Servers.start`.

    Attributes:
        name: What to call it in messages.
        process: The server itself; its workers are its descendants.
        log: The file that its output goes to.
    """

    def __init__(self, name: str, command: Sequence[str], environ: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        parent = os.getpid()
        with log.open("wb") as output:
            self.process = subprocess.Popen(
                command, env=dict(environ), cwd=log.parent, stdin=subprocess.DEVNULL, stdout=output, stderr=output,
                start_new_session=True, preexec_fn=lambda: _end_with(parent),  # noqa: PLW1509 - it only calls libc
            )  # fmt: skip

    @property
    def pid(self) -> int:
        """The server's process id, which is its process group's too."""
        return self.process.pid

    def tail(self) -> str:
        """Return the last lines of the log."""
        lines = self.log.read_text(errors="replace").splitlines()[-LOG_LINES_SHOWN:]
        return "\n".join(f"  {self.name}| {line}" for line in lines or ["(the log is empty)"])

    def check(self) -> None:
        """Raise ServerError if the server has ended by itself."""
        if self.process.poll() is not None:
            raise ServerError(f"{self.name} ended with exit code {self.process.returncode}\n{self.tail()}")

    def wait_until(
        self, ready: Callable[[], bool], *, seconds: float, tick: Callable[[], object] = lambda: None
    ) -> None:
        """Wait until it is ready, with a tick at every look; raise ServerError if it dies or the seconds are over."""
        deadline = time.monotonic() + seconds
        while not ready():
            self.check()
            if time.monotonic() > deadline:
                raise ServerError(f"{self.name} was not ready within {seconds:.0f} s\n{self.tail()}")
            tick()
            time.sleep(SECONDS_BETWEEN_LOOKS)

    def stop(self, seconds: float = SECONDS_TO_STOP) -> int:
        """End it gracefully, and by force whatever is left of its group after the seconds; return its exit code."""
        if self.process.poll() is None:
            self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(seconds)
        end_group(self.pid)
        return self.process.wait()


class Servers:
    """The servers that one program has started, with their watchdog; a context manager that ends them all."""

    def __init__(self) -> None:
        self.running: list[Server] = []
        command = [sys.executable, "-m", "example_apps.servers"]
        self._watchdog = subprocess.Popen(
            command, env=environment(), cwd=ROOT, stdin=subprocess.PIPE, start_new_session=True
        )

    def start(self, name: str, command: Sequence[str], *, environ: Mapping[str, str], log: Path) -> Server:
        """Start a server; its working directory is its log's."""
        server = Server(name, command, environ, log)
        self.running.append(server)
        self._tell(f"+{server.pid}")
        return server

    def check(self) -> None:
        """Raise ServerError if one of them has ended by itself."""
        for server in self.running:
            server.check()

    def stop(self, server: Server, seconds: float = SECONDS_TO_STOP) -> int:
        """End one of them and return its exit code."""
        code = server.stop(seconds)
        self.running.remove(server)
        self._tell(f"-{server.pid}")
        return code

    def close(self) -> None:
        """End all of them, the last started first, and the watchdog."""
        while self.running:
            self.stop(self.running[-1])
        if self._watchdog.stdin is not None and not self._watchdog.stdin.closed:
            self._watchdog.stdin.close()
        self._watchdog.wait()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _tell(self, line: str) -> None:
        assert self._watchdog.stdin is not None
        self._watchdog.stdin.write(f"{line}\n".encode())
        self._watchdog.stdin.flush()


def end_group(group: int, *, grace: float = 1.0) -> None:
    """End what is left of a process group: wait, then SIGTERM and wait, then SIGKILL."""
    for number in (None, signal.SIGTERM, signal.SIGKILL):
        if not members_of(group):
            return
        if number is not None:
            os.killpg(group, number)
        deadline = time.monotonic() + grace
        while members_of(group) and time.monotonic() < deadline:
            time.sleep(SECONDS_BETWEEN_LOOKS)


def watch() -> None:
    """Be the watchdog: read from standard input which groups run (`+1234`, `-1234`); once it closes, end those left."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    groups: set[int] = set()
    for line in sys.stdin:
        (groups.add if line.startswith("+") else groups.discard)(int(line[1:]))
    for group in groups:
        # The leader first and alone: gunicorn and Celery let their own workers go in order.
        if group in members_of(group):
            os.kill(group, signal.SIGTERM)
    deadline = time.monotonic() + SECONDS_TO_STOP / 4
    while any(map(members_of, groups)) and time.monotonic() < deadline:
        time.sleep(SECONDS_BETWEEN_LOOKS)
    for group in groups:
        end_group(group, grace=0.5)


def _end_with(parent: int) -> None:
    if _libc is not None:
        _libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(1)


if __name__ == "__main__":
    watch()
