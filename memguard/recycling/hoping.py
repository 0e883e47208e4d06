"""When it is worth trying to give memory back before a worker leaves: a pure policy, without a clock."""

from dataclasses import dataclass
from typing import Literal

SECONDS_BETWEEN_RELIEFS = 60.0
RELIEF_WORTH = 0.1
"""Relief that gave back this share of what was used is waited for again; less, and it rests."""
RELIEF_REST_SECONDS = 600.0
IN_HAND_SECONDS = 10.0
"""How long the units that ran while it was tried are waited for: what they held could not be given back."""

Hope = Literal["now", "wait", "none"]


@dataclass(slots=True)
class Hoping:
    """What is to be hoped for of relief, in one worker.

    Attributes:
        again: Relief is tried a second time because units were in hand at the first; its steps do not rest then.
    """

    again: bool = False
    _next: float = 0.0
    _gave: int = 0
    """Bytes that relief can be hoped to give back again, 0 where it was not worth it."""
    _is_under_way: bool = False
    _in_hand: int = 0
    """Number of the latest unit that ran while relief was tried in vain, 0 where none did."""
    _tried_at: float = 0.0

    def of(self, at: float, used: int, limit: int, oldest: int) -> Hope:
        """Return whether relief is to be tried now, to be waited for, or nothing to hope for.

        Args:
            at: Seconds of a clock that only grows.
            used: Bytes that count.
            limit: How many may.
            oldest: Number of the oldest unit in flight, or of the next one.
        """
        if self._is_under_way:
            return "wait"
        if self._in_hand:
            if oldest <= self._in_hand and at - self._tried_at < IN_HAND_SECONDS:
                return "wait"
            self.again, self._in_hand = oldest > self._in_hand, 0
            self._is_under_way = self.again
            return "now" if self.again else "none"
        if at >= self._next:
            self._is_under_way = True
            return "now"
        # Where what it gave back before would be enough again, and it is not due yet, it is waited for.
        return "wait" if used - self._gave <= limit else "none"

    def tried(self, at: float, before: int, after: int, limit: int, in_hand: int) -> None:
        """Relief was tried, between two readings of what is used.

        Args:
            at: When.
            before: Bytes that counted before it.
            after: The same after it.
            limit: How many may.
            in_hand: Number of the latest unit that ran meanwhile, 0 where none did.
        """
        helps = after <= limit and before - after >= RELIEF_WORTH * before
        self._is_under_way = False
        self._gave = before - after if helps else 0
        self._next = at + (SECONDS_BETWEEN_RELIEFS if helps else RELIEF_REST_SECONDS)
        self._in_hand = in_hand if after > limit and not self.again else 0
        self._tried_at = at

    def calm(self) -> None:
        """The worker is below its ceiling again."""
        self.again, self._in_hand = False, 0
