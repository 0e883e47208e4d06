"""The menu in Starlette and in FastAPI."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

from fastapi import FastAPI
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, PlainTextResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket

from tests.adapters.menu import BIG, CHUNKS, FILE, HEADERS, MEETING, boom, broken, endless, follow


async def _clean(request: Request) -> Response:
    response = PlainTextResponse("clean")
    follow("request", request)
    follow("response", response)
    response.raw_headers += [(name.lower().encode(), text.encode()) for name, text in HEADERS]
    return response


async def _list(_: Request) -> Response:
    return JSONResponse(["a", "list"])


async def _stream(_: Request) -> Response:
    async def chunks() -> AsyncIterator[bytes]:
        for chunk in CHUNKS:
            yield chunk

    return StreamingResponse(chunks())


async def _big(_: Request) -> Response:
    return Response(BIG)


async def _unchanged(_: Request) -> Response:
    return Response(status_code=304, headers={"etag": '"1"'})


async def _file(_: Request) -> Response:
    return FileResponse(FILE)


async def _echo(request: Request) -> Response:
    return Response(await request.body())


async def _item(request: Request) -> Response:
    return JSONResponse(request.path_params)


async def _boom(_: Request) -> Response:
    boom()
    return Response()


async def _broken(_: Request) -> Response:
    return StreamingResponse(broken())


async def _refused(_: Request) -> Response:
    return PlainTextResponse("not now", 503)


async def _endless(_: Request) -> Response:
    return StreamingResponse(endless())


async def _meet(_: Request) -> Response:
    await asyncio.to_thread(MEETING.wait)
    return PlainTextResponse("met")


async def _talk(websocket: WebSocket) -> None:
    await websocket.accept()
    async for text in websocket.iter_text():
        await websocket.send_text(text)


VIEWS: dict[str, Any] = {
    "/clean": _clean, "/list": _list, "/stream": _stream, "/big": _big, "/unchanged": _unchanged, "/file": _file,
    "/items/{number:int}": _item, "/boom": _boom, "/broken": _broken, "/refused": _refused, "/endless": _endless,
    "/meet": _meet,
}  # fmt: skip


def make_starlette() -> Starlette:
    """Return a new Starlette application."""
    routes = [Route(path, view) for path, view in VIEWS.items()]
    talk = WebSocketRoute("/talk/{room}", _talk)
    return Starlette(routes=[*routes, Route("/echo", _echo, methods=["POST"]), talk])


def make_fastapi() -> FastAPI:
    """Return a new FastAPI application."""
    app = FastAPI()
    for path, view in VIEWS.items():
        app.add_api_route(path, _as_api(view), methods=["GET", "HEAD"], response_model=None)
    app.add_api_route("/echo", _as_api(_echo), methods=["POST"], response_model=None)
    app.add_api_websocket_route("/talk/{room}", _talk)
    return app


def _as_api(view: Any) -> Any:
    # FastAPI reads parameters by their names; an underscore would be a query parameter of its own.
    async def endpoint(request: Request) -> Response:
        response: Response = await view(request)
        return response

    return endpoint
