"""Bounded traffic for the demo: requests to the web service and tasks to the consumer, at a steady rate."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import cycle, islice

from example_apps.commands import CELERY

WEB_THREADS = 4
REQUESTS_PER_CONNECTION = 10
SECONDS_PER_REQUEST = 20.0

REQUESTS_A_SECOND = 60.0
TASKS_A_SECOND = 40.0
TRICKLE_A_SECOND = 2.0
SECONDS_AT_FULL_RATE = 240.0
TRICKLE_MOST = 10_000
"""What the interactive demo sends after the first minutes is bounded too: over an hour of a trickle."""

# How often each comes around, of about a hundred.
REQUEST_MIX = {"/leak": 40, "/clean": 24, "/bounded_cache": 14, "/cycle": 8, "/stream": 8, "/boom": 5, "/big": 1}
TASK_MIX = {"leak": 45, "clean": 30, "bounded_cache": 14, "cycle": 7, "boom": 2, "retrying": 1, "big": 1}


def evenly(mix: dict[str, int]) -> Iterator[str]:
    """Yield the names for ever, each as often as the mix says, spread evenly and the same in every run."""
    total = sum(mix.values())
    places = sorted((((number + 0.5) * total / count), name) for name, count in mix.items() for number in range(count))
    return cycle([name for _, name in places])


@dataclass(slots=True)
class Pace:
    """When to send what is next: at the full rate at first, then in a trickle, and nothing beyond the bound."""

    rate: float
    full: int
    trickle: int

    def moments(self) -> Iterator[float]:
        """Yield the moment of each sending, in seconds since the first."""
        for number in range(self.full):
            yield number / self.rate
        for number in range(self.trickle):
            yield self.full / self.rate + number / TRICKLE_A_SECOND


class Traffic:
    """Threads that send; `close` ends them.

    Attributes:
        requests, tasks: How many were sent so far.
        failed: How many requests had another answer than they must have, and tasks that could not be sent.
        last_failure: The last of them, in words.
    """

    def __init__(self, port: int, send_task: Callable[[str], object], *, seconds: float, trickle: int) -> None:
        self.requests = 0
        self.tasks = 0
        self.failed = 0
        self.last_failure = ""
        self._port = port
        self._send_task = send_task
        self._lock = threading.Lock()
        self._closed = threading.Event()
        web = Pace(REQUESTS_A_SECOND, int(REQUESTS_A_SECOND * seconds), trickle)
        tasks = Pace(TASKS_A_SECOND, int(TASKS_A_SECOND * seconds), trickle)
        plan = tuple(zip(web.moments(), evenly(REQUEST_MIX), strict=False))
        self._threads = [
            threading.Thread(target=self._request, args=(plan[share::WEB_THREADS],), daemon=True)
            for share in range(WEB_THREADS)
        ]
        task_plan = tuple(zip(tasks.moments(), evenly(TASK_MIX), strict=False))
        self._threads.append(threading.Thread(target=self._tasks, args=(task_plan,), daemon=True))

    def start(self) -> None:
        """Begin to send."""
        for thread in self._threads:
            thread.start()

    @property
    def done(self) -> bool:
        """Whether all that was to be sent was sent."""
        return not any(thread.is_alive() for thread in self._threads)

    def close(self) -> None:
        """Stop sending and wait for the threads."""
        self._closed.set()
        for thread in self._threads:
            if thread.ident is not None:
                thread.join(SECONDS_PER_REQUEST)

    def _paced(self, plan: tuple[tuple[float, str], ...]) -> Iterator[str]:
        begun = time.monotonic()
        for moment, name in plan:
            if self._closed.wait(max(0.0, begun + moment - time.monotonic())):
                return
            yield name

    def _request(self, plan: tuple[tuple[float, str], ...]) -> None:
        names = self._paced(plan)
        while True:
            connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=SECONDS_PER_REQUEST)
            sent = 0
            for path in islice(names, REQUESTS_PER_CONNECTION):
                sent += 1
                try:
                    connection.request("GET", path, headers={"User-Agent": "memguard-demo"})
                    answer = connection.getresponse()
                    answer.read()
                    failure = "" if answer.status == (500 if path == "/boom" else 200) else f"{path}: {answer.status}"
                except (OSError, http.client.HTTPException) as error:
                    failure = f"{path}: {error!r}"
                    connection.close()
                self._count(1, 0, failure)
            connection.close()
            if sent < REQUESTS_PER_CONNECTION:
                return

    def _tasks(self, plan: tuple[tuple[float, str], ...]) -> None:
        for name in self._paced(plan):
            try:
                self._send_task(f"{CELERY}.{name}")
                failure = ""
            except Exception as error:
                failure = f"{name}: {error!r}"
            self._count(0, 1, failure)

    def _count(self, requests: int, tasks: int, failure: str) -> None:
        with self._lock:
            self.requests += requests
            self.tasks += tasks
            if failure and not self._closed.is_set():
                self.failed += 1
                self.last_failure = failure
