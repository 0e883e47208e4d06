"""`python -m tests.recycle.celery_table`: recycling of Celery workers under a large load, beside what else is done.

Prints a table, row by row, and fails when memguard lost, repeated or failed a task, or replaced too few processes.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from example_apps.servers import ROOT, Servers
from tests.recycle.celery_brokers import rabbitmq, redis
from tests.recycle.celery_by_hand import METHODS
from tests.recycle.celery_load import CEILING_BYTES, POOLS, Mode, Outcome, drive, watched
from tests.recycle.page import merge

SECONDS_PER_RECYCLE = 12.0
OTHERS_TASKS, OTHERS_RECYCLES, OTHERS_SECONDS = 600, 20, 60.0
SPIKE = {"RECYCLE_SPIKE_BYTES": "150000000"}
BROKERS: dict[str, Callable[[Servers, Path], str]] = {"redis": redis, "rabbitmq": rabbitmq}
HEADER = (
    "pool",
    "broker",
    "what replaces processes",
    "tasks",
    "replaced",
    "lost",
    "run twice",
    "failed",
    "left",
    "seconds",
)
MARKS = ("<!-- what `nox -s recycle -- celery --write-docs` has measured -->", "<!-- the end of that -->")
PAGE = ROOT / "docs" / "celery.md"


@dataclass(frozen=True)
class Row:
    """One load. `what` replaces processes; only where it is memguard must nothing be lost."""

    what: str
    mode: Mode
    broker: str
    tasks: int
    recycles: int
    seconds: float

    @property
    def is_ours(self) -> bool:
        """Whether memguard answers for it."""
        return self.mode.is_watched


def ours(pools: list[str], brokers: list[str], tasks: int, recycles: int) -> Iterator[Row]:
    """Yield memguard's rows."""
    for broker in brokers:
        for pool in pools:
            yield Row("memguard, current RSS", watched(pool), broker, tasks, recycles, SECONDS_PER_RECYCLE * recycles)


def others(pools: list[str]) -> Iterator[Row]:
    """Yield what Celery itself does, and what people do by hand."""
    limit = str(CEILING_BYTES // 1024)
    rows = []
    if "prefork" in pools:
        own = Mode("prefork", ("--max-memory-per-child", limit))
        spiky = replace(own, leaks=0, environ=SPIKE)
        rows += [
            ("nothing", Mode("prefork", leaks=0)),
            ("worker_max_memory_per_child (the peak)", own),
            ("the same; no leak, large tasks now and then", spiky),
            ("memguard; no leak, large tasks now and then", replace(watched("prefork", **SPIKE), leaks=0)),
            ("worker_max_tasks_per_child=20", Mode("prefork", ("--max-tasks-per-child", "20"))),
        ]
    rows += [
        (f"{method}, at the end of a task", Mode(pool, environ=_by_hand(method)))
        for pool, methods in (("prefork", list(METHODS)), ("threads", ["SIGTERM to itself", "raise WorkerShutdown"]))
        for method in methods
        if pool in pools
    ]
    for what, mode in rows:
        yield Row(what, mode, "redis", OTHERS_TASKS, OTHERS_RECYCLES if mode.leaks else 0, OTHERS_SECONDS)


def _by_hand(method: str) -> dict[str, str]:
    return {"RECYCLE_BY_HAND": method, "RECYCLE_CEILING": str(CEILING_BYTES)}


def line(row: Row, outcome: Outcome) -> list[str]:
    """Return a row of the table."""
    cells = (
        row.mode.pool, row.broker, row.what, f"{outcome.sent:,}", len(outcome.gone), len(outcome.lost),
        len(outcome.repeated), len(outcome.failed), outcome.left, f"{outcome.seconds:.0f}",
    )  # fmt: skip
    return list(map(str, cells))


def main() -> int:
    """Run it all; return 1 when memguard failed somewhere."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tasks", type=int, default=6000)
    parser.add_argument("--recycles", type=int, default=200)
    parser.add_argument("--pools", nargs="+", default=list(POOLS), choices=POOLS)
    parser.add_argument("--brokers", nargs="*", default=list(BROKERS), choices=BROKERS)
    parser.add_argument("--no-others", action="store_true", help="only memguard")
    parser.add_argument("--write-docs", action="store_true", help="put each row into docs/celery.md once it is there")
    chosen = parser.parse_args()
    rows = [*ours(chosen.pools, chosen.brokers, chosen.tasks, chosen.recycles)]
    rows += [] if chosen.no_others else others(chosen.pools)
    print(f"| {' | '.join(HEADER)} |\n|{' --- |' * len(HEADER)}", flush=True)
    failures = []
    for row in rows:
        with tempfile.TemporaryDirectory() as name, Servers() as servers:
            directory = Path(name)
            backend = redis(servers, directory)
            broker = f"{backend}/0" if row.broker == "redis" else BROKERS[row.broker](servers, directory)
            outcome = drive(
                servers, directory, broker, f"{backend}/1", row.mode, tasks=row.tasks, recycles=row.recycles,
                seconds=row.seconds,
            )  # fmt: skip
        told = line(row, outcome)
        print(f"| {' | '.join(told)} |", flush=True)
        if chosen.write_docs:
            merge(PAGE, MARKS, HEADER, [told], names=HEADER.index("tasks"))
        if row.is_ours and (outcome.losses or len(outcome.gone) < row.recycles):
            failures.append(f"{row.mode.pool} over {row.broker}: {len(outcome.gone)} replaced; {outcome.losses}")
    print(*failures, sep="\n")
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
