"""The application under FastAPI, alone or with one of the profilers of requests that are made for it."""

import os
from pathlib import Path

from apps import ballast, variants, work
from fastapi import APIRouter, FastAPI

VARIANT = os.environ.get("BENCH_VARIANT", "bare")
app = FastAPI()
router = APIRouter()


@router.get("/trivial")
async def trivial() -> str:
    """Do nothing."""
    return "ok"


@router.get("/json")
async def numbers() -> dict[str, object]:
    """Answer with JSON."""
    return work.numbers()


@router.get("/leak")
async def leak() -> str:
    """Leave something behind."""
    work.leak()
    return "ok"


if VARIANT in variants.MEMGUARD:
    from memguard.starlette import MemGuardMiddleware

    app.add_middleware(MemGuardMiddleware, **variants.MEMGUARD[VARIANT])
elif VARIANT == "LeakySpanner":
    from leakyspanner import leakyspanner

    leakyspanner(app, level="deep", log_path=str(Path.cwd()))
elif VARIANT == "api_memory_watch":
    from api_memory_watch import MemoryWatchRoute, configure_memory_watch, memory_watch

    configure_memory_watch()
    for route in router.routes:
        memory_watch()(route.endpoint)
    made = APIRouter(route_class=MemoryWatchRoute)
    for route in router.routes:
        made.add_api_route(route.path, route.endpoint)
    router = made

app.include_router(router)
assert len(ballast.OBJECTS) == int(os.environ.get("BENCH_HEAP", "0"))
