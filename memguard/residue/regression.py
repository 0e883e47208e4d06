"""Residue per unit of each operation, when windows cover several operations at once.

Windows differ in their mix of operations, so least squares of a window's residue on its units per operation tells
them apart. Only sums are kept (the normal equations), so a history of any length has one size, and two histories
add up. Where two operations only ever came together their rates cannot be told apart; then the uncertainty says so.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import inf, sqrt
from operator import mul

from memguard.model import Operation

SMALLEST_DEVIATION = 0.05
"""Residue of a window is a whole number; agreement closer than this is no further evidence."""
_RIDGE = 1e-6


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
        self._together: dict[Operation, dict[Operation, float]] = {}
        self._products: dict[str, dict[Operation, float]] = {}
        self._squares: dict[str, float] = {}

    def add(self, units: Mapping[Operation, float], signals: Mapping[str, float]) -> None:
        """Add one window; a signal that is missing counts as zero."""
        self.windows += 1
        for first, count in units.items():
            row = self._together.setdefault(first, {})
            for second, other in units.items():
                row[second] = row.get(second, 0.0) + count * other
        for name, value in signals.items():
            if value:
                products = self._products.setdefault(name, {})
                for operation, count in units.items():
                    products[operation] = products.get(operation, 0.0) + count * value
                self._squares[name] = self._squares.get(name, 0.0) + value * value

    def merged(self, other: "Regression") -> "Regression":
        """Return the sums of both histories."""
        both = Regression()
        both.windows = self.windows + other.windows
        for part in (self, other):
            for first, row in part._together.items():
                target = both._together.setdefault(first, {})
                for second, value in row.items():
                    target[second] = target.get(second, 0.0) + value
            for name, products in part._products.items():
                sums = both._products.setdefault(name, {})
                for operation, value in products.items():
                    sums[operation] = sums.get(operation, 0.0) + value
            for name, square in part._squares.items():
                both._squares[name] = both._squares.get(name, 0.0) + square
        return both

    def signals(self) -> tuple[str, ...]:
        """Return the names of the signals that were ever different from zero."""
        return tuple(self._products)

    def weight(self, signal: str) -> float:
        """Return how much of the signal was seen, as a sum of squares."""
        return self._squares.get(signal, 0.0)

    def drop(self, signal: str) -> None:
        """Forget a signal."""
        self._products.pop(signal, None)
        self._squares.pop(signal, None)

    def solve(self, signals: Sequence[str]) -> dict[str, dict[Operation, Rate]]:
        """Return for each signal the rate per operation."""
        inverses = []
        for operations in self._groups():
            rows = [[self._together[a].get(b, 0.0) for b in operations] for a in operations]
            inverses.append((operations, _inverse(rows)))
        solved: dict[str, dict[Operation, Rate]] = {}
        for name in signals:
            products = self._products.get(name, {})
            rest = self._squares.get(name, 0.0)
            values: dict[Operation, float] = {}
            for operations, inverse in inverses:
                right = [products.get(operation, 0.0) for operation in operations]
                values.update(zip(operations, (sum(map(mul, row, right)) for row in inverse), strict=True))
                rest -= sum(values[operation] * each for operation, each in zip(operations, right, strict=True))
            deviation = max(SMALLEST_DEVIATION**2, rest / max(1, self.windows - len(values)))
            solved[name] = {
                operation: Rate(values[operation], sqrt(deviation * max(0.0, inverse[i][i])))
                for operations, inverse in inverses
                for i, operation in enumerate(operations)
            }
        return solved

    def _groups(self) -> list[list[Operation]]:
        """Return operations in groups that never came together, each of which can be solved by itself."""
        left = dict.fromkeys(sorted(self._together))
        groups = []
        while left:
            group = [next(iter(left))]
            del left[group[0]]
            for operation in group:
                for other in self._together[operation]:
                    if other in left:
                        del left[other]
                        group.append(other)
            groups.append(group)
        return groups


def _inverse(matrix: list[list[float]]) -> list[list[float]]:
    """Invert a symmetric matrix of sums by Gauss-Jordan; a small ridge keeps one without information invertible."""
    size = len(matrix)
    rows = [
        [value + (_RIDGE * (1.0 + row[i]) if i == j else 0.0) for j, value in enumerate(row)]
        + [1.0 if i == j else 0.0 for j in range(size)]
        for i, row in enumerate(matrix)
    ]
    for column in range(size):
        pivot = max(range(column, size), key=lambda r: abs(rows[r][column]))
        rows[column], rows[pivot] = rows[pivot], rows[column]
        scale = rows[column][column]
        rows[column] = [value / scale for value in rows[column]]
        for r in range(size):
            factor = rows[r][column]
            if r != column and factor:
                rows[r] = [value - factor * other for value, other in zip(rows[r], rows[column], strict=True)]
    return [row[size:] for row in rows]
