"""waitress: one process, one loop in the main thread that has all connections (`waitress/server.py`).

Nothing starts it again, so somebody has to have declared that something outside does; and where that holds the
listening socket and passes it on, connections wait in it meanwhile.
"""

import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from memguard.recycling.servers.looking import lacking, local_of_main, modules_of
from memguard.recycling.servers.protocol import Replacing, Server

MODULE = "waitress.server"
ALONE = (
    "waitress is one process and nothing of it starts a replacement; declare with `supervised=True` that systemd or a "
    "container does"
)


def detect() -> Server | None:
    """Return the server `waitress`, or None where the main thread does not serve by it."""
    if MODULE not in sys.modules:
        return None
    running = local_of_main(MODULE, "run", "self")
    return Waitress(running) if running is not None else None


class Waitress:
    """A running waitress server, of one listening socket or of several."""

    name = "waitress"
    workers = 1
    leaves_with_its_unit = False
    closes_by_header = False

    def __init__(self, running: Any) -> None:
        self._running = running

    @property
    def keeps_listening(self) -> bool:
        """Whether the sockets were passed on by who started the process, and so are open there too."""
        return bool(getattr(getattr(self._running, "adj", None), "sockets", None))

    def replacing(self) -> Replacing:
        """Return nobody: it has no supervisor of its own."""
        return ""

    def refusal(self, *, supervised: bool) -> str:
        """Return why not: nothing would start it again, or it is not built as expected."""
        wrong = self._lacking()
        return wrong or ("" if supervised else ALONE)

    def _lacking(self) -> str:
        running = self._running
        wrong = lacking("waitress's configuration", getattr(running, "adj", None), sockets=list)
        if wrong or not isinstance(self._map(), dict):
            return wrong or lacking("waitress's server", running, map=dict)
        servers = self._servers()
        for server in servers:
            wrong = (
                lacking("waitress's server", server, accepting=bool, active_channels=dict)
                or lacking("waitress's trigger", getattr(server, "trigger", None), "pull_trigger")
                or lacking("waitress's channel", getattr(server, "channel_class", None), "task_class")
            )
            if wrong:
                return wrong
        return "" if servers else "memguard finds no listening socket of waitress's"

    def stop_accepting(self) -> None:
        """Take no new connections, and let each later response close its own."""
        for server in self._servers():
            self._in_its_loop(partial(_stop, server))

    def connections(self) -> int:
        """Return how many are open."""
        return sum(len(server.active_channels) for server in self._servers())

    def leave(self) -> None:
        """Let the loop end for want of anything to look at; the process then ends in order."""
        self._in_its_loop(self._map().clear)

    def _in_its_loop(self, call: Callable[[], object]) -> None:
        self._servers()[0].trigger.pull_trigger(call)

    def _map(self) -> Any:
        return getattr(self._running, "_map", None) or getattr(self._running, "map", None)

    def _servers(self) -> list[Any]:
        return [each for each in tuple(self._map().values()) if MODULE in modules_of(each)]


def _stop(server: Any) -> None:
    server.accepting = False
    for channel in tuple(server.active_channels.values()):
        channel.task_class = _closing(channel.task_class)


def _closing(task_class: Any) -> Any:
    """Return a task that takes its request as one that asks to close the connection after it.

    An application cannot say so: a `Connection` header of its own is an error to waitress.
    """

    def make(channel: Any, request: Any) -> Any:
        request.headers["CONNECTION"] = "close"
        return task_class(channel, request)

    return make
