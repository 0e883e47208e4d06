"""What stands around the application: nothing, memguard in its modes, or what people write today for the purpose."""

import gc
import logging
import os
import tracemalloc
from collections.abc import Callable, Iterable
from typing import Any

FRAMES = 8
MEMGUARD: dict[str, dict[str, Any]] = {
    "watch": {"mode": "watch"},
    "ceiling": {"mode": "watch", "rss_ceiling": "20GB"},
    "trace": {"mode": "trace", "trace_frames": FRAMES},
}
TOP = 5
Application = Callable[..., Iterable[bytes]]
log = logging.getLogger("recipe")


def trace(**_: object) -> None:
    """Have plain tracemalloc on, as deep as memguard has it in `trace`."""
    tracemalloc.start(FRAMES)


def recipe(name: str, application: Application) -> Application:
    """Return the application in one of the recipes of `RECIPES`; `memray` wraps the whole process and not this."""
    return RECIPES[name](application) if name in RECIPES else application


def tracemalloc_diff(application: Application) -> Application:
    """Compare two snapshots around each request."""
    tracemalloc.start()

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        before = tracemalloc.take_snapshot()
        body = list(application(environ, start_response))
        for line in tracemalloc.take_snapshot().compare_to(before, "lineno")[:TOP]:
            log.warning("%s", line)
        return body

    return middleware


def objgraph_growth(application: Application) -> Application:
    """Count all objects by type after each request."""
    import objgraph

    peaks: dict[str, int] = {}

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        body = list(application(environ, start_response))
        for line in objgraph.growth(limit=TOP, peak_stats=peaks):
            log.warning("%s", line)
        return body

    return middleware


def pympler_summary(application: Application) -> Application:
    """Summarize all objects by type and size after each request, and compare with the last time."""
    from pympler import muppy, summary

    last: list[Any] = []

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        body = list(application(environ, start_response))
        now = summary.summarize(muppy.get_objects())
        if last:
            for line in sorted(summary.get_diff(last, now), key=lambda row: -row[2])[:TOP]:
                log.warning("%s", line)
        last[:] = now
        return body

    return middleware


def collect_and_count(application: Application) -> Application:
    """Collect, and count objects, before and after each request."""

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        gc.collect()
        before = len(gc.get_objects())
        body = list(application(environ, start_response))
        gc.collect()
        log.warning("%+d objects", len(gc.get_objects()) - before)
        return body

    return middleware


def psutil_rss(application: Application) -> Application:
    """Read the RSS before and after each request."""
    import psutil

    process = psutil.Process(os.getpid())

    def middleware(environ: Any, start_response: Any) -> Iterable[bytes]:
        before = process.memory_info().rss
        body = list(application(environ, start_response))
        if (gained := process.memory_info().rss - before) > 0:
            log.warning("%s: %+d bytes", environ["PATH_INFO"], gained)
        return body

    return middleware


def dozer(application: Application) -> Application:
    """Have Dozer count all objects in a thread of its own, as it does by default."""
    from dozer import Dozer

    made: Application = Dozer(application)
    return made


RECIPES: dict[str, Callable[[Application], Application]] = {
    "tracemalloc diff": tracemalloc_diff,
    "gc.collect + count": collect_and_count,
    "objgraph.growth": objgraph_growth,
    "pympler summary": pympler_summary,
    "psutil RSS": psutil_rss,
    "Dozer": dozer,
}
