"""Wrong bearer tokens: how many of them a process hears before it listens no more, for a while.

Each process counts for itself and in memory: it is asked on the way of every request to the endpoint, where nothing may
wait for a store. The same wrong token counts once, so that a scraper with an old one shuts nobody out.
"""

import time
from collections.abc import Callable

from memguard.safety import log
from memguard.store import Limit

GUESSES = Limit(seconds=300.0, of_one=20, of_all=100)
"""Different wrong tokens from one address, and from all of them."""
UNKNOWN_PEER = "unknown"


class Guesses:
    """What was guessed lately.

    Args:
        limit: How much of it is heard.
        clock: Seconds that only grow.
    """

    def __init__(self, limit: Limit = GUESSES, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit = limit
        self._clock = clock
        self.forget()

    def forget(self) -> None:
        """Begin anew."""
        self._wrong: dict[tuple[str, int], float] = {}
        self._right: dict[str, float] = {}

    def are_too_many(self, peer: str | None) -> bool:
        """Tell whether a token from an address is not looked at, right or wrong.

        Guesses from elsewhere do not shut out an address from which the right one came lately.
        """
        if not self._wrong:
            return False
        oldest, of = self._clock() - self._limit.seconds, peer or UNKNOWN_PEER
        if any(at < oldest for at in tuple(self._wrong.values())):
            self._wrong = {key: at for key, at in tuple(self._wrong.items()) if at >= oldest}
        of_one = sum(other == of for other, _ in tuple(self._wrong))
        is_known = self._right.get(of, oldest - 1.0) >= oldest
        return of_one >= self._limit.of_one or (len(self._wrong) >= self._limit.of_all and not is_known)

    def note(self, peer: str | None, shown: str, *, right: bool) -> None:
        """Remember what was shown, of a wrong token no more than that it was another one."""
        of, now = peer or UNKNOWN_PEER, self._clock()
        if right:
            if len(self._right) >= self._limit.of_all and of not in self._right:
                self._right.pop(next(iter(self._right)), None)
            self._right[of] = now
        elif len(self._wrong) < 2 * self._limit.of_all:
            self._wrong.setdefault((of, hash(shown)), now)
            if self.are_too_many(of):
                log.warning(
                    "memguard: too many wrong tokens from %s: for %.0f minutes none from there is looked at",
                    of, self._limit.seconds / 60,
                )  # fmt: skip
