"""Who was there each time a container gained something: tells whose a rare gain is, where regression learns slowly.

Between two looks only units that were in flight can have put an entry there. An operation that was in flight at every
gain, while each other one was missing at some, is the one; how surely depends on how often it is in flight anyway,
beside each of the others. That takes a dozen gains, however few of its units leave one and however many units overlap;
least squares over a mix that hardly changes takes thousands of units.
"""

from collections import Counter
from collections.abc import Collection, Mapping
from math import comb, log, sqrt

from memguard.model import Operation
from memguard.residue.criteria import SURE
from memguard.residue.evidence import Trend
from memguard.residue.regression import Rate

GAINS_LEAST = 16
"""So many gains at least: their number has an error of a quarter then, four standard errors (`SURE`) above zero."""
GAINS_MOST = 128
"""Where nobody was proven by so many, more of them will not prove anybody either."""
MISSED_MOST = 0.05
"""Share of the gains at which the right one may have been missing: its name was not the one that its unit ended with."""
BY_CHANCE = 1e-6
"""Probability at most that an operation which has no part in it was there at every gain."""
SHARE_LEAST = 0.02
NET_LEAST = 0.5
"""Share of what a container has gained that must be there: what is taken out again is no leak."""
MARKS_MOST = 64


class Company:
    """How often operations are in flight, and beside which others."""

    def __init__(self) -> None:
        self._seconds = 0.0
        self._ends: Counter[Operation] = Counter()
        self._beside: dict[Operation, Counter[Operation]] = {}
        self._time: dict[Operation, float] = {}

    def saw(self, ended: Operation, present: Collection[Operation], seconds: float) -> None:
        """Note who was in flight when a unit of an operation ended, or since the look before, so many seconds ago."""
        self._seconds += seconds
        self._ends[ended] += 1
        self._beside.setdefault(ended, Counter()).update(set(present))
        for operation in set(present):
            self._time[operation] = self._time.get(operation, 0.0) + seconds

    def share(self, operation: Operation, present: Collection[Operation]) -> float:
        """Return how likely it is there by chance when something happens while these are in flight: 0 to 1.

        It may be due to any one of the others, or to none of them: the worst of these counts. How often an operation is
        beside another one that was hardly seen is not known, and taken for often.
        """
        shares = [
            (self._beside[other][operation] + 1) / (self._ends[other] + 1) if other in self._ends else 1.0
            for other in present
            if other != operation
        ]
        by_itself = self._time.get(operation, 0.0) / self._seconds if self._seconds else 1.0
        return min(1.0, max(SHARE_LEAST, by_itself, *shares))


class Witnesses:
    """The gains of one container since it is watched closely."""

    def __init__(self, units: Mapping[Operation, int]) -> None:
        """Begin, with the units of each operation that there have been so far."""
        self._began = dict(units)
        self._gains: list[frozenset[Operation]] = []
        self._gained = self._net = 0
        self._marks: list[tuple[Mapping[Operation, int], int]] = []

    @property
    def gains(self) -> int:
        """How many there were."""
        return len(self._gains)

    @property
    def is_complete(self) -> bool:
        """More of them would not tell more."""
        return self.gains >= GAINS_MOST

    @property
    def stays(self) -> bool:
        """Most of what it has gained is there."""
        return self._net > 0 and self._net >= NET_LEAST * self._gained

    def changed(self, entries: int, present: Collection[Operation]) -> None:
        """It has gained so many entries, or lost some, while units of these operations were in flight."""
        self._net += entries
        if entries > 0 and not self.is_complete:
            self._gained += entries
            self._gains.append(frozenset(present))

    def mark(self, units: Mapping[Operation, int]) -> None:
        """Say how many units there have been by now: rates are told over the earlier and the later part of them."""
        self._marks.append((dict(units), self._net))
        if len(self._marks) > MARKS_MOST:
            self._marks = [*self._marks[:-1:2], self._marks[-1]]

    def grown(self, entries: int) -> None:
        """It has grown by so many entries, or shrunk, and nobody looked who was there."""
        self._net += entries

    def proven(self, company: Company) -> Operation | None:
        """Return the operation whose units put the entries there, None where that is not sure."""
        if self.gains < GAINS_LEAST or not self.stays:
            return None
        times = Counter(operation for present in self._gains for operation in present)
        least = self.gains * (1 - MISSED_MOST)
        found = [each for each, often in times.items() if often >= least and self._is_no_chance(each, company)]
        return found[0] if len(found) == 1 else None

    def _is_no_chance(self, operation: Operation, company: Company) -> bool:
        shares = [company.share(operation, present) for present in self._gains if operation in present]
        ways = comb(self.gains, self.gains - len(shares))
        return log(ways) + sum(map(log, shares)) <= log(BY_CHANCE)

    def trend(self, operation: Operation) -> Trend:
        """Return what it gains for each unit of an operation, net of what it loses."""
        if not self._marks:
            return Trend()
        middle = self._marks[len(self._marks) // 2]
        begin, end = (self._began, 0), self._marks[-1]
        return Trend(
            self.gains,
            self._rate(operation, begin, end),
            self._rate(operation, begin, middle),
            self._rate(operation, middle, end) if middle is not end else self._rate(operation, begin, end),
        )

    def _rate(
        self, operation: Operation, begin: tuple[Mapping[Operation, int], int], end: tuple[Mapping[Operation, int], int]
    ) -> Rate:
        units = end[0].get(operation, 0) - begin[0].get(operation, 0)
        if units <= 0:
            return Rate(0.0, 0.0)
        value = (end[1] - begin[1]) / units
        return Rate(value, abs(value) / sqrt(self.gains) if self.gains >= SURE**2 else abs(value))
