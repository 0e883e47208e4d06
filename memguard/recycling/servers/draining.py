"""What servers on asyncio and uvloop share: listeners that take nothing more, and connections counted by their loop."""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import asyncio  # 1.4 MB, for a worker of gunicorn's that has no loop

SECONDS_BETWEEN_COUNTS = 0.05
COUNTS_BEFORE_THE_FIRST = 2


class Drain:
    """Stops the listeners of an event loop, and counts what is open, in the loop; to be used from any thread.

    asyncio's `Server.close` drops connections that were accepted and are not attached to their protocol yet (measured,
    docs/recycling.md). So the loop is told not to look at its listening sockets any more, and they stay open.
    uvloop accepts and attaches in one go, and its sockets are not the loop's to forget: there they are closed.
    """

    def __init__(self, loop: "asyncio.AbstractEventLoop", count: Callable[[], int]) -> None:
        self._loop = loop
        self._count = count
        self._rounds = 0
        self._open = 1

    @property
    def open(self) -> int:
        """How many connections were open at the last count; 1 at least until the listeners have settled."""
        return self._open

    def stop_accepting(self, servers: Iterable[Any]) -> None:
        """Let the `asyncio.Server`s of the loop take nothing more."""
        self._loop.call_soon_threadsafe(self._stop, tuple(servers))

    def _stop(self, servers: tuple[Any, ...]) -> None:
        import asyncio

        for server in servers:
            if isinstance(self._loop, asyncio.BaseEventLoop):
                for listening in server.sockets:
                    self._loop.remove_reader(listening.fileno())
            else:
                server.close()
        self._look()

    def _look(self) -> None:
        self._rounds += 1
        if self._rounds > COUNTS_BEFORE_THE_FIRST:
            self._open = self._count() + _being_accepted(self._loop)
        self._loop.call_later(SECONDS_BETWEEN_COUNTS, self._look)


def _being_accepted(loop: "asyncio.AbstractEventLoop") -> int:
    """Return how many connections asyncio has accepted and not yet given to the server."""
    import asyncio

    return sum(
        getattr(task.get_coro(), "__qualname__", "").endswith("._accept_connection2")
        for task in asyncio.all_tasks(loop)
    )
