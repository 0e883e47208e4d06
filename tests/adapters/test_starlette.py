"""The Starlette and FastAPI adapter: full route templates, whatever lies around a route, and how it is set up."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from a2wsgi import WSGIMiddleware
from fastapi import APIRouter, FastAPI
from starlette.applications import Starlette
from starlette.endpoints import HTTPEndpoint
from starlette.middleware.gzip import GZipMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Host, Mount, Route, Router, WebSocketRoute
from starlette.staticfiles import StaticFiles
from starlette.testclient import TestClient
from starlette.websockets import WebSocket

from memguard.settings import SettingsError
from memguard.starlette import MemGuardMiddleware
from memguard.wiring.guard import Guard
from tests.adapters.direct import scope, serve_asgi
from tests.adapters.flask_subject import make_app as make_flask
from tests.adapters.servers import fetch, uvicorn_server
from tests.adapters.truth import counts, eventually, runs


async def view(request: Request) -> Response:
    """Say what the path was."""
    return PlainTextResponse(request.url.path)


async def other_view(request: Request) -> Response:
    """Say it too."""
    return PlainTextResponse(request.url.path)


class ByClass(HTTPEndpoint):
    """A class-based view."""

    async def get(self, request: Request) -> Response:
        """Say what the path was."""
        return PlainTextResponse(request.url.path)


async def talk(websocket: WebSocket) -> None:
    """Accept and go."""
    await websocket.accept()
    await websocket.close()


users = [Route("/users/{id:int}", view), Route("/", other_view)]
SHARED = Starlette(routes=[Route("/things/{thing}", view)])
ROUTES: list[Any] = [
    Route("/plain", view),
    Route("/twice", other_view, name="one"),
    Route("/again/{number}", other_view, name="two"),
    Route("/class/{id}", ByClass),
    Mount("/shop/{tenant}", routes=[Mount("/inner", routes=users), Route("/basket", view)]),
    Mount("/sub", app=Starlette(routes=[Route("/page/{page}", view)])),
    Mount("/left", app=SHARED),
    Mount("/right/{side}", app=SHARED),
    Mount("/zipped", app=GZipMiddleware(Starlette(routes=[Route("/page/{page}", view)]))),
    Mount("/router", app=Router(routes=[Route("/page/{page}", view)])),
    Mount("/flask", app=WSGIMiddleware(make_flask())),  # type: ignore[arg-type]  # its types are ASGI's, not Starlette's
    Mount("/static", app=StaticFiles(directory=Path(__file__).parent)),
    Host("{tenant}.example.org", app=Router(routes=[Route("/by-host/{id}", view)])),
    WebSocketRoute("/talk/{room}", talk),
]
NAMES = {
    "/plain": "GET /plain",
    "/twice": "GET /twice",
    "/again/5": "GET /again/{number}",
    "/class/7": "GET /class/{id}",
    "/shop/north/inner/users/7": "GET /shop/{tenant}/inner/users/{id:int}",
    "/shop/north/inner/": "GET /shop/{tenant}/inner/",
    "/shop/north/basket": "GET /shop/{tenant}/basket",
    "/shop/north/nothing": "<unmatched>",
    "/sub/page/3": "GET /sub/page/{page}",
    "/sub/nothing": "<unmatched>",
    "/left/things/3": "GET /left/things/{thing}",
    "/right/side/things/3": "GET /right/{side}/things/{thing}",
    "/zipped/page/3": "GET /zipped/page/{page}",
    "/zipped/nothing": "GET /zipped/{path}",
    "/router/page/3": "GET /router/page/{page}",
    "/flask/clean": "GET /flask/{path}",
    "/static/menu.py": "GET /static/{path}",
    "/static/nothing": "GET /static/{path}",
    "/nothing": "<unmatched>",
    "/plain/": "<unmatched>",
}


def watched(app: Any, **settings: Any) -> Any:
    """Return an application with the middleware added."""
    app.add_middleware(MemGuardMiddleware, **settings)
    return app


@pytest.fixture(params=["added", "around"])
def client(request: pytest.FixtureRequest) -> TestClient:
    """Return a client of an application with every kind of route, the middleware added to it or put around it."""
    app: Any = Starlette(routes=ROUTES)
    app = watched(app) if request.param == "added" else MemGuardMiddleware(app)
    return TestClient(app, follow_redirects=False)


@pytest.mark.parametrize("path", NAMES)
def test_names(client: TestClient, path: str) -> None:
    """Operations are named by full templates: mounts, nested and shared, applications behind a middleware, files."""
    client.get(path)

    assert counts() == {NAMES[path]: (1, 0)}


def test_name_by_host(client: TestClient) -> None:
    """A host route adds nothing to the path."""
    client.get("http://north.example.org/by-host/7")

    assert counts() == {"GET /by-host/{id}": (1, 0)}


def test_wrong_method(client: TestClient) -> None:
    """A method that a known route does not have is still that route's."""
    assert client.post("/shop/north/basket").status_code == 405
    assert client.post("/class/7").status_code == 405

    assert counts() == {"POST /shop/{tenant}/basket": (1, 0), "POST /class/{id}": (1, 0)}


def test_websocket(client: TestClient) -> None:
    """A websocket session is named by its route, without a method."""
    with client.websocket_connect("/talk/7"):
        pass

    assert counts() == {"/talk/{room}": (1, 0)}


