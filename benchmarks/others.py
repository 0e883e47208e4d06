"""What people use today, on the same application and load as memguard, in the same run.

    python benchmarks/others.py [--heaps 0 2000000] [--rounds 5]

Each variant is a worker of its own, of gunicorn (sync) with Flask, and of uvicorn with FastAPI where it is made for
that alone; they are loaded in turn, a few requests in each round. The figure is CPU per request over that of the bare
application of the same round. Then the route that leaks is asked again and again for a minute, and what each has said
of it is looked through for the line and for the class.
"""

import argparse
import json
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from apps import variants
from rounds import cpu_seconds, interleaved, save, say, spread
from serving import Web, web

from example_apps.servers import ROOT, Servers, environment

NAMES = {
    "gunicorn sync": ("bare", "watch", "trace", *variants.RECIPES, "memray", "memray, Python allocators"),
    "uvicorn FastAPI": ("bare", "watch", "trace", "LeakySpanner", "api_memory_watch"),
}
ROUTE = "/json"
SECONDS_OF_A_TURN = 0.3
SECONDS_WARM = 30.0
LEAKS = 12
SECONDS_TO_NAME = 60.0
SECONDS_BETWEEN_LOOKS = 0.5
LEAKING_FILE = Path(__file__).parent / "apps" / "work.py"


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--heaps", nargs="+", type=int, default=[0, 2_000_000])
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    save("others", {"rows": [measured(kind, heap, options.rounds) for heap in options.heaps for kind in NAMES]})


def measured(kind: str, heap: int, rounds: int) -> dict[str, Any]:
    """Return for each variant what a request costs over the bare application, and what it said of the leak."""
    with Servers() as servers, ExitStack() as running:
        say(f"{kind}, {heap} objects: starting …")
        names = NAMES[kind]
        subjects = {name: running.enter_context(web(servers, kind, name, heap)) for name in names}
        begun = time.monotonic()
        while time.monotonic() - begun < SECONDS_WARM:  # memguard's first looks are over then
            for name in ("bare", "watch"):
                subjects[name].send(ROUTE, 10)
        samples = interleaved(names, rounds, lambda name: _cpu_of(subjects[name]), 120.0)
        added = {
            name: spread(1e6 * (value - base) for value, base in zip(values, samples["bare"], strict=True))
            for name, values in samples.items()
        }
        bare = spread(1e6 * value for value in samples["bare"])
        say({name: f"{each['median']:.0f} µs" for name, each in added.items()}, bare)
        named = {}
        if not heap:
            with ThreadPoolExecutor(len(names)) as pool:
                named = dict(zip(names, pool.map(_named, names, subjects.values()), strict=True))
        say(named)
    return {"kind": kind, "heap": heap, "route": ROUTE, "bare_us": bare, "added_us": added, "named": named}


def _cpu_of(subject: Web) -> float:
    before, count, begun = cpu_seconds(subject.worker), 0, time.monotonic()
    while not count or (time.monotonic() - begun < SECONDS_OF_A_TURN and count < 100):
        count += subject.send(ROUTE, 1)
    return (cpu_seconds(subject.worker) - before) / count


def _named(name: str, subject: Web) -> str:
    """Return `line`, `class` or `nothing`: what was said of the leak."""
    lines = LEAKING_FILE.read_text(encoding="utf-8").splitlines()
    places = [
        f"work.py:{number}" for number, line in enumerate(lines, 1) if "# leaks" in line or '["row"] * 50' in line
    ]
    deadline = time.monotonic() + SECONDS_TO_NAME
    requests = 0
    while True:
        requests += subject.send("/leak", LEAKS)
        said = _report(subject) if name in variants.MEMGUARD else _logs(subject)
        found = "line" if any(place in said for place in places) else "class" if "Kept" in said else "nothing"
        if found == "line" or time.monotonic() > deadline:
            return f"{found}, after {requests} requests"
        time.sleep(SECONDS_BETWEEN_LOOKS)


def _logs(subject: Web) -> str:
    texts = [path.read_text(errors="replace") for path in subject.log.parent.rglob("*log*") if path.is_file()]
    return "\n".join(texts)


def _report(subject: Web) -> str:
    """Return the places and classes that memguard's report names."""
    program = "import sys; from memguard.cli import main; sys.exit(main())"
    command = [sys.executable, "-c", program, "report", "--store", str(subject.log.parent / "store.sqlite"), "--json"]
    told = subprocess.run(command, env=environment(), cwd=ROOT, capture_output=True, text=True, check=True).stdout
    findings = json.loads(told)["findings"]
    sites = [f"{Path(site['file']).name}:{site['line']}" for each in findings for site in each["sites"]]
    return " ".join([*sites, *(kind["type"] for each in findings for kind in each["types"])])


if __name__ == "__main__":
    main()
