"""Real servers under load: CPU, throughput and latency with memguard, in each mode, against the bare application.

    python benchmarks/servers.py [--servers "gunicorn sync" celery] [--heaps 0 2000000] [--seconds 15]

CPU: the variants run side by side, one worker each, all of them under load all the time, as a worker in production is,
for what memguard may do depends on it. Each figure is a ratio of CPU time per request, the worker's own, to that of the
bare application in the same second or two; other load on the machine changes that little.

Throughput and latency: the same workers are loaded one at a time, in turn. Those are the wall's, and need a machine
that has nothing else to do.
"""

import argparse
import statistics
import threading
from contextlib import ExitStack
from typing import Any

from apps.work import ROUTES
from rounds import compared, cpu_seconds, interleaved, save, say, spread
from serving import WEB, Consumer, Web, celery, web

from example_apps.servers import Servers

VARIANTS = ("bare", "watch", "ceiling", "tracemalloc", "trace")
SECONDS_OF_A_ROUND = 1.5
SECONDS_OF_A_TURN = 0.5
TASKS_AT_ONCE = 20


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--servers", nargs="+", default=[*WEB, "celery"])
    parser.add_argument("--heaps", nargs="+", type=int, default=[0, 2_000_000])
    parser.add_argument("--seconds", type=float, default=15.0, help="of each route")
    parser.add_argument("--warm", type=float, default=45.0, help="seconds before: first looks at operations cost more")
    parser.add_argument("--turns", type=int, default=8, help="of each variant for throughput and latency")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for heap in options.heaps:
        for kind in options.servers:
            rows += measured(kind, heap, options)
            save("servers", {"rows": rows, "seconds": options.seconds, "turns": options.turns})


def measured(kind: str, heap: int, options: argparse.Namespace) -> list[dict[str, Any]]:
    """Return a row for each route of a server: what each variant costs against the bare application."""
    rows = []
    with Servers() as servers, ExitStack() as running:
        say(f"{kind}, {heap} objects: starting …")
        subjects: dict[str, Web | Consumer] = {}
        for variant in VARIANTS:
            start = celery(servers, variant, heap) if kind == "celery" else web(servers, kind, variant, heap)
            subjects[variant] = running.enter_context(start)
        for route in ROUTES:
            cpu_of_all(subjects, _target(kind, route), options.warm / len(ROUTES))
        for route in ROUTES:
            samples = cpu_of_all(subjects, _target(kind, route), options.seconds)
            traced = zip(samples["trace"], samples["tracemalloc"], strict=True)
            row = {
                "server": kind, "heap": heap, "route": route, "bare_us": 1e6 * statistics.median(samples["bare"]),
                "cpu": compared(samples, "bare"), "trace_to_tracemalloc": spread(a / b for a, b in traced),
            }  # fmt: skip
            if kind != "celery":
                row |= in_turn(subjects, _target(kind, route), options.turns)
            rows.append(row)
            shown = {name: f"{each['median']:.3f} ({each['all']:.3f})" for name, each in row["cpu"].items()}
            say(f"  {route}: CPU per request {row['bare_us']:.0f} µs, ratios {shown}")
    return rows


def cpu_of_all(subjects: dict[str, Web | Consumer], target: str, seconds: float) -> dict[str, list[float]]:
    """Load all at once; return for each its CPU seconds per request, round by round."""
    over = threading.Event()
    samples: dict[str, list[float]] = {name: [] for name in subjects}
    served = dict.fromkeys(subjects, 0)
    failures: list[BaseException] = []

    def load(name: str) -> None:
        subject = subjects[name]
        try:
            while not over.is_set():
                served[name] += subject.send(target, TASKS_AT_ONCE)
        except BaseException as error:
            failures.append(error)
            raise

    def now() -> dict[str, tuple[float, int]]:
        return {name: (cpu_seconds(subject.worker), served[name]) for name, subject in subjects.items()}

    threads = [threading.Thread(target=load, args=(name,)) for name in subjects]
    for thread in threads:
        thread.start()
    before = now()
    for _ in range(max(1, round(seconds / SECONDS_OF_A_ROUND))):
        over.wait(SECONDS_OF_A_ROUND)
        after = now()
        if all(after[name][1] > before[name][1] for name in subjects):
            for name, (cpu, count) in after.items():
                samples[name].append((cpu - before[name][0]) / (count - before[name][1]))
            before = after
    over.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
    return samples


def in_turn(subjects: dict[str, Web | Consumer], target: str, turns: int) -> dict[str, Any]:
    """Load one at a time; return ratios of wall time per request, and latencies in milliseconds."""
    latencies: dict[str, list[float]] = {name: [] for name in subjects}

    def turn(name: str) -> float:
        seen = subjects[name].latencies(target, SECONDS_OF_A_TURN)
        latencies[name] += seen
        return sum(seen) / len(seen)

    walls = interleaved(tuple(subjects), turns, turn, turns * SECONDS_OF_A_TURN * len(subjects))
    return {"wall": compared(walls, "bare"), "latency": {name: _percentiles(seen) for name, seen in latencies.items()}}


def _target(kind: str, route: str) -> str:
    return route if kind == "celery" else f"/{route}"


def _percentiles(latencies: list[float]) -> dict[str, float]:
    ordered = sorted(latencies)
    return {
        name: 1000 * ordered[min(len(ordered) - 1, int(len(ordered) * share))]
        for name, share in (("p50", 0.5), ("p99", 0.99), ("p99.9", 0.999))
    }


if __name__ == "__main__":
    main()
