"""FastAPI: tasks, contexts, generators and connections that never come to an end."""

# ruff: noqa: D103 - views and helpers explain themselves

import asyncio
import itertools
import os
from collections.abc import Iterator
from contextvars import ContextVar, copy_context
from dataclasses import dataclass
from typing import Any

from fastapi import BackgroundTasks, FastAPI, Request, WebSocket, WebSocketDisconnect
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, create_model

from memguard.starlette import MemGuardMiddleware
from tests.zoo.declare import innocent, leaks
from tests.zoo.work import Working

app = FastAPI()
app.add_middleware(Working)
app.add_middleware(MemGuardMiddleware)

_numbers = itertools.count(1)


@dataclass
class Job:
    """Something to do."""

    number: int
    parts: list[str]


@app.get("/health")
async def health() -> dict[str, Any]:
    return {"pid": os.getpid()}


_tasks: set["asyncio.Task[None]"] = set()


async def watch(job: Job) -> None:
    for _ in itertools.count():
        await asyncio.sleep(3600)
    job.parts.clear()


@app.get("/tasks_that_never_end")
@leaks(pattern="async-task", holder=("_tasks", "kind:coroutine", "_scheduled"), types=("Task", "Job", "coroutine"))
async def tasks_that_never_end() -> dict[str, Any]:
    """A watchdog for each request that never stops (after https://github.com/msei99/pbgui/issues/282)."""
    job = Job(next(_numbers), ["part"] * 40)  # leaks
    task = asyncio.create_task(watch(job))  # leaks
    _tasks.add(task)
    return {"tasks": len(_tasks)}


_shutdown = asyncio.Event()


async def until_shutdown(job: Job) -> int:
    await _shutdown.wait()  # leaks: tasks_that_wait
    return job.number


@app.get("/tasks_that_wait")
@leaks(pattern="async-task", holder=("_shutdown", "_waiters", "kind:coroutine"), types=("Task", "Job", "coroutine"))
async def tasks_that_wait() -> dict[str, Any]:
    """Tasks that wait for an event that never comes (after https://github.com/zauberzeug/nicegui/issues/5803)."""
    job = Job(next(_numbers), ["part"] * 40)  # leaks
    _ = asyncio.ensure_future(until_shutdown(job))  # noqa: RUF006 - the event holds it  # leaks
    return {"number": job.number}


_results: list[Job] = []


def finish(number: int) -> None:
    _results.append(Job(number, ["part"] * 40))  # leaks: background_results


@app.get("/background_results")
@leaks(pattern="unbounded-container", holder="_results", types="Job")
async def background_results(background: BackgroundTasks) -> dict[str, Any]:
    """What background tasks have made is kept in a list."""
    background.add_task(finish, next(_numbers))
    return {"results": len(_results)}


_streams: list[Iterator[str]] = []


def parts_of(job: Job) -> Iterator[str]:
    yield from job.parts  # leaks: suspended_generators


@app.get("/suspended_generators")
@leaks(pattern="unbounded-container", holder="_streams", types=("generator", "Job"))
async def suspended_generators() -> dict[str, Any]:
    """Generators that were begun and never finished, with what their frames hold."""
    job = Job(next(_numbers), ["part"] * 40)  # leaks
    stream = parts_of(job)  # leaks
    _streams.append(stream)
    return {"first": next(stream)}


_trail: ContextVar[tuple[Job, ...]] = ContextVar("trail", default=())
_context = copy_context()


@app.get("/context_trail")
@leaks(pattern="context-var", holder=("_trail", "_context", "trail", "kind:context-variable"), types="Job")
async def context_trail() -> dict[str, Any]:
    """A context variable in a context that lives on (after https://github.com/aiidateam/aiida-core/issues/4698)."""
    job = Job(next(_numbers), ["part"] * 40)  # leaks
    _context.run(lambda: _trail.set((*_trail.get(), job)))
    return {"number": job.number}


_models: dict[str, type[BaseModel]] = {}


@app.get("/models_made")
@leaks(pattern="dynamic-class", holder="_models", types=("ModelMetaclass", "FieldInfo"), per_second=8, most=400)
async def models_made() -> dict[str, Any]:
    """A pydantic model for each request (after https://github.com/pydantic/pydantic/issues/11958)."""
    name = f"Answer{next(_numbers)}"
    _models[name] = create_model(name, number=(int, 0), text=(str, ""))  # leaks
    return {"models": len(_models)}


_history: list[Request] = []


@app.get("/requests_kept")
@leaks(
    pattern="unbounded-container",
    holder="_history",
    types=("Request", "dict"),
    library=("starlette/", "fastapi/", "uvicorn/"),
)
async def requests_kept(request: Request) -> dict[str, Any]:
    """Request objects in a list (after https://github.com/fastapi/fastapi/issues/4649)."""
    _history.append(request)  # leaks
    return {"kept": len(_history)}


_outbox: "asyncio.Queue[Job]" = asyncio.Queue()


@app.get("/outbox")
@leaks(pattern=("task-retry-queue", "unbounded-container"), holder="_outbox", types="Job")
async def outbox() -> dict[str, Any]:
    """A queue whose consumer was never started."""
    job = Job(next(_numbers), ["part"] * 40)  # leaks
    _outbox.put_nowait(job)
    return {"waiting": _outbox.qsize()}


class Connections:
    """Knows every websocket that ever came."""

    def __init__(self) -> None:
        self.active: list[WebSocket] = []


connections = Connections()


@app.websocket("/socket_registry")
@leaks(
    pattern="unbounded-container",
    holder=("connections", "active"),
    types="WebSocket",
    kind="websocket",
    library=("starlette/", "fastapi/", "uvicorn/", "websockets/"),
    per_second=8,
    most=700,
)
async def socket_registry(websocket: WebSocket) -> None:
    """Sockets that are gone stay in the registry (after https://github.com/nensii21/devlink/issues/1266)."""
    await websocket.accept()
    connections.active.append(websocket)  # leaks
    await websocket.send_text(f"you are number {len(connections.active)}")
    await websocket.close()


_open: set[WebSocket] = set()


@app.websocket("/socket_open_a_while")
@innocent(kind="websocket", per_second=4)
async def socket_open_a_while(websocket: WebSocket) -> None:
    """Sockets that stay open until the client leaves, and then go."""
    await websocket.accept()
    _open.add(websocket)
    try:
        while True:
            await websocket.send_text(await websocket.receive_text())
    except WebSocketDisconnect:
        _open.discard(websocket)


@app.get("/streams")
@innocent()
async def streams() -> StreamingResponse:
    """A streamed answer that takes a while."""

    async def rows() -> Any:
        for row in range(10):
            await asyncio.sleep(0.002)
            yield f"row {row}\n"

    return StreamingResponse(rows(), media_type="text/plain")


@app.get("/short_tasks")
@innocent()
async def short_tasks() -> dict[str, Any]:
    """Tasks that outlive their request a little."""
    task = asyncio.create_task(asyncio.sleep(0.05))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)
    return {"number": next(_numbers)}
