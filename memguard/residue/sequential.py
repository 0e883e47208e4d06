"""A sequential test: do units keep on leaving objects behind, or does it become rarer as it does while things warm up?

After every window that was looked at again, the evidence for "a unit leaves one with the constant probability r" is
multiplied by how much better that explains what was seen than "the n-th unit leaves one with probability c / n at
most": caches, pools and lazy imports fill ever more rarely. The product is a test martingale under the second, so by
Ville's inequality it ever exceeds 1 / a with probability a at most, however often it is looked at. Rates from one in
one to one in some hundreds are tried at once, with equal weights.
"""

from collections.abc import Collection
from math import exp, expm1, log

FALSE_ALARMS = 1e-4
"""Probability that an operation's evidence on one type ever becomes sure while it only warms up, however long it runs."""
WARM_UP = 3.0
"""c: of the units from the n-th to the 2n-th, about two leave something behind while things warm up."""
RATES = (1.0, 0.3, 0.1, 0.03, 0.01, 0.003)
KINDS_MOST = 64


class Sequential:
    """The evidence on one operation, for each kind of thing that its units may leave."""

    def __init__(self) -> None:
        self._missed = [0.0] * len(RATES)
        self._hit: dict[str, list[float]] = {}

    def add(self, units: float, number: int, left: Collection[str]) -> None:
        """Take one more look into account.

        Args:
            units: Units of the operation that the window had covered.
            number: How many units of it there had been by then.
            left: The kinds that were found alive.
        """
        if units <= 0:
            return
        warm = WARM_UP / max(number, 1)
        missed = [-(rate - warm) * units if rate > warm else 0.0 for rate in RATES]
        for kind in left:
            if kind not in self._hit and len(self._hit) >= KINDS_MOST:
                continue
            hits = self._hit.setdefault(kind, [0.0] * len(RATES))
            for place, rate in enumerate(RATES):
                if rate > warm:
                    hits[place] += log(expm1(-rate * units) / expm1(-warm * units)) - missed[place]
        self._missed = [before + now for before, now in zip(self._missed, missed, strict=True)]

    def is_sure(self, kind: str) -> bool:
        """Tell whether the evidence has passed 1 / `FALSE_ALARMS`."""
        return self.evidence(kind) >= -log(FALSE_ALARMS)

    def evidence(self, kind: str) -> float:
        """Return the logarithm of the evidence that units keep on leaving this kind."""
        if kind not in self._hit:
            return 0.0
        exponents = [missed + hit for missed, hit in zip(self._missed, self._hit[kind], strict=True)]
        most = max(exponents)
        return most + log(sum(exp(each - most) for each in exponents) / len(exponents))
