"""The history of all windows of a process, in a fixed size: recent segments and, further back, coarser ones."""

from collections.abc import Callable, Mapping

from memguard.residue.regression import Key, Rate, Regression

SEGMENTS_MOST = 8
WINDOWS_A_SEGMENT = 8
DETAILS_KEPT, DETAIL_SHARE_LEAST = 96, 0.1
TYPE, SITE = "type:", "site:"
Weights = Mapping[Key, float]


class Segment:
    """Consecutive windows as sums: residue by signal (`objects`, `bytes`, types, sites) and net growth beside it.

    Net growth (`blocks`, `traced`) is kept apart, because not every window reads it, and it is of other units: all
    that ended until the window was settled.
    """

    def __init__(self) -> None:
        self.main = Regression()
        self.blocks = Regression()
        self.traced = Regression()
        self.windows: dict[Key, int] = {}

    def add(
        self, units: Weights, signals: Mapping[str, float], trust: float = 1.0, doubts: Weights | None = None
    ) -> None:
        """Add one window with its units per operation and what survived; `trust` and `doubts` as in `Regression.add`."""
        self.main.add(units, signals, trust, doubts)
        for operation in units:
            self.windows[operation] = self.windows.get(operation, 0) + 1
        if len(self.main.signals) > DETAILS_KEPT:
            details = [name for name in self.main.signals if name.startswith((TYPE, SITE))]
            for name in sorted(details, key=self.main.weight)[: len(details) // 2]:
                self.main.drop(name)

    def merged(self, *others: "Segment") -> "Segment":
        """Return one segment for all of these."""
        whole = Segment()
        whole.main = self.main.merged(*(other.main for other in others))
        whole.blocks = self.blocks.merged(*(other.blocks for other in others))
        whole.traced = self.traced.merged(*(other.traced for other in others))
        for part in (self, *others):
            for operation, count in part.windows.items():
                whole.windows[operation] = whole.windows.get(operation, 0) + count
        return whole

    def rate(self, operation: Key, signal: str) -> Rate:
        """Return an operation's rate of `objects`, `bytes`, a type or a site."""
        return self.main.rate(operation, signal)

    def net_rate(self, operation: Key) -> Rate | None:
        """Return an operation's net rate of blocks; in units of 64 traced bytes where blocks were too costly to read.

        None where neither was ever read. 64 bytes are about what a block holds.
        """
        if self.blocks.windows:
            return self.blocks.rate(operation, "steady")
        return self.traced.rate(operation, "steady") if self.traced.windows else None

    def details(self, operation: Key, prefix: str) -> list[tuple[str, Rate]]:
        """Return types (`TYPE`) or sites (`SITE`) in an operation's residue that stand out, most first."""
        rates = [
            (name.removeprefix(prefix), self.main.rate(operation, name))
            for name in self.main.signals
            if name.startswith(prefix)
        ]
        found = [(name, rate) for name, rate in rates if rate.value > 0 and rate.z > 2]
        most = max((rate.value for _, rate in found), default=0.0)
        found = [(name, rate) for name, rate in found if rate.value >= DETAIL_SHARE_LEAST * most]
        return sorted(found, key=lambda item: (-item[1].value, item[0]))


class History:
    """All segments, oldest first. When there are too many, neighbours merge and later ones grow as long."""

    def __init__(self) -> None:
        self._segments: list[Segment] = [Segment()]
        self._length = WINDOWS_A_SEGMENT
        self._merged: dict[str, Segment] = {}
        self._early: Segment | None = None

    def current(self) -> Segment:
        """Return the segment that the next window belongs to."""
        self._merged.clear()
        if self._segments[-1].main.windows >= self._length:
            self._early = None
            if len(self._segments) >= SEGMENTS_MOST:
                pairs = zip(self._segments[::2], self._segments[1::2], strict=True)
                self._segments = [first.merged(second) for first, second in pairs]
                self._length *= 2
            self._segments.append(Segment())
        return self._segments[-1]

    @property
    def whole(self) -> Segment:
        """All windows."""
        return self._cached("whole", lambda: self.early.merged(self.recent))

    @property
    def early(self) -> Segment:
        """The earlier half of the segments."""
        if self._early is None:
            self._early = Segment().merged(*self._segments[: len(self._segments) // 2])
        return self._early

    @property
    def recent(self) -> Segment:
        """The later half of the segments."""
        return self._cached("recent", lambda: Segment().merged(*self._segments[len(self._segments) // 2 :]))

    def _cached(self, name: str, make: Callable[[], Segment]) -> Segment:
        if name not in self._merged:
            self._merged[name] = make()
        return self._merged[name]
