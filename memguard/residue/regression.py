"""Residue per unit of each operation, when windows cover several operations at once.

Windows differ in their mix of operations, so least squares of a window's residue on its units per operation tells
them apart. Only sums are kept (the normal equations), so a history of any length has one size, and two histories
add up. Where two operations only ever came together their rates cannot be told apart; then the uncertainty says so.
"""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from math import hypot, inf, sqrt
from operator import mul
from typing import Any, TypeVar

SMALLEST_DEVIATION = 0.05
"""Residue of a window is a whole number; agreement closer than this is no further evidence."""
FREEDOM_LEAST = 4
"""So many windows more than operations there must be, or any mix would fit perfectly and look certain. Where there
are few more, errors are widened as Student's t distribution asks for at four of them: 2.9 times at 4, 1.3 at 20."""
_RIDGE = 1e-10
Number = TypeVar("Number", int, float)
Key = Any
"""What stands for an operation; small numbers are hashed fastest."""


@dataclass(frozen=True, slots=True)
class Rate:
    """Residue per unit with its standard error, in the unit of the signal."""

    value: float
    error: float

    @property
    def z(self) -> float:
        """How many standard errors the rate is above zero."""
        return self.value / self.error if self.error > 0 else (inf if self.value > 0 else 0.0)


class Regression:
    """Sums over windows: units per operation against any number of named signals."""

    def __init__(self) -> None:
        self.windows = 0
        self._together: dict[Key, dict[Key, float]] = {}
        self._products: dict[str, dict[Key, float]] = {}
        self._squares: dict[str, dict[Key, float]] = {}
        self._anchored: dict[Key, int] = {}
        self._doubts: dict[Key, float] = {}
        self._inverses: list[tuple[list[Key], list[list[float]]]] | None = None
        self._solved: dict[str, dict[Key, Rate]] = {}

    def add(
        self,
        units: Mapping[Key, float],
        signals: Mapping[str, float],
        trust: float = 1.0,
        doubts: Mapping[Key, float] | None = None,
    ) -> None:
        """Add one window; a signal that is missing counts as zero, `trust` (0 to 1) weighs the window.

        `doubts` is the variance of the units per operation, where they are not exactly those that the signals are of.
        """
        self.windows += 1
        self._inverses = None
        self._solved.clear()
        # What belongs to a window rather than to its operations is kept at one of them: see `_groups`.
        anchor = next(iter(units), None)
        if anchor is None:
            return
        self._anchored[anchor] = self._anchored.get(anchor, 0) + 1
        add(self._doubts, doubts or {})
        pairs = list(units.items())
        for place, (first, count) in enumerate(pairs):
            row = self._together.setdefault(first, {})
            for second, other in pairs[place:]:  # the other half would say the same: see `_between`
                row[second] = row.get(second, 0.0) + trust * count * other
        for name, value in signals.items():
            if value:
                products = self._products.setdefault(name, {})
                for operation, count in units.items():
                    products[operation] = products.get(operation, 0.0) + trust * count * value
                squares = self._squares.setdefault(name, {})
                squares[anchor] = squares.get(anchor, 0.0) + trust * value * value

    def merged(self, *others: "Regression") -> "Regression":
        """Return the sums of all these histories."""
        whole = Regression()
        for part in (self, *others):
            whole.windows += part.windows
            for first, row in part._together.items():
                add(whole._together.setdefault(first, {}), row)
            for sums, added in ((whole._products, part._products), (whole._squares, part._squares)):
                for name, values in added.items():
                    add(sums.setdefault(name, {}), values)
            add(whole._anchored, part._anchored)
            add(whole._doubts, part._doubts)
        return whole

    @property
    def signals(self) -> Collection[str]:
        """The names of the signals that were ever different from zero."""
        return self._products.keys()

    def weight(self, signal: str) -> float:
        """Return how much of the signal was seen, as a sum of squares."""
        return sum(self._squares.get(signal, {}).values())

    def drop(self, signal: str) -> None:
        """Forget a signal."""
        self._products.pop(signal, None)
        self._squares.pop(signal, None)
        self._solved.pop(signal, None)

    def rate(self, operation: Key, signal: str) -> Rate:
        """Return an operation's rate of a signal; zero, without error, where it never came."""
        if signal not in self._solved:
            self._solved[signal] = self._solve(signal)
        return self._solved[signal].get(operation, Rate(0.0, 0.0))

    def _solve(self, signal: str) -> dict[Key, Rate]:
        if self._inverses is None:
            self._inverses = [
                (group, _inverse([[self._between(a, b) for b in group] for a in group])) for group in self._groups()
            ]
        products, squares = self._products.get(signal, {}), self._squares.get(signal, {})
        rates: dict[Key, Rate] = {}
        for group, inverse in self._inverses:
            right = [products.get(operation, 0.0) for operation in group]
            values = [sum(map(mul, row, right)) for row in inverse]
            rest = sum(squares.get(operation, 0.0) for operation in group) - sum(map(mul, values, right))
            freedom = sum(self._anchored.get(operation, 0) for operation in group) - len(group)
            deviation = max(SMALLEST_DEVIATION, sqrt(max(0.0, rest) / freedom)) if freedom >= FREEDOM_LEAST else inf
            wider = 1 + 10 / freedom**1.2 if freedom >= FREEDOM_LEAST else 1.0
            # Where units are off by what was in flight, least squares gives a part of one operation's rate to others
            # that always come with it, however many windows there are. So much of a rate may be another's.
            misplaced = [self._doubts.get(each, 0.0) * abs(value) for each, value in zip(group, values, strict=True)]
            for i, operation in enumerate(group):
                error = deviation * wider * sqrt(max(0.0, inverse[i][i]))
                others = sum(map(mul, map(abs, inverse[i]), misplaced)) if any(misplaced) else 0.0
                rates[operation] = Rate(values[i], hypot(error, others))
        return rates

    def _between(self, first: Key, second: Key) -> float:
        one = self._together[first].get(second, 0.0)
        return one if first == second else one + self._together[second].get(first, 0.0)

    def _groups(self) -> list[list[Key]]:
        """Return operations in groups that never came together, each of which can be solved by itself."""
        near: dict[Key, list[Key]] = {first: list(row) for first, row in self._together.items()}
        for first, row in self._together.items():
            for second in row:
                near[second].append(first)
        left = dict.fromkeys(self._together)
        groups = []
        while left:
            group = [next(iter(left))]
            del left[group[0]]
            for operation in group:
                for other in near[operation]:
                    if other in left:
                        del left[other]
                        group.append(other)
            groups.append(group)
        return groups


