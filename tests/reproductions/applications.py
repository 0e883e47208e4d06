"""Applications that leak or not, by what is put into their code, and how a reproduction is run on them."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

SECONDS_FOR_A_RUN = 120

FLASK_APP = """
from functools import lru_cache

from flask import Flask, abort

from memguard.flask import MemGuard

app = Flask(__name__)
MemGuard(app)
_caches = []
_numbers = iter(range(1_000_000_000))


class Context:
    def __init__(self, number):
        self.rows = ["row"] * number


@app.get("/users/<int:number>/orders")
def show(number):
    context = Context(number + 10)
    if next(_numbers) % EVERY == 0:
        KEEP
    return {"rows": len(context.rows)}


@app.get("/secret")
def secret():
    abort(403)


@lru_cache(maxsize=MAXSIZE)
def load(number):
    return Context(10)


@app.get("/loaded/<int:number>")
def loaded(number):
    return {"rows": len(load(number).rows)}


@app.post("/bytes")
def growing():
    BYTES
    return {}


_buffer = bytearray()
"""

DJANGO_SETTINGS = """
SECRET_KEY = "only for a test"
ROOT_URLCONF = "shop_urls"
DATABASES = {}
"""

DJANGO_URLS = """
from django.http import JsonResponse, StreamingHttpResponse
from django.urls import path, re_path

_errors = []


def show(request, number):
    rows = [str(number)] * 10
    try:
        raise ValueError(rows)
    except ValueError as error:
        KEEP
    return JsonResponse({"rows": len(rows)})


def stream(request, year):
    def lines():
        rows = [year]
        KEEP_LINES
        yield b"line"

    return StreamingHttpResponse(lines())


urlpatterns = [path("users/<int:number>/", show), re_path(r"^years/(?P<year>[0-9]{4})/$", stream)]
"""

STARLETTE_APP = """
import asyncio

from starlette.applications import Starlette
from starlette.responses import JSONResponse
from starlette.routing import Route, WebSocketRoute

_active = []
_never = asyncio.Event()


async def wait(event):
    await event.wait()


async def show(request):
    task = asyncio.create_task(wait(_never))
    await asyncio.sleep(0)
    AFTER
    return JSONResponse({"number": request.path_params["number"]})


async def chat(socket):
    await socket.accept()
    KEEP
    await socket.send_text("hello")
    await socket.close()


app = Starlette(routes=[Route("/users/{number:int}", show), WebSocketRoute("/chat/{room}", chat)])
"""

CELERY_APP = """
from celery import Celery

app = Celery("shop", broker="memory://", backend="cache+memory://")
_retry_later = []


class Bill:
    def __init__(self, number):
        self.number = number


@app.task(name="shop_tasks.bill")
def bill(number):
    bill = Bill(number)
    KEEP
    return number


@app.task
def fails():
    raise ValueError
"""


def run(folder: Path, text: str) -> tuple[int, str]:
    """Run the file by pytest in a folder of its own; return the exit code and what was printed."""
    (folder / "test_leak.py").write_text(text, encoding="utf-8")
    # Without a configuration of its own it would find this project's, where temporary files lie below the checkout.
    (folder / "pytest.ini").write_text("[pytest]\n")
    environ = {name: value for name, value in os.environ.items() if name != "DJANGO_SETTINGS_MODULE"}
    done = subprocess.run(
        [
            sys.executable, "-W", "error", "-m", "pytest", "-q", "-p", "no:cacheprovider", "-p", "memguard.pytest_plugin",
            "test_leak.py",
        ],
        capture_output=True, text=True, cwd=folder, timeout=SECONDS_FOR_A_RUN, check=False,
        # No plugin but memguard's is needed, and the others are what such a short run would wait for.
        env={**environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def on_flask(folder: Path, text: str, **code: Any) -> tuple[int, str]:
    """Run the file on the Flask application, with some of its code put in; `shop.py` is in a folder as in production."""
    app = FLASK_APP
    for name, value in {"KEEP": "pass", "EVERY": "1", "MAXSIZE": "None", "BYTES": "pass", **code}.items():
        app = app.replace(name, str(value))
    (folder / "shop.py").write_text(app)
    return run(folder, text.replace("from your_application import app", "from shop import app"))
