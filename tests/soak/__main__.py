"""`python -m tests.soak`: the example applications, clean routes only; fails if memguard accuses any, or grows itself."""

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from example_apps import commands
from example_apps.servers import Servers, free_port
from tests.live.live import SECONDS_TO_START, Consumer, Web, celery_worker, web_server
from tests.soak import probe
from tests.soak.judging import Course, troubles_of

PATHS = {"/clean": 12, "/bounded_cache": 8, "/cycle": 4, "/stream": 4, "/boom": 2}
TASKS = {"clean": 12, "bounded_cache": 8, "cycle": 4, "boom": 1}
MINUTES = 5.0
SECONDS_BETWEEN_ROUNDS, UNITS_A_ROUND = 0.3, 30
SECONDS_BETWEEN_REPORTS = 5.0
CELERY = "tests.soak.served:celery"

COMMANDS: dict[str, Callable[[int], list[str]]] = {
    "flask": lambda port: commands.gunicorn("tests.soak.served:flask", port, "--threads", "4", workers=2),
    "django": lambda port: commands.gunicorn("tests.soak.served:django", port, "--threads", "4", workers=1),
    "fastapi": lambda port: commands.uvicorn("tests.soak.served:fastapi", port),
}
APPS = (*COMMANDS, "celery")


def main(arguments: list[str]) -> int:
    """Soak what the arguments say; return 1 if there was any trouble."""
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="for all applications together")
    parser.add_argument("--app", choices=APPS, action="append", help="only these")
    options = parser.parse_args(arguments)
    apps = options.app or list(APPS)
    found = []
    with tempfile.TemporaryDirectory(prefix="soak-") as folder, Servers() as servers:
        for app in apps:
            place = Path(folder, app)
            place.mkdir()
            found += _soak(app, servers, place, options.minutes * 60 / len(apps))
    for trouble in found:
        print(f"TROUBLE: {trouble}")
    return 1 if found else 0


def _soak(app: str, servers: Servers, place: Path, seconds: float) -> list[str]:
    course, chance = Course(app), random.Random(app)
    with _served(app, servers, place) as target:
        names, weights = zip(*(TASKS if isinstance(target, Consumer) else PATHS).items(), strict=True)
        begun = time.monotonic()
        due, report_due = 0.0, SECONDS_BETWEEN_REPORTS
        while (now := time.monotonic() - begun) < seconds:
            target.server.check()
            time.sleep(max(0.0, due - now))
            due = max(due, now) + SECONDS_BETWEEN_ROUNDS
            target.load(chance.choices(names, weights, k=UNITS_A_ROUND))
            if now >= report_due:
                report_due = now + SECONDS_BETWEEN_REPORTS
                course.take(target.report(), now)
        course.take(target.report(), now)
    course.read_probes(place)
    print(course.summary(sum(target.sent.values())), flush=True)
    return troubles_of(course)


@contextmanager
def _served(app: str, servers: Servers, place: Path) -> Iterator[Web | Consumer]:
    environ = {probe.PLACE: str(place), "CELERYD_HIJACK_ROOT_LOGGER": "0"}
    if app != "celery":
        with web_server(servers, place, COMMANDS[app], **environ) as web:
            yield web
        return
    port = free_port()
    redis = servers.start("redis", commands.redis(port, place), environ={}, log=place / "redis.log")
    redis.wait_until(lambda: commands.redis_answers(port), seconds=SECONDS_TO_START)
    plain, commands.CELERY = commands.CELERY, CELERY
    try:
        with celery_worker(servers, place, port, "prefork", **environ) as consumer:
            commands.CELERY = plain
            yield consumer
    finally:
        commands.CELERY = plain
        servers.stop(redis)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
