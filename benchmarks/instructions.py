"""Instructions that memguard adds to a request between windows, counted by callgrind: the same on every machine.

    python benchmarks/instructions.py [--applications wsgi asgi flask]

Each application serves requests in a process of its own under valgrind, whose counters are set to zero after it has
started. Clocks stand for nothing here, so no other load on the machine changes the figures.
"""

import argparse
import os
import re
import subprocess
import sys
import tempfile
from typing import Any

from rounds import save, say

REQUESTS = 5_000
"""So many that what the end of the start costs, which falls into the count, is a small part."""


def main() -> None:
    """Count, and keep what was counted."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--applications", nargs="+", default=["wsgi", "asgi", "flask"])
    parser.add_argument("--run", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run[0], options.run[1], int(options.run[2]))
    rows: dict[str, Any] = {}
    for name in options.applications:
        rows[name] = {each: counted(name, each) // REQUESTS for each in ("bare", "watch")}
        say(name, rows[name])
    save("instructions", {"rows": rows})


def counted(application: str, variant: str) -> int:
    """Return the instructions of a process while it serves the requests."""
    command = ["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", sys.executable, __file__]
    environ = {**os.environ, "PYTHONHASHSEED": "0"}
    done = subprocess.run(
        [*command, "--run", application, variant, str(REQUESTS)],
        env=environ,
        capture_output=True,
        text=True,
        check=True,
    )
    found = re.search(r"Collected : (\d+)", done.stderr)
    assert found, done.stderr
    return int(found[1])


def run(application: str, variant: str, requests: int) -> None:
    """Serve so many requests in this process, without windows and keeper, and end it at once."""
    from boundary import asgi_application, asgi_runner, wsgi_application, wsgi_runner

    from memguard import Guard, Settings
    from memguard.asgi import MemGuardMiddleware as AsgiMiddleware
    from memguard.wiring.keeper import Keeper
    from memguard.wsgi import MemGuardMiddleware as WsgiMiddleware

    Keeper.start = lambda self: None  # type: ignore[method-assign]  # its rounds come by the clock, not by the request
    settings = Settings.load(store=tempfile.mkdtemp() + "/bench.sqlite")
    served: Any = {"wsgi": wsgi_application, "asgi": asgi_application}.get(application)
    if application == "flask":
        os.environ["BENCH_VARIANT"] = "watch" if variant == "watch" else "bare"
        os.environ["MEMGUARD_STORE"] = settings.store or ""
        from apps.flask_app import app

        served = app
    elif variant == "watch":
        served = (AsgiMiddleware if application == "asgi" else WsgiMiddleware)(served, settings)
    serve = (asgi_runner if application == "asgi" else wsgi_runner)(served)
    serve(5)
    guard = Guard.current()
    if guard is not None and guard._watch is not None:
        guard._watch.sampler.spend(3600.0)
        guard._watch.observer.plan()
    # What start-up took differs from run to run by more than a request takes: it is left out.
    subprocess.run(["callgrind_control", "--zero", str(os.getpid())], check=True, capture_output=True)
    serve(requests)
    os._exit(0)


if __name__ == "__main__":
    main()
