"""The containers that are watched: how each grows, and with the units of which operation."""

from collections.abc import Callable, Collection, Iterable, Mapping

from memguard.model import Operation
from memguard.readings import Growth
from memguard.residue.criteria import LIKELY, SURE
from memguard.residue.evidence import Held, Trend
from memguard.residue.growing import Growing
from memguard.residue.regression import Key
from memguard.residue.witnesses import Company, Witnesses

COHORTS_MOST = 6
PATIENCE = 8
"""So many times longer a container is watched after its last gain, while nobody knows whose it is."""


class _Cohort:
    """The history of containers that have been watched since the same moment."""

    def __init__(self) -> None:
        self.growing = Growing()
        self.last: dict[str, Growth] = {}


class Watched:
    """Takes what each gained; regression over all units says whose that is, and where it cannot yet, witnesses.

    Args:
        key: Returns what stands for an operation in the sums.

    Attributes:
        company: Who is in flight beside whom.
    """

    def __init__(self, key: Callable[[Operation], Key]) -> None:
        self.company = Company()
        self._key = key
        self._cohorts: list[_Cohort] = []
        self._witnesses: dict[str, Witnesses] = {}
        self._owners: dict[str, Operation] = {}
        self._grown: dict[str, int] = {}

    def add(
        self, units: Mapping[Key, float], changed: Iterable[Growth], doubts: Mapping[Key, float] | None = None
    ) -> None:
        """Take into account how containers have changed while units ended; see `Growing.add`."""
        growths = {each.path: each for each in changed}
        new = growths.keys() - {path for cohort in self._cohorts for path in cohort.last}
        if new:
            # Where there are too many the youngest begins anew, together with what has come since.
            known = self._cohorts.pop().last if len(self._cohorts) >= COHORTS_MOST else {}
            self._cohorts.append(_Cohort())
            self._cohorts[-1].last = known | {path: growths[path] for path in new}
        for cohort in self._cohorts:
            present = {path: growths[path] for path in cohort.last if path in growths}
            cohort.last |= present
            cohort.growing.add(units, {path: each.entries for path, each in present.items()}, doubts)
            self._grown.update((path, cohort.growing.intervals) for path, each in present.items() if each.entries > 0)
        for path, witnesses in self._witnesses.items():
            if witnesses.is_complete and path in growths:  # it is not read closely any more
                witnesses.grown(growths[path].entries)

    def gained(self, path: str, entries: int, present: Collection[Operation] | None) -> None:
        """A container that is read closely has gained entries, or lost some, while units of these were in flight.

        Where it is not known of which, they count for how much it has grown in all, and tell nothing else.
        """
        witnesses = self._witnesses.get(path)
        if witnesses is not None and not witnesses.is_complete:
            if present is None:
                witnesses.grown(entries)
            else:
                witnesses.changed(entries, present)

    def unexplained(self, units: Mapping[Operation, int]) -> list[str]:
        """Return the containers that have grown, nobody knows for sure by whom, those of which least was witnessed first.

        Args:
            units: How many units of each operation there have been; from now on those witness what such a container gains.
        """
        self._owners.clear()
        found = []
        for cohort in self._cohorts:
            for path in cohort.last:
                if path not in self._witnesses:
                    if not cohort.growing.has_grown(path) or self.grows_with_any(path, SURE):
                        continue
                    self._witnesses[path] = Witnesses(units)
                witnesses = self._witnesses[path]
                witnesses.mark(units)
                owner = witnesses.proven(self.company)
                if owner is not None:
                    self._owners[path] = owner
                if not witnesses.is_complete:
                    found.append((owner is not None, witnesses.gains, path))
        return [path for *_, path in sorted(found)]

    def is_calm(self, path: str, windows: int, errors: float) -> bool:
        """Tell whether a container was watched for so many windows without growing with any operation.

        One that gains something now and then, which stays, is given longer: what only few units leave is hard to tell.
        """
        cohort = self._cohort(path)
        if cohort is None or cohort.growing.intervals < windows or path in self._owners:
            return False
        witnesses, rest = self._witnesses.get(path), cohort.growing.intervals - self._grown.get(path, 0)
        if witnesses is not None and witnesses.stays and not witnesses.is_complete and rest < PATIENCE * windows:
            return False
        return all(cohort.growing.recent_rate(key, path).z < errors for key in cohort.growing.recently())

    def forget(self, path: str) -> None:
        """A container is watched no more."""
        for cohort in self._cohorts:
            cohort.last.pop(path, None)
        self._cohorts = [cohort for cohort in self._cohorts if cohort.last]
        self._witnesses.pop(path, None)
        self._owners.pop(path, None)
        self._grown.pop(path, None)

    def _cohort(self, path: str) -> _Cohort | None:
        return next((cohort for cohort in self._cohorts if path in cohort.last), None)

    def held(self, operation: Operation) -> Held | None:
        """Return the container that most certainly grows with an operation, None where none seems to."""
        key = self._key(operation)
        growing = []
        for cohort in self._cohorts:
            for path, last in cohort.last.items():
                rate = (
                    self._trend(cohort, operation, path).whole
                    if path in self._owners
                    else cohort.growing.rate(key, path)
                )
                if rate.value > 0 and rate.z > LIKELY:
                    growing.append((rate.z < SURE, last.rank, -rate.z, path))
        return self.container(operation, min(growing)[-1]) if growing else None

    def container(self, operation: Operation, path: str) -> Held | None:
        """Return how one watched container grows with an operation."""
        cohort = self._cohort(path)
        if cohort is None:
            return None
        last = cohort.last[path]
        return Held(path, last.size, last.bound, self._trend(cohort, operation, path))

    def _trend(self, cohort: _Cohort, operation: Operation, path: str) -> Trend:
        if path not in self._owners:
            return cohort.growing.trend(self._key(operation), path)
        if self._owners[path] == operation:
            return self._witnesses[path].trend(operation)
        return Trend(cohort.growing.intervals)  # it was not there when entries were gained

    def witnessed(self, operation: Operation, path: str) -> int:
        """Return at how many gains of a container the operation was in flight that is proven by it; 0 where none is."""
        return self._witnesses[path].gains if self._owners.get(path) == operation else 0

    def grows_with_any(self, path: str, errors: float) -> bool:
        """Tell whether one watched container grows with any operation, by so many standard errors."""
        cohort = self._cohort(path)
        growing = cohort.growing if cohort is not None else Growing()
        return path in self._owners or any(growing.rate(key, path).z >= errors for key in growing.operations())
