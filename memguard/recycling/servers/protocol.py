"""What recycling asks of a server: who it is, whether it can let this worker go, and how.

One file a server implements it. Every attribute of a server's that is not documented is tested for before it is used;
what is not as expected makes `refusal` say so, and the worker reports instead of leaving.
"""

from typing import Literal, Protocol

Replacing = Literal["", "others", "this"]
"""Whose replacement is under way: nobody's, other workers', or this worker's, among others."""


class Server(Protocol):
    """The server of this process, found once it serves; of no use in another process, and made anew after a fork.

    Its methods may be called from any thread, and return at once. None of them raises for a reason that `refusal`
    could have told.
    """

    @property
    def name(self) -> str:
        """What the report calls it, like `gunicorn-gthread`."""

    @property
    def workers(self) -> int | None:
        """How many serving processes the supervisor keeps up; None where that cannot be known."""

    @property
    def keeps_listening(self) -> bool:
        """Whether connections that come while this worker is away wait for its replacement instead of being refused."""

    @property
    def leaves_with_its_unit(self) -> bool:
        """Whether `leave` belongs into the end of a unit, in its thread; else it follows a drain, from any thread."""

    @property
    def closes_by_header(self) -> bool:
        """Whether a WSGI response may say `Connection: close`, against PEP 3333, for want of another way to close it."""

    def replacing(self) -> Replacing:
        """Tell whether the supervisor is replacing workers, though it was not asked for this one; in no time."""

    def refusal(self, *, supervised: bool) -> str:
        """Return why this worker cannot be replaced from inside, in words for a person; empty where it can.

        Args:
            supervised: Whether the operator has declared that something outside starts the process again.
        """

    def stop_accepting(self) -> None:
        """Begin to drain: take no new connections, and let each later response close its own, where that is up to it."""

    def connections(self) -> int:
        """Return how many connections are still open here; 0 ends the drain."""

    def leave(self) -> None:
        """Take the server's own graceful exit; its supervisor starts the replacement."""
