"""What the store costs: CPU of each of 64 workers that tell it something every second, and the time of an answer.

    python -m benchmarks.store [--workers 64] [--seconds 20] [--redis redis://localhost:6379/0]

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


def asked(store: Store, workers: int) -> None:
    """Print how long answers take."""

    class Asking:
        worker_id = WorkerId("here", 1, 0.0)

        def __init__(self) -> None:
            self.store = store

        def flush(self) -> None:
            """Nothing: this process is no worker."""

    settings = Settings.load({"service": "bench"}, environ={})
    fill(store, workers)
    source = Asking()
    for name, ask in (
        (
            "report",
            lambda: build(store.read(folded=True), service="bench", answered_by=source.worker_id, now=time.time()),
        ),
        ("timeline, ten minutes", lambda: timeline(f"since={time.time() - 600:.0f}", settings, source)),
        ("timeline, seven days", lambda: timeline(f"since={time.time() - 7 * 86400:.0f}", settings, source)),
    ):
        seconds, used, size = [], [], 0
        for _ in range(ASKS):
            began, cpu = time.perf_counter(), time.process_time()
            size = len(json.dumps(ask()))
            seconds.append(time.perf_counter() - began)
            used.append(time.process_time() - cpu)
        print(f"{name}: {_most(seconds)}, CPU {_most(used)}, {size / 1000:.0f} kB")


def _most(seconds: list[float]) -> str:
    return f"{statistics.median(seconds) * 1000:.0f} ms (most {max(seconds) * 1000:.0f})"


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


def main() -> None:
    """Measure, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workers", type=int, default=64)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--redis", default=None, help="the address of a Redis, instead of a file")
    asked_for = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        place = asked_for.redis or str(Path(directory) / "store.sqlite")
        context = get_context("fork")
        ends = [context.Pipe() for _ in range(asked_for.workers)]
        children = [
            context.Process(target=work, args=(place, number, asked_for.seconds, end[1]))
            for number, end in enumerate(ends)
        ]
        for child in children:
            child.start()
        told_ = [end[0].recv() for end in ends]
        for child in children:
            child.join()
        each = [seconds for used, _ in told_ for seconds in used[1:]]
        means = [statistics.mean(used[1:]) for used, _ in told_]
        notes = {note for _, some in told_ for note in some}
        print(f"{asked_for.workers} workers, {asked_for.seconds} s, {'Redis' if asked_for.redis else 'a file'}")
        print(
            f"CPU a second and worker: {statistics.mean(means) * 1000:.2f} ms, of the busiest {max(means) * 1000:.2f} ms"
        )
        print(
            f"a flush: median {statistics.median(each) * 1000:.2f} ms, 99 % {sorted(each)[int(len(each) * 0.99)] * 1000:.2f} ms"
        )
        print(f"notes: {'; '.join(sorted(notes)) or 'none'}")
        store = open_store(Settings.load({"store": place, "service": "bench"}, environ={}))
        asked(store, asked_for.workers)
        if not asked_for.redis:
            size = sum(path.stat().st_size for path in Path(directory).iterdir())
            print(f"size: {size / 1e6:.1f} MB")
        store.close()


if __name__ == "__main__":
    main()
