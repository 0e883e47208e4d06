"""Growth from look to look, explained by the units that ended meanwhile, or by time alone.

What a thread keeps for itself grows at its own pace, and units that come at a steady pace would explain that as well. So
two explanations are kept: by units alone, and by units and by what goes on in every interval alike. Where the second
says surely that it goes on by itself, and hardly that it is an operation's, no operation is accused of it.

What an operation has left must be there, too. The threads of a pool come and go, and of what only goes up and down
some operation always seems to be the one with which it goes up; so does what one operation puts into a queue and
another takes out.
"""

from collections.abc import Collection, Mapping

from memguard.residue.criteria import SURE
from memguard.residue.evidence import Trend
from memguard.residue.history import History
from memguard.residue.regression import Key, Rate, Regression, add

NET_LEAST = 0.5
"""Share of what an operation is said to have left that must be left of the growth in all."""
UNLIKELY = 2.0
"""Standard errors below which an operation has no part in what surely goes on by itself."""
BY_ITSELF: Key = -1


class Growing:
    """The history of some signals since the same moment."""

    def __init__(self) -> None:
        self._by_units = History()
        self._by_time = Regression()
        self._net: dict[str, float] = {}
        self._units: dict[Key, float] = {}
        self._intervals: dict[Key, int] = {}

    def add(
        self, units: Mapping[Key, float], signals: Mapping[str, float], doubts: Mapping[Key, float] | None = None
    ) -> None:
        """Add one interval with its units per operation, and by how much each signal grew.

        `doubts` is the variance of the units: some that were in flight have left what they leave, some have not yet.
        """
        self._by_units.current().add(units, signals, doubts=doubts)
        self._by_time.add({**units, BY_ITSELF: 1.0}, signals, doubts=doubts)
        add(self._net, signals)
        add(self._units, units)
        add(self._intervals, dict.fromkeys(units, 1))

    @property
    def intervals(self) -> int:
        """How many there were."""
        return self._by_units.whole.main.windows

    def has_grown(self, signal: str) -> bool:
        """Tell whether there is more of it than at the beginning."""
        return self._net.get(signal, 0.0) > 0

    def recently(self) -> Collection[Key]:
        """Return the operations of the later half."""
        return self._by_units.recent.windows

    def operations(self) -> Collection[Key]:
        """Return all operations that came."""
        return self._by_units.whole.windows

    def recent_rate(self, key: Key, signal: str) -> Rate:
        """Return the rate over the later half."""
        return self._by_units.recent.rate(key, signal)

    def rate(self, key: Key, signal: str) -> Rate:
        """Return the growth per unit of an operation; nothing where it is not its own or has not stayed."""
        return self._by_units.whole.rate(key, signal) if self._is_its_own(key, signal) else Rate(0.0, 0.0)

    def left(self, key: Key, signal: str) -> tuple[int, float]:
        """Return the units of an operation, and how much of the growth they left."""
        units = self._units.get(key, 0.0)
        return round(units), self.rate(key, signal).value * units

    def trend(self, key: Key, signal: str) -> Trend:
        """Return the rate and its halves; nothing where it is not its own or has not stayed."""
        found = trend(self._by_units, key, signal)
        return found if self._is_its_own(key, signal) else Trend(found.windows)

    def certain_trend(self, key: Key, signal: str) -> Trend:
        """Return the same, but nothing unless the growth is an operation's beside what goes on by itself, too.

        For what belongs to the process as a whole, as memory of C code does: it drifts.
        """
        if self._by_time.rate(key, signal).z < SURE:  # first: it is asked often, and costs least
            return Trend(self._intervals.get(key, 0))
        return self.trend(key, signal)

    def _is_its_own(self, key: Key, signal: str) -> bool:
        left = self._by_units.whole.rate(key, signal).value * self._units.get(key, 0.0)
        return self._net.get(signal, 0.0) >= NET_LEAST * left and not self._is_by_itself(key, signal)

    def _is_by_itself(self, key: Key, signal: str) -> bool:
        timed = self._by_time
        return timed.rate(BY_ITSELF, signal).z >= SURE and timed.rate(key, signal).z < UNLIKELY


def trend(history: History, key: Key, signal: str) -> Trend:
    """Return a rate and its halves; where the operation did not come in one of them, the whole speaks for it."""
    whole = history.whole.rate(key, signal)
    early, recent = (
        part.rate(key, signal) if key in part.windows else whole for part in (history.early, history.recent)
    )
    return Trend(history.whole.windows.get(key, 0), whole, early, recent)
