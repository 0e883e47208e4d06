"""What is told, and when: a cause once, however many workers have it; not again for a while, never too much; its end.

Pure: no clock. What was told before a restart is given to it as events.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Literal

from memguard.export.alerts.rules import Cause
from memguard.model import Event

HOUR = 3600.0
CALM_SECONDS = 60.0
"""A cause must not have been there for so long before it is over: what hovers about a limit is told once."""
CAUSES_MOST = 1_000
State = Literal["firing", "resolved"]


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is told.

    Attributes:
        cooldown: Seconds after a cause was told in which it is not told again, though it was over in between.
        per_hour: Messages that fire, of all causes together; those that say that something is over are not counted.
    """

    cooldown: float
    per_hour: int


@dataclass(frozen=True, slots=True)
class Notice:
    """One message.

    Attributes:
        state: It begins, or it is over.
        silenced: How many others were not told since the last one, because there were too many.
    """

    at: float
    state: State
    cause: Cause
    silenced: int = 0

    def event(self) -> Event:
        """Return it as an event, from which a later process knows that it was told."""
        worker = self.cause.worker
        about = None if worker is None else {"host": worker.host, "pid": worker.pid}
        return Event(
            self.at,
            "alert",
            {
                "state": self.state,
                "rule": self.cause.rule,
                "key": self.cause.key,
                "text": self.cause.text,
                "about": about,
                "lasts": self.cause.lasts,
            },
        )

    def body(self, service: str) -> dict[str, Any]:
        """Return it as plain data, for a webhook, a queue or a callable."""
        return {
            "version": 1,
            "service": service,
            "at": self.at,
            "value": self.cause.value,
            "limit": self.cause.limit,
            "silenced": self.silenced,
            **self.event().detail,
        }

    def title(self, service: str) -> str:
        """Return one line for a person."""
        over = "over" if self.state == "resolved" else "alert"
        return f"memguard {over} [{service}] {self.cause.rule}"

    def words(self) -> str:
        """Return what happened, in sentences."""
        said = f"It is over: {self.cause.text}" if self.state == "resolved" else self.cause.text
        more = f" {self.silenced} other alerts were not told: there were too many." if self.silenced else ""
        return said + more


@dataclass(slots=True)
class _Told:
    """What is known of one cause; `is_firing` until it was said to be over."""

    cause: Cause
    told_at: float
    seen_at: float
    is_firing: bool


class Alarm:
    """Goes from moment to moment; remembers what was told."""

    def __init__(self, limits: Limits, events: Iterable[Event] = ()) -> None:
        """Begin with what was told before, as events in any order; those that are not about alerts are passed over."""
        self._limits = limits
        self._told: dict[tuple[str, str], _Told] = {}
        self._recent: list[float] = []
        self._held_back: dict[tuple[str, str], float] = {}
        for event in sorted(events, key=lambda each: each.at):
            detail = event.detail
            if event.type != "alert" or "rule" not in detail:
                continue
            cause = Cause(
                str(detail["rule"]), str(detail.get("key", "")), str(detail.get("text", "")), lasts=bool(detail.get("lasts", True))
            )  # fmt: skip
            if detail.get("state") == "firing":
                self._told[cause.rule, cause.key] = _Told(cause, event.at, event.at, is_firing=True)
                self._recent.append(event.at)
            elif (cause.rule, cause.key) in self._told:
                self._told[cause.rule, cause.key].is_firing = False

    def step(self, now: float, causes: Iterable[Cause]) -> list[Notice]:
        """Return what is to be told at a moment, given what holds then."""
        notices = []
        self._recent = [at for at in self._recent if now - at < HOUR]
        for cause in causes:
            notice = self._holds(now, cause)
            if notice is not None:
                notices.append(notice)
        for told in self._told.values():
            if told.is_firing and now - told.seen_at >= CALM_SECONDS:
                told.is_firing = False
                if told.cause.lasts:
                    notices.append(Notice(now, "resolved", told.cause))
        self._forget(now)
        return notices

    def _holds(self, now: float, cause: Cause) -> Notice | None:
        key = cause.rule, cause.key
        told = self._told.get(key)
        if told is not None:
            told.seen_at, told.cause = now, cause
            if told.is_firing or now - told.told_at < self._limits.cooldown or not cause.lasts:
                return None
        elif not cause.is_news and key not in self._held_back:
            return None
        if len(self._recent) >= self._limits.per_hour:
            if key in self._held_back or len(self._held_back) < CAUSES_MOST:
                self._held_back[key] = now
            return None
        self._recent.append(now)
        self._told[key] = _Told(cause, now, now, is_firing=True)
        self._held_back.pop(key, None)
        silenced = len(self._held_back)
        # What is gone without a word is counted this once; what is still there is told when there is room.
        self._held_back = {each: at for each, at in self._held_back.items() if now - at < CALM_SECONDS}
        return Notice(now, "firing", cause, silenced)

    def _forget(self, now: float) -> None:
        patience = max(self._limits.cooldown, 2 * HOUR)
        old = [key for key, told in self._told.items() if not told.is_firing and now - told.seen_at > patience]
        for key in old or list(self._told)[: max(0, len(self._told) - CAUSES_MOST)]:
            del self._told[key]
