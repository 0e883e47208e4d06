"""What the leaking applications answer, and what their clients expect; shared by both, so it imports nothing heavy."""

import os

SMALL = b"x" * 2048
POSTED = b"p" * 60_000
STREAM_CHUNKS, STREAM_SECONDS = 20, 2.0
SLOW_SECONDS = 0.3
CHUNK = b"c" * 100
LEAK_BYTES = int(os.environ.get("RECYCLE_LEAK_BYTES", "0"))

_kept: list[bytes] = []


def leak() -> None:
    """Keep some memory for good, as every request of these applications does."""
    if LEAK_BYTES:
        _kept.append(b"m" * LEAK_BYTES)


def pid_header() -> str:
    """Return which process answers."""
    return str(os.getpid())
