"""One HTTP/1.1 exchange over a plain socket, so that every way in which it can fail has a name of its own."""

import contextlib
import select
import socket
from dataclasses import dataclass

SECONDS = 30.0

REFUSED, FRESH, STALE, TRUNCATED = "refused", "reset", "stale", "truncated"


class LostError(Exception):
    """A request had no whole answer; the argument is the kind of loss.

    `refused`: no connection. `reset`: nothing came back on a new connection. `stale`: nothing came back on one that had
    been used before. `truncated`: the answer began and did not end.
    """


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes


class Connection:
    """A client's connection, opened when it is needed; like urllib3 it is not used again once the server has closed it."""

    def __init__(self, port: int) -> None:
        self._port = port
        self._socket: socket.socket | None = None
        self._received = b""
        self._is_fresh = True

    def ask(self, request: bytes, *, keep: bool) -> Answer:
        """Send a request and return its answer.

        Args:
            request: The request, head and body.
            keep: Leave the connection open afterwards, unless the server said that it closes it.

        Raises:
            LostError: There was none.
        """
        connection = self._open()
        self._received = b""
        try:
            connection.sendall(request)
            head = self._until(b"\r\n\r\n")
            answer = self._read(head)
        except OSError:
            kind = TRUNCATED if self._received else FRESH if self._is_fresh else STALE
            self.close()
            raise LostError(kind) from None
        self._is_fresh = False
        if not keep or answer.headers.get("connection", "").lower() == "close":
            self.close()
        return answer

    def close(self) -> None:
        """Close it; the next request opens another."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _open(self) -> socket.socket:
        if self._socket is not None and select.select([self._socket], [], [], 0)[0]:
            self.close()  # nothing is due, so what can be read is the end
        if self._socket is None:
            try:
                self._socket = socket.create_connection(("127.0.0.1", self._port), SECONDS)
            except OSError:
                raise LostError(REFUSED) from None
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._is_fresh = True
        return self._socket

    def _more(self) -> None:
        assert self._socket is not None
        data = self._socket.recv(1 << 16)
        if not data:
            raise ConnectionResetError
        self._received += data

    def _until(self, end: bytes, start: int = 0) -> bytes:
        while (found := self._received.find(end, start)) < 0:
            self._more()
        return self._received[start : found + len(end)]

    def _read(self, head: bytes) -> Answer:
        lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): text.strip() for name, _, text in (line.partition(":") for line in lines[1:] if line)}
        start = len(head)
        if headers.get("transfer-encoding", "").lower() == "chunked":
            body = self._chunks(start)
        elif "content-length" in headers:
            length = int(headers["content-length"])
            while len(self._received) < start + length:
                self._more()
            body = self._received[start : start + length]
        else:
            body = self._rest(start)
        return Answer(int(lines[0].split(" ")[1]), headers, body)

    def _chunks(self, start: int) -> bytes:
        body = b""
        while True:
            line = self._until(b"\r\n", start)
            size = int(line.split(b";")[0], 16)
            start += len(line)
            while len(self._received) < start + size + 2:
                self._more()
            if size == 0:
                return body
            body += self._received[start : start + size]
            start += size + 2

    def _rest(self, start: int) -> bytes:
        with contextlib.suppress(ConnectionResetError):
            while True:
                self._more()
        return self._received[start:]
