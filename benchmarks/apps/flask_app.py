"""The application under WSGI, as the variant in the environment has it."""

import os

from apps import ballast, variants, work
from flask import Flask

app = Flask(__name__)
VARIANT = os.environ.get("BENCH_VARIANT", "bare")


@app.get("/trivial")
def trivial() -> str:
    """Do nothing."""
    return "ok"


@app.get("/json")
def numbers() -> dict[str, object]:
    """Answer with JSON."""
    return work.numbers()


@app.get("/template")
def template() -> str:
    """Answer with a page."""
    return work.page()


@app.get("/orm")
def orm() -> dict[str, object]:
    """Answer with rows."""
    return work.loaded()


@app.get("/leak")
def leak() -> str:
    """Leave something behind."""
    work.leak()
    return work.page()


@app.get("/rare")
def rare() -> str:
    """Leave something behind, one time in a hundred."""
    work.leak_rarely()
    return work.page()


@app.get("/large")
def large() -> str:
    """Leave much behind, one time in a thousand."""
    work.leak_much()
    return work.page()


if VARIANT in variants.MEMGUARD:
    from memguard.flask import MemGuard

    MemGuard(app, **variants.MEMGUARD[VARIANT])
elif VARIANT == "tracemalloc":
    variants.trace()
elif VARIANT != "bare":
    app.wsgi_app = variants.recipe(VARIANT, app.wsgi_app)

assert len(ballast.OBJECTS) == int(os.environ.get("BENCH_HEAP", "0"))
