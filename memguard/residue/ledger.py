"""The ledger of one process: what was counted of each operation, its windows, and the verdicts they lead to."""

from collections.abc import Iterable
from dataclasses import dataclass

from memguard.model import OTHER, Judgement, Operation, OperationStats, Site, TypeCount, VerdictName, WindowReading
from memguard.residue.history import EDGE_WEIGHT, NET_SIGNALS, SITE, TYPE, History, Segment, combined, details
from memguard.residue.verdict import Evidence, Phase, judge

OPERATIONS_MOST = 200
"""Operations beyond are counted together as `<other>`, so that no flood of names fills the memory."""
TYPES_SHOWN = 8
SITES_SHOWN = 5
BLOCKS_A_VOICE, BYTES_A_VOICE = 4, 512
LATE_LOOKS_LEAST, LATE_KEPT = 4, 1000


@dataclass(slots=True)
class _Count:
    units: int = 0
    errors: int = 0
    sampled: int = 0
    last_seen: float = 0.0
    at_first_window: int = 0
    windows: int = 0
    verdict: VerdictName = "warming"


@dataclass(frozen=True, slots=True)
class Residue:
    """What an accused operation leaves: types and sites per unit times the units observed."""

    types: tuple[TypeCount, ...]
    sites: tuple[Site, ...]


class Ledger:
    """Counts every unit (O(1)), takes readings, and judges when asked."""

    def __init__(self) -> None:
        self.windows = 0
        self._counts: dict[Operation, _Count] = {}
        self._history = History()
        self._late: dict[tuple[Operation | None, str], list[int]] = {}

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
            count = self._counts[operation] = _Count()
        count.units += 1
        count.errors += error
        count.last_seen = at

    def add(self, reading: WindowReading) -> None:
        """Take a settled window into account."""
        self.windows += 1
        weights: dict[Operation, float] = {}
        for operation, units in reading.units:
            weights[operation] = weights.get(operation, 0.0) + units
            self._sampled(operation, units)
        for operation, units in reading.edges:
            weights[operation] = weights.get(operation, 0.0) + units * EDGE_WEIGHT
        wider = dict(weights)
        for operation, units in reading.later:
            wider[operation] = wider.get(operation, 0.0) + units
        self._history.add(weights, _signals(reading), wider, _net(reading, sum(wider.values())))
        for look in reading.late:
            counts = self._late.setdefault((look.operation, look.type), [0, 0])
            counts[0] += look.looked
            counts[1] += look.alive
        while len(self._late) > LATE_KEPT:
            del self._late[next(iter(self._late))]

    def _sampled(self, operation: Operation, units: int) -> None:
        count = self._counts.get(operation)
        if count is None:
            return
        if not count.windows:
            count.at_first_window = max(0, count.units - units)
        count.windows += 1
        count.sampled += units

    def judge(self) -> tuple[OperationStats, ...]:
        """Return what is known of every operation, judged anew."""
        return tuple(self._stats(operation, count) for operation, count in self._counts.items())

    def stats(self, judged: Iterable[OperationStats]) -> tuple[OperationStats, ...]:
        """Return the latest counts with verdicts that were judged before; cheap."""
        verdicts = {each.judgement.operation: each.judgement for each in judged}
        return tuple(
            OperationStats(
                verdicts.get(operation) or Judgement(operation, "warming", ("no window has covered it yet",)),
                count.units,
                count.errors,
                count.sampled,
                count.last_seen,
            )
            for operation, count in self._counts.items()
        )

    def _stats(self, operation: Operation, count: _Count) -> OperationStats:
        segments = self._history.of(operation)
        if not segments:
            judgement = Judgement(operation, "warming", ("no window has covered it yet",))
        else:
            judgement = judge(self._evidence(operation, count, segments))
        count.verdict = judgement.verdict
        return OperationStats(judgement, count.units, count.errors, count.sampled, count.last_seen)

    def _evidence(self, operation: Operation, count: _Count, segments: list[Segment]) -> Evidence:
        middle = len(segments) // 2
        recent = segments[middle:]
        return Evidence(
            operation=operation,
            units=count.units - count.at_first_window,
            windows=count.windows,
            sampled_units=count.sampled,
            whole=_phase(segments, operation),
            early=_phase(segments[:middle], operation) if middle else None,
            recent=_phase(recent, operation),
            dying=self._dying(operation, recent),
            previous=count.verdict,
        )

    def _dying(self, operation: Operation, segments: list[Segment]) -> float:
        """Share of the residue, among types that were looked at again, that had gone by then."""
        followed = gone = 0.0
        for name, rate in details(segments, operation, TYPE):
            looked, alive = self._late.get((operation, name)) or self._late.get((None, name)) or (0, 0)
            if looked >= LATE_LOOKS_LEAST:
                followed += rate.value
                gone += rate.value * (1 - alive / looked)
        return gone / followed if followed else 0.0

    def residue(self, operation: Operation) -> Residue:
        """Return what an operation leaves, over all windows that covered it."""
        segments = self._history.of(operation)
        units = sum(segment.units[operation] for segment in segments)
        types = details(segments, operation, TYPE)[:TYPES_SHOWN]
        sites = []
        for name, rate in details(segments, operation, SITE)[:SITES_SHOWN]:
            file, _, line = name.rpartition(":")
            size = combined(segments, operation, "bytes").value * units
            objects = max(1.0, combined(segments, operation, "objects").value * units)
            count = rate.value * units
            sites.append(Site(file, int(line), "", "", round(count), round(size * count / objects)))
        return Residue(tuple(TypeCount(name, round(rate.value * units)) for name, rate in types), tuple(sites))


def _phase(segments: list[Segment], operation: Operation) -> Phase:
    read = {
        signal: combined(segments, operation, signal)
        for signal in NET_SIGNALS
        if any(segment.net[signal].windows for segment in segments)
    }
    return Phase(
        objects=combined(segments, operation, "objects"),
        bytes=combined(segments, operation, "bytes"),
        blocks=read.get("blocks"),
        traced=read.get("traced"),
        steady_blocks=read.get("steady blocks"),
        steady_traced=read.get("steady traced"),
    )


def _net(reading: WindowReading, units: float) -> dict[str, float]:
    """Return what grew, as it is for people, and for the verdict cut to a size at which one window is one voice.

    Free lists, caches of the interpreter and garbage that is not collected yet move the counters by far more than a
    unit's share now and then.
    """
    net: dict[str, float] = {}
    voices = max(units, reading.survivors.objects if reading.survivors else 0.0)
    for name, value, most in (("blocks", reading.blocks, BLOCKS_A_VOICE), ("traced", reading.traced, BYTES_A_VOICE)):
        if value is not None:
            net[name] = value
            net["steady " + name] = max(-most * voices, min(most * voices, value))
    return net


def _signals(reading: WindowReading) -> dict[str, float]:
    if reading.survivors is None:
        return {}
    signals: dict[str, float] = {"objects": reading.survivors.objects, "bytes": reading.survivors.bytes}
    for each in reading.survivors.types:
        signals[TYPE + each.type] = each.count
    for site in reading.sites:
        key = f"{SITE}{site.file}:{site.line}"
        signals[key] = signals.get(key, 0.0) + site.objects
    return signals
