"""The servers and worker classes under which workers are replaced, as a person would start them."""

import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

from example_apps import commands

WSGI, ASGI = "tests.recycle.wsgi_app:application", "tests.recycle.asgi_app:application"
WORKERS = 4
RESPAWN_SECONDS = "6"
"""How long granian waits for a new worker before it ends an old one; longer than a stream of the load."""
GRANIAN_SECONDS = 3600.0
"""Every replacement takes that interval, and one of 150 comes after the other."""
REQUESTS_PER_WORKER = 130
"""After how many requests a server's own mechanism replaces a worker, about as many as reach the ceiling."""


@dataclass(frozen=True)
class Mode:
    """A server with a worker class.

    Attributes:
        server: What the report calls it.
        command: Returns its command line for a port and further options.
        workers: How many processes serve at a time.
        own: The options by which the server itself replaces workers; None where it has nothing of the kind.
        own_words: What that is called.
        websocket: Whether it serves websockets.
        settings: Of memguard, besides those of all modes.
        is_large: Only part of the large set.
        at_once: Its supervisor replaces all workers when one of them asks, so that the others have no reason of their own.
        seconds: How long it may take in the large set.
    """

    name: str
    server: str
    command: Callable[..., list[str]]
    own: tuple[str, ...] | None = None
    own_words: str = ""
    websocket: bool = False
    settings: Mapping[str, str] = field(default_factory=dict)
    workers: int = WORKERS
    is_large: bool = False
    at_once: bool = False
    seconds: float = 1200.0


def _gunicorn(application: str, port: int, *options: str, worker: str = "sync", workers: int = WORKERS) -> list[str]:
    return commands.gunicorn(application, port, "--worker-class", worker, *options, workers=workers)


def _uvicorn(port: int, *options: str, loop: str) -> list[str]:
    return commands.uvicorn(ASGI, port, "--loop", loop, *options, workers=WORKERS)


def _hypercorn(port: int, *options: str, worker: str) -> list[str]:
    bind = f"127.0.0.1:{port}"
    return [
        sys.executable, "-m", "hypercorn", ASGI, "--bind", bind, "--workers", str(WORKERS), "--worker-class", worker,
        *options,
    ]  # fmt: skip


def granian(
    application: str,
    port: int,
    *options: str,
    interface: str,
    workers: int = WORKERS,
    respawn_seconds: str = RESPAWN_SECONDS,
) -> list[str]:
    """Return the command line of a granian."""
    return [
        sys.executable, "-m", "granian", application, "--interface", interface, "--port", str(port),
        "--workers", str(workers), "--respawn-interval", respawn_seconds, *options,
    ]  # fmt: skip


def _uwsgi(port: int, *options: str) -> list[str]:
    program = str(Path(sys.executable).with_name("pyuwsgi"))
    return [
        program, "--http", f"127.0.0.1:{port}", "--http-keepalive", "--module", WSGI, "--master", "--lazy-apps",
        "--enable-threads", "--die-on-term", "--disable-logging", "--min-worker-lifetime", "0", *options,
    ]  # fmt: skip


def _supervised(port: int, *options: str, program: tuple[str, ...]) -> list[str]:
    return [sys.executable, "-m", "tests.recycle.supervisor", str(port), sys.executable, "-m", *program, *options]


GTHREAD = ("--threads", "4")
MAX_REQUESTS = ("--max-requests", str(REQUESTS_PER_WORKER), "--max-requests-jitter", "20")
LIMIT_REQUESTS = ("--limit-max-requests", str(REQUESTS_PER_WORKER))
MAX_RSS = ("--workers-max-rss", "105", "--rss-sample-interval", "1")
SUPERVISED = {"MEMGUARD_SUPERVISED": "1"}

