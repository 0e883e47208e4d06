"""The way of a notice to its channels: tried a few times where the receiver is away, and then given up and said so."""

import logging
from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from memguard.export.alerts.alarm import Notice
from memguard.export.channels import Channel
from memguard.model import Event

log = logging.getLogger("memguard")

PAUSES = (5.0, 30.0, 120.0)
"""Seconds before each further attempt."""
WAITING_MOST = 1_000


@dataclass(slots=True)
class _Letter:
    notice: Notice
    channel: Channel
    due: float
    attempts: int = 0


@dataclass(slots=True)
class Post:
    """Letters that wait; used by one thread.

    Attributes:
        service: Whose alerts they are.
        channels: Who gets each of them.
        clock: Seconds that only go on.
        events: What could not be delivered, for the store; whoever takes them empties the list.
    """

    service: str
    channels: tuple[Channel, ...]
    clock: Callable[[], float]
    events: list[Event] = field(default_factory=list)
    _waiting: "deque[_Letter]" = field(default_factory=deque)

    def take(self, notices: Iterable[Notice]) -> None:
        """Accept notices for all channels. Of too many the oldest are given up."""
        for notice in notices:
            for channel in self.channels:
                self._waiting.append(_Letter(notice, channel, self.clock()))
                if len(self._waiting) > WAITING_MOST:
                    self._give_up(self._waiting.popleft(), "too many alerts waited")

    def deliver(self) -> None:
        """Try what is due."""
        for _ in range(len(self._waiting)):
            letter = self._waiting.popleft()
            if letter.due > self.clock():
                self._waiting.append(letter)
                continue
            try:
                letter.channel.send(letter.notice, self.service)
            except Exception as error:
                if letter.attempts >= len(PAUSES):
                    self._give_up(letter, _shown(error))
                else:
                    letter.due = self.clock() + PAUSES[letter.attempts]
                    letter.attempts += 1
                    self._waiting.append(letter)

    @property
    def waiting(self) -> int:
        """How many letters wait."""
        return len(self._waiting)

    def _give_up(self, letter: _Letter, why: str) -> None:
        detail: dict[str, Any] = {"channel": letter.channel.name, "attempts": letter.attempts + 1, "why": why}
        detail |= {"text": letter.notice.cause.text, "rule_of": letter.notice.cause.rule}
        self.events.append(Event(letter.notice.at, "undelivered", detail))
        log.warning("memguard: an alert did not reach %s (%s): %s", letter.channel.name, why, letter.notice.cause.text)


def _shown(error: Exception) -> str:
    """Return what went wrong, without an address: those hold passwords and tokens."""
    reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or ""
    return f"{type(error).__name__} {reason}".strip()
