"""What memguard costs in start-up time and memory.

    python benchmarks/footprint.py

Import time and RSS of `import memguard` over bare Python, and the RSS of a gunicorn worker (sync) of a Flask
application with memguard over the same without it, after the same requests. Each figure is a median of pairs.
"""

import http.client
import os
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import psutil
from rounds import save, spread

PAIRS = 9
WORKER_PAIRS = 5
REQUESTS = 600
SECONDS_TO_START = 30.0
BARE = """
from flask import Flask
app = Flask(__name__)
@app.get("/clean")
def clean():
    return {"numbers": list(range(50))}
"""
WATCHED = (
    BARE
    + """
from memguard.flask import MemGuard
MemGuard(app)
"""
)
PROBE = "import time; t = time.perf_counter(); {what}; t = time.perf_counter() - t; import os; r = int(open('/proc/self/statm').read().split()[1]) * os.sysconf('SC_PAGE_SIZE'); print(t, r)"


def probe(what: str) -> tuple[float, int]:
    """Return seconds of a statement, and RSS after it, in a fresh interpreter."""
    answer = subprocess.run([sys.executable, "-c", PROBE.format(what=what)], check=True, capture_output=True, text=True)
    seconds, rss = answer.stdout.split()
    return float(seconds), int(rss)


def worker_rss(source: str) -> int:
    """Return the RSS in bytes of a worker of an application after the load."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    folder = Path(tempfile.mkdtemp())
    (folder / "measured_app.py").write_text(source)
    environ = {**os.environ, "MEMGUARD_STORE": str(folder / "bench.sqlite")}
    command = [sys.executable, "-m", "gunicorn", "-b", f"127.0.0.1:{port}", "-w", "1", "measured_app:app"]
    server = subprocess.Popen(command, cwd=folder, env=environ, stderr=subprocess.DEVNULL)
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while True:
            try:
                get(port)
                break
            except OSError:
                if time.monotonic() > deadline or server.poll() is not None:
                    raise
                time.sleep(0.1)
        for _ in range(REQUESTS):
            get(port)
        (worker,) = psutil.Process(server.pid).children()
        return int(worker.memory_info().rss)
    finally:
        server.terminate()
        server.wait()


def get(port: int) -> None:
    """Ask for the clean route."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", "/clean")
    connection.getresponse().read()
    connection.close()


def main() -> None:
    """Print the figures."""
    print(f"Python {sys.version.split()[0]}")
    imports: dict[str, dict[str, dict[str, float]]] = {}
    for what in ("import memguard", "import memguard.wsgi"):
        pairs = [(probe("pass"), probe(what)) for _ in range(PAIRS)]
        took = spread(1000 * (after[0] - before[0]) for before, after in pairs)
        rss = spread((after[1] - before[1]) / 1e6 for before, after in pairs)
        imports[what] = {"ms": took, "mb": rss}
        print(f"{what}: {took['median']:.1f} ms, {rss['median']:.2f} MB over bare Python (medians of {PAIRS} pairs)")
    print("starting workers …", file=sys.stderr, flush=True)
    worker = spread((worker_rss(WATCHED) - worker_rss(BARE)) / 1e6 for _ in range(WORKER_PAIRS))
    print(
        f"a gunicorn worker with memguard: {worker['median']:.2f} MB over one without, after {REQUESTS} requests "
        f"(quartiles {worker['low']:.2f} and {worker['high']:.2f})"
    )
    save("footprint", {"imports": imports, "worker_mb": worker, "requests": REQUESTS})


if __name__ == "__main__":
    main()