MODES = (
    Mode(
        "gunicorn sync, preloaded", "gunicorn-sync", lambda port, *more: _gunicorn(WSGI, port, "--preload", *more, workers=6),
        MAX_REQUESTS, "`max_requests`", workers=6,
    ),
    Mode(
        "gunicorn gthread", "gunicorn-gthread", lambda port, *more: _gunicorn(WSGI, port, *GTHREAD, *more, worker="gthread"),
        MAX_REQUESTS, "`max_requests`",
    ),
    Mode(
        "gunicorn gevent", "gunicorn-gevent", partial(_gunicorn, WSGI, worker="gevent"), MAX_REQUESTS, "`max_requests`",
    ),
    Mode(
        "gunicorn asgi", "gunicorn-asgi", partial(_gunicorn, ASGI, worker="asgi"), MAX_REQUESTS, "`max_requests`",
        websocket=True,
    ),
    Mode(
        "gunicorn UvicornWorker", "gunicorn-uvicorn", partial(_gunicorn, ASGI, worker="uvicorn_worker.UvicornWorker"),
        MAX_REQUESTS, "`max_requests`", websocket=True,
    ),
    Mode(
        "uvicorn workers, uvloop", "uvicorn", partial(_uvicorn, loop="uvloop"), LIMIT_REQUESTS, "`--limit-max-requests`",
        websocket=True,
    ),
    Mode(
        "uvicorn workers, asyncio", "uvicorn", partial(_uvicorn, loop="asyncio"), LIMIT_REQUESTS,
        "`--limit-max-requests`", websocket=True,
    ),
    Mode(
        "uvicorn single, supervised", "uvicorn",
        partial(_supervised, program=("uvicorn", ASGI, "--fd", "FD", "--no-access-log")),
        LIMIT_REQUESTS, "`--limit-max-requests`", websocket=True, settings=SUPERVISED, workers=1,
    ),
    Mode(
        "hypercorn asyncio", "hypercorn", partial(_hypercorn, worker="asyncio"), MAX_REQUESTS, "`--max-requests`",
        websocket=True,
    ),
    Mode(
        "hypercorn uvloop", "hypercorn", partial(_hypercorn, worker="uvloop"), MAX_REQUESTS, "`--max-requests`",
        websocket=True,
    ),
    # granian ends an old worker after its interval, whether or not the new one serves yet: on a machine that has less time
    # for a start than that, connections are refused, whoever asked for the replacement. So not beside other tests.
    Mode(
        "granian asgi", "granian", partial(granian, ASGI, interface="asgi"), MAX_RSS, "`--workers-max-rss`",
        websocket=True, is_large=True, at_once=True, seconds=GRANIAN_SECONDS,
    ),
    Mode(
        "granian wsgi", "granian", partial(granian, WSGI, interface="wsgi"), MAX_RSS, "`--workers-max-rss`",
        is_large=True, at_once=True, seconds=GRANIAN_SECONDS,
    ),
    Mode(
        "uWSGI processes", "uwsgi", lambda port, *more: _uwsgi(port, "--processes", "6", *more),
        ("--reload-on-rss", "110"), "`reload-on-rss`", workers=6,
    ),
    Mode(
        "uWSGI threads", "uwsgi", lambda port, *more: _uwsgi(port, "--processes", "4", "--threads", "4", *more),
        ("--reload-on-rss", "110"), "`reload-on-rss`",
    ),
    Mode(
        "waitress, supervised", "waitress", partial(_supervised, program=("tests.recycle.waitress_main", "FD")),
        settings=SUPERVISED, workers=1,
    ),
)  # fmt: skip


def old_gthread(python: str) -> Mode:
    """Return the mode of a gunicorn whose gthread worker is built as before version 24, by its interpreter."""

    def command(port: int, *options: str) -> list[str]:
        bind = f"127.0.0.1:{port}"
        return [
            python, "-m", "gunicorn", WSGI, "--bind", bind, "--workers", str(WORKERS), "--worker-class", "gthread",
            *GTHREAD, *options,
        ]  # fmt: skip

    name = "gunicorn 23 gthread"
    return Mode(name, "gunicorn-gthread", command, MAX_REQUESTS, "`max_requests`", is_large=True)
