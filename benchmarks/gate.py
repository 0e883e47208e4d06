"""How often a trial of the pytest plugin judges wrongly: `python benchmarks/gate.py --runs 1000`.

Each run is a whole trial, of an innocent callable and of a leaking one in turn, as different as they come: a cache that
fills and stays full, garbage, threads, text that is thrown away; objects, text, entries and bytes that are kept.
"""

import argparse
import collections
import itertools
import sys
import threading
from collections.abc import Callable
from typing import Any

from memguard.trials.limits import Limits
from memguard.trials.trial import Trial

numbers = itertools.count()
orders: dict[int, Any] = {}
names: set[str] = set()
nothing: list[None] = []


class Order:
    """Refers to something."""

    def __init__(self) -> None:
        self.lines = ["line"] * 5
        self.itself: Order | None = None


full: "collections.OrderedDict[int, Order]" = collections.OrderedDict((-each, Order()) for each in range(1, 500))


def cache() -> None:
    """Replace an entry of a full cache."""
    full[next(numbers)] = Order()
    full.popitem(last=False)


def garbage() -> None:
    """Leave a cycle to the collector."""
    order = Order()
    order.itself = order


def thread() -> None:
    """Start a thread and wait for it."""
    started = threading.Thread(target=garbage)
    started.start()
    started.join()


def text() -> None:
    """Make text and throw it away."""
    "".join(f"visitor {each}" for each in range(200)).upper()


def keep_object() -> None:
    """Keep an object and its list."""
    orders[next(numbers)] = Order()


def keep_text() -> None:
    """Keep a text."""
    names.add(f"visitor {next(numbers)} " * 5)


def keep_entry() -> None:
    """Keep an entry that is no object."""
    nothing.append(None)


INNOCENT: list[Callable[[], None]] = [cache, garbage, thread, text]
LEAKING: list[Callable[[], None]] = [keep_object, keep_text, keep_entry]


def is_accused(call: Callable[[], None]) -> bool:
    """Try one callable."""
    trial = Trial(Limits(), call.__name__)
    for _ in trial.runs():
        call()
    for kept in (orders, names, nothing):
        kept.clear()
    return not trial.outcome.is_good


def main() -> int:
    """Try them in turn; return 1 if any was judged wrongly."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=100, help="trials of each sort")
    runs: int = parser.parse_args().runs
    wrong: collections.Counter[str] = collections.Counter()
    for number in range(runs):
        for calls, expected in ((INNOCENT, False), (LEAKING, True)):
            call = calls[number % len(calls)]
            if is_accused(call) != expected:
                wrong[call.__name__] += 1
    print(f"{runs} trials of innocent callables, {runs} of leaking ones; judged wrongly: {dict(wrong) or 'none'}")
    return bool(wrong)


if __name__ == "__main__":
    sys.exit(main())
