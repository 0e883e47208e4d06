"""The load: a seeded random mix of operations, paced, in bursts of as many requests as there are clients."""

import http.client
import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect

from tests.zoo.truth import Truth

CLIENTS = 4
SECONDS_PER_REQUEST = 30.0
SOCKETS = 12
SOCKET_SECONDS = 1.5

Send = Callable[["Event"], None]


@dataclass(frozen=True, slots=True)
class Event:
    """One request or task to send, `due` seconds after the start."""

    due: float
    truth: Truth
    ask: str


def plan(truths: Sequence[Truth], seconds: float, seed: int) -> Iterator[Event]:
    """Yield what to send, in the order of its due time; the same for the same seed."""
    chance = random.Random(seed)
    numbers = itertools.count(1)
    sent: Counter[str] = Counter()
    due = 0.0
    while due < seconds:
        open_ones = [truth for truth in truths if truth.most is None or sent[truth.name] < truth.most]
        if not open_ones:
            return
        rates = [truth.per_second for truth in open_ones]
        for truth in chance.choices(open_ones, rates, k=CLIENTS):
            sent[truth.name] += 1
            yield Event(due, truth, chance.choice(truth.ask).replace("{n}", str(next(numbers))))
        due += CLIENTS / sum(rates)


class Traffic:
    """Sends what a plan says from a few threads, and counts it.

    Attributes:
        sent: How often each operation was sent.
        failures: What went wrong that is not an answer of the application, the first few.
    """

    def __init__(self, events: Iterator[Event], senders: Sequence[Send]) -> None:
        self.sent: Counter[str] = Counter()
        self.failures: list[str] = []
        self._events = events
        self._lock = threading.Lock()
        self._threads = [threading.Thread(target=self._run, args=(send,), daemon=True) for send in senders]
        self._begun = 0.0

    def start(self) -> None:
        """Begin to send."""
        self._begun = time.monotonic()
        for thread in self._threads:
            thread.start()

    @property
    def running(self) -> bool:
        """Something is still to be sent."""
        return any(thread.is_alive() for thread in self._threads)

    def _run(self, send: Send) -> None:
        while True:
            with self._lock:
                event = next(self._events, None)
            if event is None:
                return
            time.sleep(max(0.0, self._begun + event.due - time.monotonic()))
            try:
                send(event)
            except Exception as error:
                with self._lock:
                    self.failures[10:] = []
                    self.failures.append(f"{event.truth.name}: {error!r}")
            with self._lock:
                self.sent[event.truth.name] += 1


class Client:
    """Asks a web server over a connection that it keeps, and leaves websockets to threads of their own."""

    def __init__(self, port: int, sockets: ThreadPoolExecutor) -> None:
        self._port = port
        self._sockets = sockets
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=SECONDS_PER_REQUEST)

    def __call__(self, event: Event) -> None:
        if event.truth.kind == "websocket":
            self._sockets.submit(_visit, f"ws://127.0.0.1:{self._port}{event.ask}", stays="while" in event.truth.name)
            return
        try:
            self._ask(event.ask)
        except (OSError, http.client.HTTPException):
            # A server drops the connection on which an application has raised, or that idled for too long.
            self._connection.close()
            self._ask(event.ask)

    def _ask(self, path: str) -> None:
        self._connection.request("GET", path, headers={"User-Agent": "zoo"})
        response = self._connection.getresponse()
        response.read()
        if response.status not in (200, 500):
            raise ValueError(f"{path} answered {response.status}")
        if response.status == 500:
            self._connection.close()


def _visit(url: str, *, stays: bool) -> None:
    with connect(url, open_timeout=SECONDS_PER_REQUEST) as socket:
        if stays:
            socket.send("here")
            socket.recv()
            time.sleep(SOCKET_SECONDS)
        else:
            try:
                while True:
                    socket.recv()
            except ConnectionClosed:
                return
