"""A server that nobody knows: `python -m tests.recycle.another PORT`."""

import socket
import sys

from tests.recycle.asked import wsgi


def main(port: int) -> None:
    """Answer one request after the other, closing each connection."""
    with socket.create_server(("127.0.0.1", port)) as listening:
        while True:
            connection, _ = listening.accept()
            with connection:
                connection.recv(1 << 16)
                connection.sendall(b"HTTP/1.0 200 OK\r\n\r\n" + b"".join(wsgi({}, lambda *_: None)))


main(int(sys.argv[1]))
