"""How a worker leaves once that is decided: it drains where its server has to, and takes the server's own exit."""

import time
from collections.abc import Callable
from dataclasses import dataclass

from memguard.recycling.servers import Server

SECONDS_BETWEEN_LOOKS = 0.02


@dataclass(frozen=True, slots=True)
class Drained:
    """What a drain came to: how many connections were still open when it ended, and the seconds that it took."""

    left: int
    seconds: float


def drain(server: Server, timeout: float, is_over: Callable[[], bool] = lambda: False) -> Drained:
    """Have the server take no new connections, and wait until those that are open have ended, but no longer.

    Whatever is left after the timeout is the server's: its own grace is for it.

    Args:
        server: What runs this process.
        timeout: Seconds to wait at most.
        is_over: Tells that there is nothing to wait for any more: the process ends in another way.
    """
    started = time.monotonic()
    server.stop_accepting()
    while (left := server.connections()) > 0 and not is_over() and time.monotonic() - started < timeout:
        time.sleep(SECONDS_BETWEEN_LOOKS)  # by its name: gevent may have patched it meanwhile
    return Drained(left, round(time.monotonic() - started, 3))
