"""The ledger of one process: what was counted of each operation, its windows, and the verdicts they lead to."""

from collections.abc import Iterable
from dataclasses import dataclass

from memguard.model import OTHER, Judgement, Operation, OperationStats, VerdictName
from memguard.readings import DESCRIPTORS, TASKS, THREADS, Clues, Interval, LateLook, WindowReading
from memguard.residue.books import Books, Residue
from memguard.residue.criteria import (
    LASTING_UNITS,
    SURE,
    WINDOWS_LEAST,
    goes_on,
    is_native,
    seems_to_last,
)
from memguard.residue.evidence import Evidence, Trend
from memguard.residue.verdict import judge

OPERATIONS_MOST = 200
"""Operations beyond are counted together as `<other>`, so that no flood of names fills the memory."""
WARM_UP_UNITS = 3
"""The first units of an operation import modules and fill caches; windows over them tell nothing else."""
NO_WINDOW = "no window has covered it since its first units"


@dataclass(slots=True)
class _Count:
    units: int = 0
    errors: int = 0
    sampled: int = 0
    last_seen: float = 0.0
    first_seen: float = 0.0
    windows: int = 0
    searched: int = 0
    verdict: VerdictName = "warming"


class Ledger:
    """Counts every unit (O(1)), takes readings, and judges when asked.

    Attributes:
        windows: Settled windows so far.
        books: What they read.
        unconfirmed: Operations with a type that seems to last, when last judged: see `Books.confirm`.
        awaits_search: When last judged, a verdict waited for what a search of the heap for growing containers finds.
    """

    def __init__(self) -> None:
        self.windows = 0
        self.books = Books()
        self.unconfirmed: list[tuple[Operation, str]] = []
        self.awaits_search = False
        self._counts: dict[Operation, _Count] = {}

    def operation(self, kind: str, name: str) -> Operation:
        """Return the operation units of that name are counted under; `<other>` once there are too many."""
        operation = Operation(kind, name)
        if operation not in self._counts and len(self._counts) >= OPERATIONS_MOST:
            return Operation(kind, OTHER)
        return operation

    def count(self, operation: Operation, at: float, *, error: bool) -> None:
        """Count one ended unit."""
        count = self._counts.get(operation)
        if count is None:
            count = self._counts[operation] = _Count(first_seen=at)
        count.units += 1
        count.errors += error
        count.last_seen = at

    def units(self, operation: Operation) -> int:
        """Return how many units of an operation were counted."""
        count = self._counts.get(operation)
        return count.units if count is not None else 0

    def add(self, reading: WindowReading) -> None:
        """Take a settled window into account."""
        self.windows += 1
        if any(self.units(operation) - units < WARM_UP_UNITS for operation, units in reading.units):
            return
        for operation, units in reading.units:
            self._sampled(operation, units)
        self.books.add(reading)

    def add_look(self, look: LateLook) -> None:
        """Take into account what became of a window's survivors."""
        self.books.add_look(look)

    def add_interval(self, interval: Interval) -> None:
        """Take into account what changed in the process while these units ended."""
        self.books.add_interval(interval)

    def totals(self) -> dict[Operation, int]:
        """Return how many units of each operation have ended so far."""
        return {operation: count.units for operation, count in tuple(self._counts.items())}

    def add_search(self) -> None:
        """All containers were looked through once more for those that grow."""
        for count in tuple(self._counts.values()):
            count.searched += count.units >= LASTING_UNITS

    def _sampled(self, operation: Operation, units: int) -> None:
        count = self._counts.get(operation)
        if count is None:
            return
        count.windows += 1
        count.sampled += units

    def judge(self) -> tuple[OperationStats, ...]:
        """Return what is known of every operation, judged anew."""
        self.unconfirmed.clear()
        self.awaits_search = False
        return tuple(self._stats(operation, count) for operation, count in tuple(self._counts.items()))

    def stats(self, judged: Iterable[OperationStats]) -> tuple[OperationStats, ...]:
        """Return the latest counts with verdicts that were judged before; cheap."""
        verdicts = {each.judgement.operation: each.judgement for each in judged}
        return tuple(
            OperationStats(
                verdicts.get(operation) or Judgement(operation, "warming", (NO_WINDOW,)),
                count.units,
                count.errors,
                count.sampled,
                count.last_seen,
            )
            for operation, count in tuple(self._counts.items())
        )

    def _stats(self, operation: Operation, count: _Count) -> OperationStats:
        if self.books.covers(operation):
            evidence = self._evidence(operation, count)
            judgement = judge(evidence)
            self.awaits_search |= judgement.verdict == "suspect" or (
                judgement.verdict != "leak" and is_native(evidence)
            )
            if seems_to_last(evidence) and not evidence.lasting.is_held:
                self.unconfirmed.append((operation, evidence.lasting.type))
        else:
            judgement = Judgement(operation, "warming", (NO_WINDOW,))
        count.verdict = judgement.verdict
        return OperationStats(judgement, count.units, count.errors, count.sampled, count.last_seen)

    def _evidence(self, operation: Operation, count: _Count) -> Evidence:
        books = self.books
        early, recent = books.residue_rates(operation)
        size, blocks = books.bytes_and_blocks(operation)
        return Evidence(
            operation=operation,
            units=count.units,
            seconds=count.last_seen - count.first_seen,
            windows=count.windows,
            sampled_units=count.sampled,
            early=early,
            recent=recent,
            alone=books.alone(operation),
            lasting=books.lasting(operation),
            held=books.watched.held(operation),
            searched=count.searched,
            garbage=books.garbage(operation),
            native=books.native(operation),
            resources=books.resources(operation),
            bytes_per_unit=size,
            blocks_per_unit=blocks,
            previous=count.verdict,
        )

    def clues(self, operation: Operation) -> Clues:
        """Return what is known of an operation's residue, for its pattern; without holder and frames."""
        books = self.books
        resources = {name: _rate(trend) for name, trend in books.resources(operation)}
        return Clues(
            operation=operation,
            types=self.residue(operation).types,
            garbage=_rate(books.garbage(operation)),
            threads=resources[THREADS],
            descriptors=resources[DESCRIPTORS],
            tasks=resources[TASKS],
            native_bytes=_rate(books.native(operation)),
        )

    def attribution(self, operation: Operation) -> str:
        """Say in a few words what tells that the residue is this operation's."""
        alone = self.books.alone_windows(operation)
        if alone >= WINDOWS_LEAST:
            return f"{alone} windows covered nothing but this operation"
        windows = self._counts[operation].windows
        return f"regression over {windows} windows that covered different mixes of operations"

    def residue(self, operation: Operation) -> Residue:
        """Return what an operation leaves, over all windows that covered it: what was seen to last comes first."""
        return self.books.residue(operation, self._counts[operation].sampled)


def _rate(trend: Trend) -> float:
    """Return a rate that is certain and goes on, else 0."""
    return trend.whole.value if goes_on(trend, SURE) else 0.0
