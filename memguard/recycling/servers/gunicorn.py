"""gunicorn: which worker class runs this process. A worker object handles SIGTERM, or is a local of its arbiter's."""

import sys
from collections.abc import Callable
from typing import Any

from memguard.recycling.servers.gunicorn_asgi import AsgiWorker
from memguard.recycling.servers.gunicorn_gthread import ThreadWorker
from memguard.recycling.servers.gunicorn_worker import LeavingWorker
from memguard.recycling.servers.looking import local_of_main, modules_of, signal_owner
from memguard.recycling.servers.protocol import Server
from memguard.recycling.servers.refusing import Refusing

BASE = "gunicorn.workers.base"
KINDS: dict[str, Callable[[Any, str], Server]] = {
    "gunicorn.workers.sync": LeavingWorker,
    "gunicorn.workers.gthread": ThreadWorker,
    "gunicorn.workers.ggevent": LeavingWorker,
    "gunicorn.workers.gasgi": AsgiWorker,
}
NAMES = {"ggevent": "gevent", "gasgi": "asgi", "gtornado": "tornado"}


def detect() -> Server | None:
    """Return the server `gunicorn-<worker class>`, or None where this process is no gunicorn worker."""
    worker = find_worker()
    if worker is None:
        return None
    modules = modules_of(worker)
    module = modules[0].rpartition(".")[2]
    name = f"gunicorn-{NAMES.get(module, module)}"
    for known, kind in KINDS.items():
        if known in modules:
            # A class of the host's own may serve otherwise than the one that it was derived from.
            if getattr(type(worker).run, "__module__", "") == known:
                return kind(worker, name)
            break
    return Refusing(name, f"memguard does not know how gunicorn's worker class {type(worker).__qualname__} serves")


def find_worker() -> Any:
    """Return the gunicorn worker object of this process, or None."""
    if BASE not in sys.modules:
        return None
    for found in (signal_owner(), local_of_main("gunicorn.arbiter", "spawn_worker", "worker")):
        if BASE in modules_of(found):
            return found
    return None