def add(sums: dict[Key, Number], values: Mapping[Key, Number]) -> None:
    """Add values to sums, in place."""
    for operation, value in values.items():
        sums[operation] = sums[operation] + value if operation in sums else value


def _inverse(matrix: list[list[float]]) -> list[list[float]]:
    """Invert a symmetric matrix of sums by its Cholesky factor: with 200 operations this is what a verdict costs.

    A small ridge keeps one without information invertible; what it cannot tell apart gets huge numbers.
    """
    size = len(matrix)
    factor: list[list[float]] = []
    for i, row in enumerate(matrix):
        left: list[float] = []
        for j, above in enumerate(factor):
            left.append((row[j] - sum(map(mul, left, above))) / above[j])
        ridge = _RIDGE * (1.0 + row[i])
        left.append(sqrt(max(ridge, row[i] + ridge - sum(map(mul, left, left)))))
        factor.append(left)
    columns = []  # of the factor's inverse, each from the diagonal on
    for j in range(size):
        column = [1.0 / factor[j][j]]
        for i in range(j + 1, size):
            column.append(-sum(map(mul, factor[i][j:i], column)) / factor[i][i])
        columns.append(column)
    inverse = [[0.0] * size for _ in range(size)]
    for i in range(size):
        for j in range(i, size):
            inverse[i][j] = inverse[j][i] = sum(map(mul, columns[i][j - i :], columns[j]))
    return inverse
