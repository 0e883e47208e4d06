"""One unit between its begin and its end: what adapters hold."""

import weakref
from collections.abc import Callable
from contextlib import suppress
from time import perf_counter

from memguard.instruments.end_of_life import can_be_followed
from memguard.model import Operation


class Start:
    """What the counters of the process said when a unit began (trace mode)."""

    __slots__ = ("blocks", "level", "peak_is_own", "rss", "traced", "window")

    def __init__(
        self, traced: int, level: int | None, window: int, blocks: int | None, rss: int, *, peak_is_own: bool
    ) -> None:
        self.traced = traced
        self.level = level
        self.window = window
        self.blocks = blocks
        self.rss = rss
        self.peak_is_own = peak_is_own


class Unit:
    """One request, websocket session or task run.

    Attributes:
        name: The operation's name; an adapter sets it once the route is known, until the end.
        began: Moment in seconds of `time.perf_counter`.
        overlapped: Another unit was in flight when this one began (or, after the end, at any time).
        ended: The end was seen; later ends do nothing.
        view: The function or class of the host that the unit runs, where the adapter knows it; see `runs`.
        when_known: Called with the unit when it is known what it runs.
        naming: Returns the operation's name while the unit runs, None where it is not known yet; where the adapter sets the
            name only at the end. Asked from another thread; gone once the end was seen.
        rss: RSS when it began, 0 where nobody asked for it.
        watcher: The `id` of the adapter that has begun it, 0 where it does not say.
        inner: The adapter further in that has met it as well, empty where none has.
        expiring: Objects that have to go soon after the end, with what they are; empty again once it was seen.
    """

    __slots__ = (
        "__weakref__", "_body_at", "began", "ended", "expiring", "inner", "kind", "name", "naming", "operation", "overlapped",
        "record", "rss", "sequence", "start", "view", "watcher", "when_known",
    )  # fmt: skip

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.began = perf_counter()
        self._body_at: float | None = None
        self.ended = False
        self.expiring: tuple[tuple[str, weakref.ref[object]], ...] = ()
        self.view: object = None
        self.when_known: Callable[[Unit], None] | None = None
        self.naming: Callable[[], str | None] | None = None
        self.overlapped = False
        self.sequence = self.rss = self.watcher = 0
        self.inner = ""
        self.operation: Operation | None = None
        self.start: Start | None = None
        self.record: int | None = None

    def runs(self, view: object) -> None:
        """Say which function or class of the host it runs, None where that is not known; after the name was set."""
        self.view = view
        if view is not None and self.when_known is not None:
            self.when_known(self)

    def expires(self, obj: object, label: str) -> None:
        """Say that nothing should need an object any more once this unit has ended; it is referred to weakly.

        Args:
            obj: The framework's own request or response; one that takes no weak reference is ignored.
            label: What it is: `request`, `response`, `task request`.
        """
        if not self.ended and can_be_followed(obj):
            self.expiring += ((label, weakref.ref(obj)),)

    def running_name(self) -> str:
        """Return the operation's name as far as it is known while the unit runs."""
        naming = self.naming
        with suppress(Exception):  # it may be the host's, and the request is in the middle of something
            return (naming() if naming is not None else None) or self.name
        return self.name

    def body_sent(self) -> None:
        """Say that the last message of the body left now."""
        self._body_at = perf_counter()

    def seconds(self) -> float:
        """Return the seconds from begin until now."""
        return perf_counter() - self.began

    def body_seconds(self) -> float | None:
        """Return the seconds from begin until the body had left, None where the protocol did not say."""
        return None if self._body_at is None else self._body_at - self.began
