"""An application that is as hostile as one can be by its names, in debug mode, for tests of who may look at what."""

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route

from memguard.starlette import MemGuardMiddleware

SECRET = "a-secret-value-of-the-host-4711"
EVIL = "<img src=x onerror=alert(1)>"

_kept: list[dict[str, str]] = []


async def health(_: Request) -> Response:
    """Say that it is there."""
    return JSONResponse({"ok": True})


async def evil(_: Request) -> Response:
    """Keep a secret, under a name that is markup."""
    _kept.append({SECRET: SECRET})
    return PlainTextResponse(SECRET)


app = Starlette(debug=True, routes=[Route("/health", health), Route(f"/{EVIL}/{{value}}", evil)])
app.add_middleware(MemGuardMiddleware, endpoint="/_memguard")
