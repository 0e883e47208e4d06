"""FastAPI: what the system gives and does not get back: sockets, files, threads, loops, and memory outside Python's."""

# ruff: noqa: D103 - views and helpers explain themselves

import asyncio
import ctypes
import itertools
import os
import resource
import socket
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import IO, Any

from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from memguard.starlette import MemGuardMiddleware
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import Working

FILES = 8192
NATIVE_BYTES = 48_000


@asynccontextmanager
async def lifespan(app: FastAPI) -> AsyncIterator[None]:
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES if most == resource.RLIM_INFINITY else min(FILES, most), most))
    yield


app = FastAPI(lifespan=lifespan)
app.add_middleware(Working)
app.add_middleware(MemGuardMiddleware)

_numbers = itertools.count(1)


@app.get("/health")
async def health() -> dict[str, Any]:
    return {"pid": os.getpid()}


_sockets: list[socket.socket] = []


@app.get("/sockets")
@leaks(pattern="file-descriptor", holder="_sockets", types="socket", per_second=8, most=390)
async def sockets() -> dict[str, Any]:
    """Sockets that nobody closes (after https://github.com/miguelgrinberg/flask-sock/issues/38)."""
    opened = socket.socket()  # leaks
    _sockets.append(opened)
    return {"sockets": len(_sockets)}


_files: dict[int, IO[bytes]] = {}


@app.get("/files")
@leaks(pattern="file-descriptor", holder="_files", types=("Buffered", "FileIO"), per_second=8, most=390)
def files() -> dict[str, Any]:
    """A file opened for each request and kept open (after https://github.com/SpriteLink/NIPAP/issues/485)."""
    opened = open(__file__, "rb")  # noqa: SIM115, PTH123 - this is the mistake  # leaks
    _files[next(_numbers)] = opened
    return {"files": len(_files)}


@app.get("/bare_descriptors")
@leaks(pattern="file-descriptor", per_second=8, most=390, traced=False)
async def bare_descriptors() -> dict[str, Any]:
    """Only a number, which is forgotten: no object holds it (after https://github.com/Luce-Org/lucebox/pull/15)."""
    return {"descriptor": os.open(os.devnull, os.O_RDONLY)}  # leaks


_never = threading.Event()


@app.get("/threads")
@leaks(
    pattern="thread-leak",
    holder=("kind:thread", "_active", "_never", "Thread"),
    types=("Thread", "Event"),
    per_second=8,
    most=390,
)
def threads() -> dict[str, Any]:
    """A thread for each request that waits for ever (after https://github.com/nbwoodward/django-async-threading/issues/2)."""
    rows = ["row"] * 40
    waiting = threading.Thread(target=lambda: (_never.wait(), rows), daemon=True)  # leaks
    waiting.start()  # leaks
    return {"threads": threading.active_count()}


_loops: list[asyncio.AbstractEventLoop] = []


@app.get("/event_loops")
@leaks(
    pattern=("file-descriptor", "unbounded-container"),
    holder="_loops",
    types=("EventLoop", "socket", "Selector"),
    per_second=8,
    most=390,
)
def event_loops() -> dict[str, Any]:
    """A loop for each request, never closed (after https://github.com/webdjoe/pyvesync/pull/514)."""
    loop = asyncio.SelectorEventLoop()  # leaks
    _loops.append(loop)
    return {"slept": loop.run_until_complete(asyncio.sleep(0, result=True))}  # leaks


_libc = ctypes.CDLL(None)
_libc.malloc.restype = ctypes.c_void_p
_libc.malloc.argtypes = [ctypes.c_size_t]
_libc.memset.argtypes = [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


@app.get("/native_memory")
@leaks(pattern="native-memory", traced=False)
async def native_memory() -> dict[str, Any]:
    """A C library that does not free what it took; it is written to, so it is resident."""
    address = _libc.malloc(NATIVE_BYTES)  # leaks
    _libc.memset(address, 1, NATIVE_BYTES)
    return {"bytes": NATIVE_BYTES}


_transcript = bytearray()


@app.get("/growing_bytes")
@leaks(pattern=("unbounded-container", "native-memory"), holder="_transcript")
async def growing_bytes() -> dict[str, Any]:
    """One bytearray that every request adds to."""
    _transcript.extend(b"what was said in this request" * 400)  # leaks
    return {"size": len(_transcript)}


@app.get("/sockets_closed")
@innocent()
async def sockets_closed() -> dict[str, Any]:
    """Sockets that are closed."""
    with socket.socket() as opened:
        return {"timeout": opened.gettimeout()}


@app.get("/threads_joined")
@innocent()
def threads_joined() -> dict[str, Any]:
    """A thread that ends with its request."""
    done: list[int] = []
    worker = threading.Thread(target=done.append, args=(1,))
    worker.start()
    worker.join()
    return {"done": len(done)}


@app.get("/in_the_pool")
@innocent()
def in_the_pool() -> dict[str, Any]:
    """Runs in the framework's own thread pool, which grows to its cap."""
    return {"thread": len(threading.current_thread().name)}


@app.get("/native_freed")
@innocent()
async def native_freed() -> dict[str, Any]:
    """A C buffer that is freed at the end."""
    buffer = ctypes.create_string_buffer(NATIVE_BYTES)
    return {"bytes": ctypes.sizeof(buffer)}


@app.get("/big_answer")
@innocent()
async def big_answer() -> StreamingResponse:
    """A megabyte, in pieces."""

    async def pieces() -> AsyncIterator[bytes]:
        for _ in range(16):
            yield bytes(65536)

    return StreamingResponse(pieces())
