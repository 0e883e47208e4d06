"""Says whom a new worker has come for."""

import os
from time import time

from memguard.instruments.process import started
from memguard.recycling.coordinator import SUCCESSOR_SECONDS, Coordinator
from memguard.wiring.leaving import Leaving


class Succession:
    """One per process; others of its service may leave once this one has said whom it replaces.

    Attributes:
        is_open: That could not be said yet, because others had the lock: look again.
    """

    def __init__(self, coordinator: Coordinator, leaving: Leaving) -> None:
        self.is_open = True
        self._coordinator, self._leaving = coordinator, leaving
        self._until = time() + SUCCESSOR_SECONDS

    def look(self) -> None:
        """Say it, if that can be had now; after `SUCCESSOR_SECONDS` nobody waits for it any more."""
        now = time()
        replaced = self._coordinator.starts(now, started())
        self.is_open = replaced is None and now < self._until
        for each in replaced or ():
            detail = {"worker": each.pid, "by": os.getpid(), "seconds": round(now - each.at, 1)}
            # The moment before it was said: whatever others do because of it comes later.
            self._leaving.say("replaced", detail, at=now)
