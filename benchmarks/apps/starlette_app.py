"""The application under ASGI, as the variant in the environment has it."""

import os

from apps import ballast, variants, work
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

VARIANT = os.environ.get("BENCH_VARIANT", "bare")


async def trivial(request: Request) -> Response:
    """Do nothing."""
    return PlainTextResponse("ok")


async def numbers(request: Request) -> Response:
    """Answer with JSON."""
    return JSONResponse(work.numbers())


async def template(request: Request) -> Response:
    """Answer with a page."""
    return HTMLResponse(work.page())


async def orm(request: Request) -> Response:
    """Answer with rows."""
    return JSONResponse(work.loaded())


views = {"/trivial": trivial, "/json": numbers, "/template": template, "/orm": orm}
app = Starlette(routes=[Route(path, view) for path, view in views.items()])

if VARIANT in variants.MEMGUARD:
    from memguard.starlette import MemGuardMiddleware

    app.add_middleware(MemGuardMiddleware, **variants.MEMGUARD[VARIANT])
elif VARIANT == "tracemalloc":
    variants.trace()

assert len(ballast.OBJECTS) == int(os.environ.get("BENCH_HEAP", "0"))
