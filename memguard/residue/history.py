"""The history of all windows of a process, in a fixed size: recent segments and, further back, coarser ones."""

from collections.abc import Iterable, Mapping
from math import sqrt

from memguard.model import Operation
from memguard.residue.regression import Rate, Regression

SEGMENTS_MOST = 8
WINDOWS_A_SEGMENT = 8
EDGE_WEIGHT = 0.5
"""A unit only partly inside a window leaves, on average over windows, half of its residue in it."""
DETAILS_KEPT = 64
TYPE, SITE = "type:", "site:"
NET_SIGNALS = ("blocks", "traced", "steady blocks", "steady traced")
"""What counts net of everything that died meanwhile; kept apart, because not every window reads them."""


class Segment:
    """Some consecutive windows as sums."""

    def __init__(self) -> None:
        self.main = Regression()
        self.net = {signal: Regression() for signal in NET_SIGNALS}
        self.windows: dict[Operation, int] = {}
        self.units: dict[Operation, float] = {}
        self._solved: dict[str, dict[Operation, Rate]] = {}

    def add(
        self,
        units: Mapping[Operation, float],
        signals: Mapping[str, float],
        wider: Mapping[Operation, float],
        net: Mapping[str, float],
    ) -> None:
        """Add one window.

        Args:
            units: Units per operation whose survivors it saw, edges weighted.
            signals: What survived: `objects`, `bytes`, and details by type and site.
            wider: Units per operation until it was settled.
            net: What grew until then: those of `NET_SIGNALS` that were read.
        """
        self._solved.clear()
        self.main.add(units, signals)
        for name, value in net.items():
            self.net[name].add(wider, {name: value})
        for operation, count in units.items():
            self.windows[operation] = self.windows.get(operation, 0) + 1
            self.units[operation] = self.units.get(operation, 0.0) + count
        details = [name for name in self.main.signals() if name.startswith((TYPE, SITE))]
        if len(details) > DETAILS_KEPT:
            for name in sorted(details, key=self.main.weight)[: len(details) // 2]:
                self.main.drop(name)

    def merged(self, other: "Segment") -> "Segment":
        """Return one segment for both."""
        both = Segment()
        both.main = self.main.merged(other.main)
        both.net = {signal: self.net[signal].merged(other.net[signal]) for signal in NET_SIGNALS}
        for part in (self, other):
            for operation, count in part.windows.items():
                both.windows[operation] = both.windows.get(operation, 0) + count
                both.units[operation] = both.units.get(operation, 0.0) + part.units[operation]
        return both

    def rates(self, signal: str) -> dict[Operation, Rate]:
        """Return the rate per operation of `objects`, `bytes`, a net signal or a detail."""
        if signal not in self._solved:
            self._solved.update(self.net[signal].solve((signal,)) if signal in self.net else self.main.solve((signal,)))
        return self._solved[signal]


class History:
    """All segments, oldest first. When there are too many, neighbours merge and later ones grow as long."""

    def __init__(self) -> None:
        self.segments: list[Segment] = [Segment()]
        self._length = WINDOWS_A_SEGMENT

    def add(
        self,
        units: Mapping[Operation, float],
        signals: Mapping[str, float],
        wider: Mapping[Operation, float],
        net: Mapping[str, float],
    ) -> None:
        """Add one window; the arguments are those of `Segment.add`."""
        if self.segments[-1].main.windows >= self._length:
            if len(self.segments) >= SEGMENTS_MOST:
                pairs = zip(self.segments[::2], self.segments[1::2], strict=True)
                self.segments = [first.merged(second) for first, second in pairs]
                self._length *= 2
            self.segments.append(Segment())
        self.segments[-1].add(units, signals, wider, net)

    def of(self, operation: Operation) -> list[Segment]:
        """Return the segments that know the operation, oldest first."""
        return [segment for segment in self.segments if operation in segment.windows]


def combined(segments: Iterable[Segment], operation: Operation, signal: str) -> Rate:
    """Return an operation's rate over several segments, weighted by its units in each."""
    value = variance = weight = 0.0
    for segment in segments:
        rate = segment.rates(signal).get(operation)
        if rate is not None:
            units = segment.units[operation]
            value += units * rate.value
            variance += (units * rate.error) ** 2
            weight += units
    return Rate(value / weight, sqrt(variance) / weight) if weight else Rate(0.0, 0.0)


def details(segments: Iterable[Segment], operation: Operation, prefix: str) -> list[tuple[str, Rate]]:
    """Return types (`TYPE`) or sites (`SITE`) in an operation's residue with their rates, most first."""
    chosen = list(segments)
    names = {name for segment in chosen for name in segment.main.signals() if name.startswith(prefix)}
    rates = [(name.removeprefix(prefix), combined(chosen, operation, name)) for name in names]
    return sorted(
        ((name, rate) for name, rate in rates if rate.value > 0 and rate.z > 2),
        key=lambda item: (-item[1].value, item[0]),
    )
