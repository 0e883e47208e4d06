"""uWSGI: inside it there is a module `uwsgi`, and SIGHUP lets a worker end after its request (`core/uwsgi.c`)."""

import os
import signal
import sys
from typing import Any

from memguard.recycling.servers.looking import lacking
from memguard.recycling.servers.protocol import Replacing, Server

ALONE = "uWSGI runs without a master process (`master = true`), so nothing would start a replacement"
LIMITED = (
    "uWSGI itself replaces workers by their memory (`{option}`), and nothing is lost by it; memguard leaves that to it "
    "and reports"
)
EVIL = "uWSGI itself kills workers by their memory (`evil-reload-on-rss`); memguard leaves that to it and reports"
RELOADS = "uWSGI runs with `py-autoreload`, which is for development"
ASYNCHRONOUS = "uWSGI runs in an asynchronous mode (`{option}`), in which a worker ends at once with all it has in hand"
KEEPS_ALIVE = (
    "uWSGI serves kept connections itself (`http11-socket`) and closes them without notice when a worker ends, which "
    "loses requests; its router (`http` with `http-keepalive`) or a proxy in front of it keeps them instead"
)
OWN_LIMITS = ("reload-on-rss", "reload-on-as")
EVIL_LIMITS = ("evil-reload-on-rss", "evil-reload-on-as")
RELOADERS = ("py-autoreload", "py-auto-reload", "python-autoreload", "python-auto-reload")
KEEPING_SOCKETS = ("http11-socket",)
ASYNCHRONOUS_MODES = ("async", "gevent", "asyncio", "ugreen", "tornado")


def detect() -> Server | None:
    """Return the server `uwsgi`, or None where this process does not run inside it."""
    module = sys.modules.get("uwsgi")
    return Uwsgi(module) if getattr(module, "masterpid", None) is not None else None


class Uwsgi:
    """A worker of uWSGI's, with the module that it gives to Python."""

    name = "uwsgi"
    keeps_listening = True
    leaves_with_its_unit = True
    closes_by_header = False

    def __init__(self, module: Any) -> None:
        self._module = module

    @property
    def workers(self) -> int:
        """How many workers the master keeps."""
        return int(self._module.numproc)

    def replacing(self) -> Replacing:
        """Return nobody: the master tells a worker by a signal, which ends it."""
        return ""

    def refusal(self, *, supervised: bool) -> str:  # noqa: ARG002 - its master is its supervisor
        """Return why not: no master, limits of its own, a mode in which nothing ends in order, another build."""
        uwsgi = self._module
        wrong = lacking("the module uwsgi", uwsgi, "masterpid", "worker_id", numproc=int, opt=dict)
        if wrong:
            return wrong
        options = {_text(name) for name in uwsgi.opt}
        for names, reason in (
            (OWN_LIMITS, LIMITED), (EVIL_LIMITS, EVIL), (RELOADERS, RELOADS), (ASYNCHRONOUS_MODES, ASYNCHRONOUS), (KEEPING_SOCKETS, KEEPS_ALIVE),
        ):  # fmt: skip
            for name in names:
                if name in options:
                    return reason.format(option=name)
        if uwsgi.masterpid() <= 0 or uwsgi.masterpid() != os.getppid():
            return ALONE
        return "" if uwsgi.worker_id() > 0 else "this process is none of uWSGI's workers, but a mule or a spooler"

    def stop_accepting(self) -> None:
        """Do nothing: the exit itself drains."""

    def connections(self) -> int:
        """Return 0: the exit itself waits for what all threads have in hand."""
        return 0

    def leave(self) -> None:
        """Let the worker end after its requests, as `max-requests` does."""
        if self._module.masterpid() == os.getppid():
            os.kill(os.getpid(), signal.SIGHUP)


def _text(name: object) -> str:
    return name.decode() if isinstance(name, bytes) else str(name)
