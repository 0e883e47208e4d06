"""A Flask application that takes memory in every way that matters to a ceiling; each answer names its process."""

import ctypes
import os
import time

from flask import Flask

from memguard.flask import MemGuard

app = Flask(__name__)
MemGuard(app)

MB = 1_000_000
PIECE_BYTES = 2_000
PIECES_KEPT_ONE_IN = 100

_loaded = os.urandom(int(os.environ.get("HUNGRY_LOADS_MB", "0")) * MB)
_kept: list[bytes] = []
_late: dict[str, bytes] = {}

_libc = ctypes.PyDLL(None)
_libc.malloc.restype, _libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
_libc.free.argtypes = [ctypes.c_void_p]


@app.before_request
def load_late() -> None:
    """Load what the first request needs, as with a model that is read when it is asked for."""
    size = int(os.environ.get("HUNGRY_LOADS_LATE_MB", "0"))
    if size and not _late:
        _late["model"] = os.urandom(size * MB)


@app.get("/pid")
def pid() -> str:
    """Say which process answers."""
    return str(os.getpid())


@app.get("/health")
def health() -> str:
    """Say that it serves."""
    return str(os.getpid())


@app.get("/leak/<int:kilobytes>")
def leak(kilobytes: int) -> str:
    """Keep so many kilobytes for ever."""
    _kept.append(os.urandom(kilobytes * 1000))
    return str(os.getpid())


@app.get("/spike/<int:megabytes>/<float:seconds>")
def spike(megabytes: int, seconds: float) -> str:
    """Take so many megabytes for so many seconds."""
    held = os.urandom(megabytes * MB)
    time.sleep(seconds)
    return str(os.getpid()) if held else ""


@app.get("/fragment/<int:megabytes>")
def fragment(megabytes: int) -> str:
    """Leave free pieces of memory between pieces in use."""
    pieces = [_libc.malloc(PIECE_BYTES) for _ in range(megabytes * MB // PIECE_BYTES)]
    for address in pieces:
        ctypes.memset(address, 1, PIECE_BYTES)
    for number, address in enumerate(pieces):
        if number % PIECES_KEPT_ONE_IN:
            _libc.free(address)
    return str(os.getpid())


@app.get("/slow/<float:seconds>")
def slow(seconds: float) -> str:
    """Take so many seconds."""
    time.sleep(seconds)
    return str(os.getpid())
