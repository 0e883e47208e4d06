"""A server that is not asked for anything, with the reason."""

from dataclasses import dataclass

from memguard.recycling.servers.protocol import Replacing

UNKNOWN = "unknown"
NOT_RECOGNISED = (
    "memguard does not recognise the server that runs this process, so it asks it for nothing and reports only; "
    "a callable given as the setting `recycle` can ask it instead"
)


@dataclass(frozen=True, slots=True)
class Refusing:
    """A server of which memguard only reports.

    Attributes:
        name: What the report calls it.
        reason: Why it is not asked to replace this worker, in words for a person.
    """

    name: str = UNKNOWN
    reason: str = NOT_RECOGNISED
    workers: int | None = None
    keeps_listening: bool = False
    leaves_with_its_unit: bool = False
    closes_by_header: bool = False

    def replacing(self) -> Replacing:
        """Return nobody: nothing is known of its supervisor."""
        return ""

    def refusal(self, *, supervised: bool) -> str:  # noqa: ARG002 - nothing that is declared makes it known
        """Return the reason."""
        return self.reason

    def stop_accepting(self) -> None:
        """Do nothing: nothing is asked of a server on a guess."""

    def connections(self) -> int:
        """Return 0: nothing is known of them."""
        return 0

    def leave(self) -> None:
        """Do nothing: nothing is signalled on a guess."""
