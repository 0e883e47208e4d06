"""One unit between its begin and its end: what adapters hold."""

from time import perf_counter

from memguard.model import Operation


class Start:
    """What the counters of the process said when a unit began (trace mode)."""

    __slots__ = ("blocks", "level", "peak_is_own", "rss", "traced")

    def __init__(self, traced: int, level: int, blocks: int | None, rss: int, *, peak_is_own: bool) -> None:
        self.traced = traced
        self.level = level
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
    """

    __slots__ = (
        "__weakref__", "_body_at", "began", "ended", "kind", "name", "operation", "overlapped", "record", "sequence", "start",
    )  # fmt: skip

    def __init__(self, kind: str, name: str) -> None:
        self.kind = kind
        self.name = name
        self.began = perf_counter()
        self._body_at: float | None = None
        self.ended = False
        self.overlapped = False
        self.sequence = 0
        self.operation: Operation | None = None
        self.start: Start | None = None
        self.record: int | None = None

    def body_sent(self) -> None:
        """Say that the last message of the body left now."""
        self._body_at = perf_counter()

    def seconds(self) -> float:
        """Return the seconds from begin until now."""
        return perf_counter() - self.began

    def body_seconds(self) -> float | None:
        """Return the seconds from begin until the body had left, None where the protocol did not say."""
        return None if self._body_at is None else self._body_at - self.began
