"""CPU per unit that memguard adds in `watch` between windows, through the WSGI and the ASGI middleware.

    python benchmarks/boundary.py [--units 20000] [--rounds 15]

Bare and watched application run in turn in one process; the figure is the median of the paired differences. Windows
are kept out by a budget that is spent: their cost is `benchmarks/window.py`'s subject.
"""

import argparse
import asyncio
import sys
import tempfile
from collections.abc import Callable
from time import process_time
from typing import Any

from rounds import save, spread

from memguard import Guard, Settings
from memguard.asgi import MemGuardMiddleware as AsgiMiddleware
from memguard.wsgi import MemGuardMiddleware as WsgiMiddleware


def wsgi_runner(application: Callable[..., Any]) -> Callable[[int], None]:
    """Return a function that sends so many requests through a WSGI application, as a server would."""

    def start_response(
        status: str, headers: list[tuple[str, str]], exc_info: object = None
    ) -> Callable[[bytes], object]:
        return lambda data: None

    def run(count: int) -> None:
        for _ in range(count):
            environ = {
                "REQUEST_METHOD": "GET", "PATH_INFO": "/trivial", "SCRIPT_NAME": "", "QUERY_STRING": "", "SERVER_NAME": "bench",
                "SERVER_PORT": "80", "wsgi.url_scheme": "http", "wsgi.input": None, "wsgi.errors": sys.stderr,
            }  # fmt: skip
            body = application(environ, start_response)
            for _chunk in body:
                pass
            close = getattr(body, "close", None)
            if close is not None:
                close()

    return run


def asgi_runner(application: Callable[..., Any]) -> Callable[[int], None]:
    """Return a function that sends so many requests through an ASGI application."""

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        return None

    async def run_all(count: int) -> None:
        for _ in range(count):
            await application({"type": "http", "method": "GET", "path": "/", "headers": []}, receive, send)

    return lambda count: asyncio.run(run_all(count))


def wsgi_application(environ: dict[str, Any], start_response: Callable[..., Any]) -> list[bytes]:
    """Answer with two bytes."""
    start_response("200 OK", [("Content-Length", "2")])
    return [b"ok"]


async def asgi_application(scope: dict[str, Any], receive: Callable[..., Any], send: Callable[..., Any]) -> None:
    """Answer with two bytes."""
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


def seconds(run: Callable[[int], None], count: int) -> float:
    """Return the CPU seconds of so many requests."""
    started = process_time()
    run(count)
    return process_time() - started


def main() -> None:
    """Measure both protocols and print microseconds per unit."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--units", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=15)
    options = parser.parse_args()
    store = tempfile.mkdtemp() + "/bench.sqlite"
    settings = Settings.load(store=store, overhead_budget=0.0001)
    pairs = {
        "WSGI": (wsgi_runner(wsgi_application), wsgi_runner(WsgiMiddleware(wsgi_application, settings))),
        "ASGI": (asgi_runner(asgi_application), asgi_runner(AsgiMiddleware(asgi_application, settings))),
    }
    print(f"Python {sys.version.split()[0]}, {options.rounds} rounds of {options.units} requests")
    rows: dict[str, Any] = {}
    for name, (bare, watched) in pairs.items():
        watched(100)
        guard = Guard.current()
        assert guard is not None
        assert guard._watch is not None
        guard._watch.sampler.spend(3600.0)  # no window from now on
        guard._watch.observer.plan()
        added, base = [], []
        for _ in range(options.rounds):
            base.append(seconds(bare, options.units) / options.units * 1e6)
            added.append(seconds(watched, options.units) / options.units * 1e6 - base[-1])
        row = rows[name] = {"added_us": spread(added), "bare_us": spread(base)}
        added_, bare_ = row["added_us"], row["bare_us"]
        print(
            f"{name}: {added_['median']:.2f} µs added per unit (quartiles {added_['low']:.2f} and {added_['high']:.2f}); "
            f"bare {bare_['median']:.2f} µs"
        )
    save("boundary", {"rows": rows, "units": options.units})


if __name__ == "__main__":
    main()
