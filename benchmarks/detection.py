"""How soon a leak is named for what `overhead_budget` allows, so that a user can choose.

    python benchmarks/detection.py [--budgets 0.002 0.005 0.01 0.02 0.05] [--seconds 300]

For each budget a gunicorn worker (gthread) of its own; all run side by side, each asked by a client that mixes three
leaking routes with a clean one: a route that keeps an object of every request, one of every hundredth, and one that
keeps 100 kB of one in a thousand. What the workers report is read every other second. Told is how many requests of the
route the worker had served when it was said to leak, and how many seconds that took.
"""

import argparse
import random
import threading
import time
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from rounds import save, say
from serving import Web, web

from example_apps.servers import Servers
from memguard.dashboard.report import build
from memguard.model import WorkerId
from memguard.settings import Settings
from memguard.store import open_store

ROUTES = {"/leak": 1, "/rare": 6, "/large": 12, "/json": 1}
"""Weights: the rarer a route leaks, the more often it is asked."""
LEAKING = ("/leak", "/rare", "/large")
SECONDS_BETWEEN_REPORTS = 2.0


def main() -> None:
    """Measure, and keep what was measured."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--budgets", type=float, nargs="+", default=[0.002, 0.005, 0.01, 0.02, 0.05])
    parser.add_argument("--seconds", type=float, default=300.0)
    options = parser.parse_args()
    with Servers() as servers, ExitStack() as running:
        subjects = {
            budget: running.enter_context(
                web(servers, "gunicorn gthread", "watch", 0, MEMGUARD_OVERHEAD_BUDGET=str(budget))
            )
            for budget in options.budgets
        }
        rows = watched(subjects, options.seconds)
    save("detection", {"rows": rows, "seconds": options.seconds})


def watched(subjects: dict[float, Web], seconds: float) -> list[dict[str, Any]]:
    """Load all of them for so long; return for each when each route was named."""
    over = threading.Event()
    failures: list[BaseException] = []

    def load(budget: float, subject: Web) -> None:
        chance = random.Random(f"{budget}")
        try:
            while not over.is_set():
                (path,) = chance.choices(list(ROUTES), list(ROUTES.values()))
                subject.get(path)
        except BaseException as error:
            failures.append(error)
            raise

    threads = [threading.Thread(target=load, args=each) for each in subjects.items()]
    for thread in threads:
        thread.start()
    begun = time.monotonic()
    rows: dict[float, dict[str, Any]] = {budget: {"budget": budget, "named": {}} for budget in subjects}
    while time.monotonic() - begun < seconds and not failures:
        over.wait(SECONDS_BETWEEN_REPORTS)
        for budget, subject in subjects.items():
            _read(rows[budget], subject, time.monotonic() - begun)
        if all(len(row["named"]) == len(LEAKING) for row in rows.values()):
            break
    over.set()
    for thread in threads:
        thread.join()
    assert not failures, failures
    for row in rows.values():
        say(row)
    return list(rows.values())


def _read(row: dict[str, Any], subject: Web, seconds: float) -> None:
    settings = Settings.load({"store": str(Path(subject.log.parent, "store.sqlite")), "service": "bench"}, environ={})
    store = open_store(settings)
    try:
        report = build(store.read(folded=True), service="bench", answered_by=WorkerId("here", 1, 0.0), now=time.time())
    finally:
        store.close()
    row["overhead"] = max((worker["overhead_ratio"] for worker in report["workers"]), default=0.0)
    row["units"] = {each["name"]: each["units"] for each in report["operations"]}
    for each in report["operations"]:
        name = each["name"].removeprefix("GET ")
        if each["verdict"] == "leak" and name not in row["named"]:
            assert name in LEAKING, f"{name} does not leak"
            row["named"][name] = {"units": each["units"], "seconds": seconds, "overhead": row["overhead"]}


if __name__ == "__main__":
    main()
