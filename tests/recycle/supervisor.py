"""A supervisor of one process, as systemd with socket activation is: it holds the listening socket and passes it on.

`python -m tests.recycle.supervisor PORT COMMAND…`: `FD` in the command becomes the number of the descriptor.
"""

import signal
import socket
import subprocess
import sys
from types import FrameType

SECONDS_TO_STOP = 8


def main(port: int, command: list[str]) -> None:
    """Start the command whenever it has ended in order; end with it when told to, or when it fails."""
    listening = socket.create_server(("127.0.0.1", port), backlog=2048)
    listening.set_inheritable(True)
    number = listening.fileno()
    is_over = False

    def stop(_signal: int, _frame: FrameType | None) -> None:
        nonlocal is_over
        is_over = True
        if child is not None:
            child.terminate()

    child: subprocess.Popen[bytes] | None = None
    signal.signal(signal.SIGTERM, stop)
    while not is_over:
        child = subprocess.Popen([part.replace("FD", str(number)) for part in command], pass_fds=[number])
        code = child.wait()
        if code not in {0, -signal.SIGTERM}:
            sys.exit(f"the server ended with {code}")


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2:])
