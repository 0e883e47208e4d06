"""What every store can do, wherever it keeps what it is told."""

from collections.abc import Sequence
from math import inf
from typing import Protocol

from memguard.commands import Command
from memguard.model import Event, Flush, Stored, TimelinePoint, UnitRecord, WorkerId
from memguard.snapshots import Kept, Snapshot
from memguard.store.attempts import Limit


class Store(Protocol):
    """Where workers write once a second and the dashboard reads. Any thread may call any method."""

    @property
    def place(self) -> str:
        """The path of the file, or `:memory:`."""

    @property
    def notes(self) -> tuple[str, ...]:
        """Sentences for a person about what does not work, empty while everything does."""

    def flush(self, flush: Flush) -> None:
        """Write all that a worker has to tell."""

    def read(self, *, folded: bool = False) -> Stored:
        """Return all that is kept of the service.

        Folded, operations that nobody accuses or ever did may come as one row for each verdict, with the sums of all
        workers: of the worker that counted last. Findings that many workers tell may come without their evidence from
        all but some: no sites, no types, a holder that has no chain.
        """

    def count_workers(self, since: float) -> int:
        """Return how many workers have told something after a moment."""

    def timeline(
        self, *, since: float = 0.0, until: float = inf, step: float | None = None, limit: int = 1000
    ) -> list[tuple[WorkerId, TimelinePoint]]:
        """Return the newest points after `since` and not after `until`, oldest first.

        With a step (seconds) there is one for each worker and step: at its begin, with the highest figures in it.
        """

    def events(self, *, since: float = 0.0, until: float = inf, limit: int = 1000) -> list[tuple[WorkerId, Event]]:
        """Return the newest events after `since` and not after `until`, oldest first."""

    def units(
        self, *, since: float = 0.0, limit: int = 1000, operation: str | None = None
    ) -> list[tuple[WorkerId, UnitRecord]]:
        """Return the newest units that ended after `since`, oldest first; of one operation's name where it is given."""

    def add_commands(self, commands: Sequence[Command]) -> None:
        """Ask workers to do something."""

    def take_commands(self, worker: WorkerId, now: float) -> list[Command]:
        """Return what waits for a worker, oldest first; from then on it is running. Cheap enough for every second."""

    def update_command(self, command: Command) -> None:
        """Say what has become of a command."""

    def commands(self, *, limit: int = 200) -> list[Command]:
        """Return the newest commands, newest first, in the state that was last told: see `state_at`."""

    def add_snapshot(self, worker: WorkerId, snapshot: Snapshot) -> None:
        """Keep a worker's latest snapshot."""

    def snapshots(self) -> list[tuple[WorkerId, Snapshot]]:
        """Return the latest snapshot of each worker, newest first."""

    def add_allocations(self, worker: WorkerId, kept: Kept, body: bytes, *, most: int) -> None:
        """Keep a worker's snapshot of allocations, and so many of its own at most."""

    def allocations(self) -> list[tuple[WorkerId, Kept]]:
        """Return what is said of the snapshots of allocations, newest first."""

    def allocations_of(self, name: str) -> bytes | None:
        """Return one of them as `allocations.packed` made it, None where it is not there."""

    def allow_login(self, peer: str, now: float, limit: Limit) -> bool:
        """Note an attempt to log in and return True, unless all workers together saw too many."""

    def forget_logins(self, peer: str) -> None:
        """Forget the attempts from an address: one of them was right."""

    def close(self) -> None:
        """Close what this process has open; the next use opens it again."""