def test_route_that_came_later() -> None:
    """A route that is added while the application runs is found, within a second; one that is gone is not confused."""
    app = watched(Starlette(routes=[Route("/one", view)]))
    client = TestClient(app)
    client.get("/one")
    app.router.routes.append(Route("/two/{number}", other_view))

    def names() -> bool:
        client.get("/two/2")
        return "GET /two/{number}" in counts()

    eventually(names, True)


def test_fastapi() -> None:
    """Routers that are included, one in the other, mounted applications and the documentation have their full paths."""
    inner, outer = APIRouter(prefix="/inner"), APIRouter(prefix="/outer/{tenant}")

    @inner.get("/items/{item}")
    async def item(item: int) -> int:
        return item

    @inner.websocket("/talk/{room}")
    async def room(websocket: WebSocket) -> None:
        await talk(websocket)

    inner.routes.append(Route("/inner/plain/{id}", view))
    outer.include_router(inner)
    sub = FastAPI()
    sub.include_router(inner)
    app = watched(FastAPI())
    app.include_router(outer)
    app.include_router(inner, prefix="/v2")
    app.mount("/sub", sub)
    client = TestClient(app)
    for path in ("/outer/a/inner/items/1", "/v2/inner/items/1", "/v2/inner/items/one", "/sub/inner/items/1", "/docs",
                 "/v2/inner/plain/1", "/nothing", "/outer/a/nothing", "/sub/nothing"):  # fmt: skip
        client.get(path)
    client.delete("/v2/inner/items/1")
    with client.websocket_connect("/v2/inner/talk/7"):
        pass

    assert counts() == {
        "GET /outer/{tenant}/inner/items/{item}": (1, 0),
        "GET /v2/inner/items/{item}": (2, 0),
        "GET /sub/inner/items/{item}": (1, 0),
        "GET /docs": (1, 0),
        "GET /v2/inner/plain/{id}": (1, 0),
        "DELETE /v2/inner/items/{item}": (1, 0),
        "/v2/inner/talk/{room}": (1, 0),
        "<unmatched>": (3, 0),
    }


def test_inside_a_mount() -> None:
    """An application that is watched where it is mounted serves its endpoint below, and names what it knows."""
    sub = watched(Starlette(routes=users), token="a-long-secret")
    client = TestClient(Starlette(routes=[Mount("/sub", app=sub)]))
    client.get("/sub/users/7")
    client.get("/sub/nothing")
    report = client.get("/sub/_memguard/api/report", headers={"Authorization": "Bearer a-long-secret"}).json()

    assert {each["name"] for each in report["operations"]} == {"GET /users/{id:int}", "<unmatched>"}


@pytest.mark.parametrize("debug", [True, False])
async def test_debug_mode(debug: bool) -> None:
    """The endpoint follows the application's debug mode."""
    body = await serve_asgi(watched(Starlette(debug=debug, routes=users)), scope("/_memguard/api/report"))

    assert (b'"schema"' in body) == debug
    assert (body == b"Not Found") == (not debug)


def test_wrong_settings() -> None:
    """Where the middleware is made by hand, a wrong setting is an error at once."""
    with pytest.raises(SettingsError, match="rss_ceiling='512 bananas'"):
        MemGuardMiddleware(Starlette(), rss_ceiling="512 bananas")


async def test_wrong_settings_at_start(caplog: pytest.LogCaptureFixture) -> None:
    """Where Starlette makes it, the application fails to start, with that message; a server then ends."""
    app = watched(Starlette(routes=users), rss_ceiling="512 bananas")
    sent: list[Any] = []

    async def receive() -> Any:
        return {"type": "lifespan.startup"}

    async def send(message: Any) -> None:
        sent.append(message)

    await app({"type": "lifespan"}, receive, send)
    assert [message["type"] for message in sent] == ["lifespan.startup.failed"]
    assert "rss_ceiling='512 bananas'" in sent[0]["message"]
    assert "rss_ceiling='512 bananas'" in caplog.text


async def test_wrong_settings_without_a_start() -> None:
    """Under a server that tells nobody of its start, requests go on unwatched; the log has said why."""
    app = watched(Starlette(routes=users), rss_ceiling="512 bananas")

    assert await serve_asgi(app, scope("/users/7")) == b"/users/7"
    assert Guard.current() is None


def test_streamed_through_a_server() -> None:
    """The report of a running server has the operations that a client caused."""
    app = watched(Starlette(routes=ROUTES), token="a-long-secret")
    with uvicorn_server(app) as address:
        fetch(address, "GET", "/shop/north/inner/users/7")
        eventually(counts, {"GET /shop/{tenant}/inner/users/{id:int}": (1, 0)})
        answer = fetch(address, "GET", "/_memguard/api/report", headers=("Authorization: Bearer a-long-secret",))

    assert len(json.loads(answer.partition(b"\r\n\r\n")[2])["operations"]) == 1


def test_the_endpoint_is_known() -> None:
    """Its function, or the methods of its class."""
    app = MemGuardMiddleware(Starlette(routes=[Route("/plain", view), Route("/class", ByClass)]))
    for path in ("/plain", "/class"):
        asyncio.run(serve_asgi(app, scope(path)))

    assert runs("GET /plain", view)
    assert runs("GET /class", ByClass.get)
    assert not runs("GET /class", view)
