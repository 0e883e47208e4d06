"""gunicorn: its worker object owns the SIGTERM handler of a worker process (`gunicorn/workers/base.py`)."""

import signal
import sys


def detect() -> str | None:
    """Return `gunicorn-<worker class>`, or None where this process is no gunicorn worker."""
    if "gunicorn.workers.base" not in sys.modules:
        return None
    owner = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    names = [kind.__module__ for kind in type(owner).__mro__]
    if "gunicorn.workers.base" in names:
        return "gunicorn-" + names[0].rpartition(".")[2].removeprefix("g" if names[0].endswith("ggevent") else "")
    # UvicornWorker gives the signals to its uvicorn server.
    if names[0] == "uvicorn.server" and "gunicorn.arbiter" in sys.modules:
        return "gunicorn-uvicorn"
    return None
