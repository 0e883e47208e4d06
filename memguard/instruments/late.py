"""Late objects: weak references to survivors of past windows, looked at again to see whether they stayed.

A connection kept open, a session with a time limit: such objects survive a window and go some seconds later. A leak
does not. Only instances of classes that allow weak references can be followed; lists and dicts cannot.
"""

import weakref
from collections import deque
from typing import Any

from memguard.instruments.census import type_name
from memguard.model import LateLook, Operation

FOLLOWED_MOST = 256
FOLLOWED_A_WINDOW = 8
SECONDS_UNTIL_LOOK = 5.0


class LateObjects:
    """A bounded set of weak references with the moment from which each may be judged."""

    def __init__(self) -> None:
        self._followed: deque[tuple[float, Operation | None, str, weakref.ref[Any]]] = deque()

    def follow(self, born: list[Any], now: float, operation: Operation | None) -> None:
        """Follow a few of a window's survivors.

        Args:
            born: The survivors.
            now: Seconds of any steady clock.
            operation: Whose they are, None where the window covered several.
        """
        room = min(FOLLOWED_A_WINDOW, FOLLOWED_MOST - len(self._followed))
        for each in reversed(born):
            if room <= 0:
                return
            try:
                reference = weakref.ref(each)
            except TypeError:
                continue
            self._followed.append((now + SECONDS_UNTIL_LOOK, operation, type_name(type(each)), reference))
            room -= 1

    def look(self, now: float) -> tuple[LateLook, ...]:
        """Return how many of those whose time has come are still alive, and follow them no more."""
        seen: dict[tuple[Operation | None, str], list[int]] = {}
        while self._followed and self._followed[0][0] <= now:
            _, operation, name, reference = self._followed.popleft()
            counts = seen.setdefault((operation, name), [0, 0])
            counts[0] += 1
            counts[1] += reference() is not None
        return tuple(LateLook(operation, name, looked, alive) for (operation, name), (looked, alive) in seen.items())
