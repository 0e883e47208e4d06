"""uvicorn: its server object owns the SIGTERM handler while it serves (`uvicorn/server.py`, capture_signals)."""

import signal
import sys


def detect() -> str | None:
    """Return `uvicorn`, or None where this process does not serve by it."""
    if "uvicorn.server" not in sys.modules:
        return None
    owner = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return "uvicorn" if type(owner).__module__ == "uvicorn.server" else None
