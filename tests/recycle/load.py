"""The load under which workers are replaced: clients of every habit at full speed, and everything that was lost."""

import itertools
import random
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field

from websockets.exceptions import ConnectionClosed, InvalidHandshake
from websockets.sync.client import ClientConnection, connect

from tests.recycle import menu
from tests.recycle.exchange import FRESH, REFUSED, STALE, TRUNCATED, Connection, LostError

KEEPING, RENEWING, IDLING = 4, 4, 4
"""Clients at full speed that keep their connection, those that take a new one each time, and mostly idle ones."""
IDLE_SECONDS = (0.05, 0.6)
SERVICE_RESTART = 1012
WRONG, DROPPED = "wrong answer", "websocket dropped"
LOSSES = (FRESH, STALE, TRUNCATED, REFUSED, WRONG, DROPPED)


@dataclass
class Outcome:
    """What a load met.

    Attributes:
        requests: How many requests had the right answer.
        pids: How many answers each process gave.
        lost: How often each of `LOSSES` happened; one that a client mended by asking again is among them.
        sample: The first few losses in words.
        websockets: How many websocket sessions were ended by the server with 1012, service restart.
        slowest: Seconds that the slowest request took beyond what it was asked to take.
        answered: When the latest right answer came, of a clock that only grows.
        gap: The most seconds in which no client at all had a right answer.
    """

    requests: int = 0
    pids: Counter[int] = field(default_factory=Counter)
    lost: Counter[str] = field(default_factory=Counter)
    sample: list[str] = field(default_factory=list)
    websockets: int = 0
    slowest: float = 0.0
    answered: float = field(default_factory=time.monotonic)
    gap: float = 0.0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def right(self, pid: int, seconds: float) -> None:
        """Count a right answer."""
        with self.lock:
            self.requests += 1
            self.pids[pid] += 1
            self.slowest = max(self.slowest, seconds)
            now = time.monotonic()
            self.gap, self.answered = max(self.gap, now - self.answered), now

    def loss(self, kind: str, words: str) -> None:
        """Count something that was lost."""
        with self.lock:
            self.lost[kind] += 1
            if len(self.sample) < 10:
                self.sample.append(f"{kind}: {words}")


class Load:
    """Clients of a server on a port, until they are told to stop; a context manager that waits for their end."""

    def __init__(self, port: int, *, websocket: bool, seed: int = 1) -> None:
        self.outcome = Outcome()
        self._port = port
        self._stopped = threading.Event()
        jobs = [*[self._keep] * KEEPING, *[self._renew] * RENEWING, *[self._idle] * IDLING, self._stream]
        jobs += [self._talk, self._listen] * websocket
        self._threads = [threading.Thread(target=job, args=(seed * 100 + number,)) for number, job in enumerate(jobs)]

    def __enter__(self) -> Outcome:
        for thread in self._threads:
            thread.start()
        return self.outcome

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        for thread in self._threads:
            thread.join()

    def _keep(self, seed: int) -> None:
        connection = Connection(self._port)
        for request in self._requests(seed):
            self._ask(connection, request, keep=True)
        connection.close()

    def _renew(self, seed: int) -> None:
        for request in self._requests(seed):
            connection = Connection(self._port)
            self._ask(connection, request, keep=False)
            connection.close()

    def _idle(self, seed: int) -> None:
        rest = random.Random(seed)
        connection = Connection(self._port)
        while not self._stopped.wait(rest.uniform(*IDLE_SECONDS)):
            self._ask(connection, "/", keep=True)
        connection.close()

    def _stream(self, _: int) -> None:
        connection = Connection(self._port)
        while not self._stopped.is_set():
            self._ask(connection, "/stream", keep=True)
        connection.close()

    def _requests(self, seed: int) -> Iterator[str]:
        """Yield 85 small ones in a hundred, 10 slow ones, 5 with a large body, in the same order each time."""
        order = random.Random(seed)
        for _ in itertools.count():
            if self._stopped.is_set():
                return
            yield order.choices(("/", "/slow", "/post"), (85, 10, 5))[0]

    def _ask(self, connection: Connection, path: str, *, keep: bool) -> None:
        request = REQUESTS[path] if keep else REQUESTS[path].replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n", 1)
        started = time.monotonic()
        for _ in range(2):
            try:
                answer = connection.ask(request, keep=keep)
            except LostError as lost:
                (kind,) = lost.args
                self.outcome.loss(kind, f"{path}, {'kept' if keep else 'new'} connection")
                if kind == STALE:
                    continue  # as every client of a pool does, once
                return
            if answer.status != 200 or answer.body != BODIES[path]:
                self.outcome.loss(WRONG, f"{path}: {answer.status} {answer.body[:200]!r}")
            else:
                self.outcome.right(int(answer.headers["x-pid"]), time.monotonic() - started - SECONDS.get(path, 0.0))
            return

    def _talk(self, _: int) -> None:
        self._sessions(self._chat)

    def _listen(self, _: int) -> None:
        self._sessions(self._wait)

    def _sessions(self, live: Callable[[ClientConnection], None]) -> None:
        while not self._stopped.is_set():
            try:
                with connect(f"ws://127.0.0.1:{self._port}/socket", open_timeout=30, close_timeout=5) as session:
                    live(session)
            except ConnectionClosed as closed:
                if closed.rcvd is not None and closed.rcvd.code == SERVICE_RESTART:
                    with self.outcome.lock:
                        self.outcome.websockets += 1
                else:
                    self.outcome.loss(DROPPED, f"{closed!r}")
            except (OSError, InvalidHandshake, TimeoutError) as error:
                self.outcome.loss(DROPPED, f"while it opened: {error!r}")

    def _chat(self, session: ClientConnection) -> None:
        for number in itertools.count():
            if self._stopped.wait(0.05):
                return
            session.send(f"{number}")
            pid, _, text = str(session.recv(timeout=30)).partition(" ")
            if text != str(number) or not pid.isdigit():
                self.outcome.loss(WRONG, f"websocket: {pid} {text}")

    def _wait(self, session: ClientConnection) -> None:
        """Say nothing, as most clients do that are there to be told something."""
        while not self._stopped.is_set():
            with suppress(TimeoutError):
                session.recv(timeout=1)


def _request(method: str, path: str, body: bytes = b"") -> bytes:
    length = f"Content-Length: {len(body)}\r\n" if body else ""
    return f"{method} {path} HTTP/1.1\r\nHost: localhost\r\n{length}\r\n".encode() + body


REQUESTS = {
    "/": _request("GET", "/"),
    "/slow": _request("GET", "/slow"),
    "/post": _request("POST", "/post", menu.POSTED),
    "/stream": _request("GET", "/stream"),
}
BODIES = {
    "/": menu.SMALL,
    "/slow": menu.SMALL,
    "/post": str(len(menu.POSTED)).encode(),
    "/stream": menu.CHUNK * menu.STREAM_CHUNKS,
}
SECONDS = {"/slow": menu.SLOW_SECONDS, "/stream": menu.STREAM_SECONDS}
