"""Requests as an attacker writes them: any path, any header, any body, unchanged by a client's good manners."""

import socket
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

SECONDS = 30.0
CHUNK = 65_536


@dataclass(frozen=True)
class Raw:
    """What came back, as bytes: status, headers in their order without the date, body."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes

    def header(self, name: str) -> str:
        """Return a header's values, joined."""
        return ", ".join(value for key, value in self.headers if key == name)

    @property
    def text(self) -> str:
        """The body as text."""
        return self.body.decode("utf-8", "replace")


def send(
    port: int,
    method: str,
    target: str,
    headers: Iterable[tuple[str, str]] = (),
    body: bytes = b"",
    *,
    host: str | None = None,
) -> Raw:
    """Send a request over a connection of its own, and return the answer; headers are sent as they stand."""
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host or f'127.0.0.1:{port}'}", "Connection: close"]
    lines += [f"{name}: {value}" for name, value in headers]
    if body and not any(name.lower() in {"content-length", "transfer-encoding"} for name, _ in headers):
        lines.append(f"Content-Length: {len(body)}")
    head = "\r\n".join([*lines, "", ""]).encode("utf-8", "surrogateescape")
    return exchange(port, head + body)


def exchange(port: int, sent: bytes) -> Raw:
    """Send bytes, and return what comes until the other end closes."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        with suppress(BrokenPipeError, ConnectionResetError):  # it may answer before it has read all
            connection.sendall(sent)
        received = b""
        while True:
            try:
                piece = connection.recv(CHUNK)
            except ConnectionResetError:
                break
            if not piece:
                break
            received += piece
    return _parsed(received)


def _parsed(received: bytes) -> Raw:
    head, _, body = received.partition(b"\r\n\r\n")
    first, *lines = head.decode("latin-1").split("\r\n")
    fields = [line.partition(":") for line in lines]
    headers = tuple((name.lower(), value.strip()) for name, _, value in fields if name.lower() != "date")
    if ("transfer-encoding", "chunked") in headers:
        body = _joined(body)
    return Raw(int(first.split()[1]) if first else 0, headers, body)


def _joined(chunked: bytes) -> bytes:
    body = b""
    while chunked:
        size, _, rest = chunked.partition(b"\r\n")
        length = int(size.split(b";")[0] or b"0", 16)
        if not length:
            break
        body, chunked = body + rest[:length], rest[length + 2 :]
    return body
