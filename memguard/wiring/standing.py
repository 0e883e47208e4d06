"""Where this process's guard stands, with a lock that a forked child makes anew."""

from threading import Lock
from typing import TYPE_CHECKING

from memguard.forking import reset_in_child

if TYPE_CHECKING:
    from memguard.wiring.guard import Guard


class Standing:
    """One per process.

    Attributes:
        guard: The guard, None before the first and after its close.
        lock: Held while it is made.
    """

    def __init__(self) -> None:
        self.guard: Guard | None = None
        self.lock = Lock()
        reset_in_child(self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        self.lock = Lock()
