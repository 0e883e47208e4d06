"""The ledger of one process: what was counted of each operation, its windows, and the verdicts they lead to."""

from collections.abc import Iterable
from dataclasses import dataclass

from memguard.model import OTHER, Judgement, Operation, OperationStats, Site, TypeCount, VerdictName
from memguard.readings import LateLook, WindowReading
from memguard.residue.history import SITE, TYPE, History, Segment
from memguard.residue.regression import Rate
from memguard.residue.verdict import OBJECTS_LEAST, Alone, Evidence, Lasting, Phase, judge

OPERATIONS_MOST = 200
"""Operations beyond are counted together as `<other>`, so that no flood of names fills the memory."""
WARM_UP_UNITS = 3
"""The first units of an operation import modules and fill caches; windows over them tell nothing else."""
EDGE_WEIGHT = 0.5
"""A unit only partly inside a window leaves, on average over windows, half of its residue in it."""
BLOCKS_A_VOICE, BYTES_A_BLOCK = 4, 64
TYPES_SHOWN, SITES_SHOWN = 8, 5
NO_WINDOW = "no window has covered it since its first units"


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
    """What an accused operation leaves: types and sites, as many as the units observed have left."""

    types: tuple[TypeCount, ...]
    sites: tuple[Site, ...]


class Ledger:
    """Counts every unit (O(1)), takes readings, and judges when asked."""

    def __init__(self) -> None:
        self.windows = 0
        self._counts: dict[Operation, _Count] = {}
        self._settled = History()
        self._alone = History()
        self._lasting = History()

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
        signals, trust = _signals(reading), _trust(reading)
        _add(self._settled.current(), reading, signals, trust)
        if len(reading.units) == 1 and not reading.edges and not reading.later:
            _add(self._alone.current(), reading, {"objects": signals.get("objects", 0.0)}, trust)

    def add_look(self, look: LateLook) -> None:
        """Take into account what became of a window's survivors."""
        alive = sum(count for _, count in look.types)
        signals = {"objects": float(look.objects), "followed": float(look.followed), "alive": alive}
        signals |= {TYPE + name: count for name, count in look.types}
        signals |= {f"{SITE}{file}:{line}": count for (file, line), count in look.lines}
        self._lasting.current().add(dict(look.units), signals)

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
        if operation in self._settled.whole.windows:
            judgement = judge(self._evidence(operation, count))
        else:
            judgement = Judgement(operation, "warming", (NO_WINDOW,))
        count.verdict = judgement.verdict
        return OperationStats(judgement, count.units, count.errors, count.sampled, count.last_seen)

    def _evidence(self, operation: Operation, count: _Count) -> Evidence:
        settled = self._settled
        traced = settled.recent.traced
        return Evidence(
            operation=operation,
            units=count.units - count.at_first_window,
            windows=count.windows,
            sampled_units=count.sampled,
            early=settled.early.rate(operation, "objects"),
            recent=settled.recent.rate(operation, "objects"),
            alone=Alone(
                whole=_phase(self._alone.whole, operation),
                early=_phase(self._alone.early, operation),
                recent=_phase(self._alone.recent, operation),
            ),
            lasting=self._lasts(operation),
            bytes_per_unit=(
                traced.rate(operation, "plain") if traced.windows else settled.recent.rate(operation, "bytes")
            ).value,
            blocks_per_unit=settled.recent.blocks.rate(operation, "plain").value,
            previous=count.verdict,
        )

    def _lasts(self, operation: Operation) -> Lasting:
        whole = self._lasting.whole
        objects, followed, alive = (whole.rate(operation, name).value for name in ("objects", "followed", "alive"))
        name, rate = max(whole.details(operation, TYPE), key=lambda item: item[1].z, default=("", Rate(0.0, 0.0)))
        return Lasting(
            windows=whole.windows.get(operation, 0),
            followed=followed / objects if objects > 0 else 0.0,
            stays=max(0.0, min(1.0, alive / followed)) if followed > 0 else 1.0,
            type=name,
            whole=rate,
            recent=self._lasting.recent.rate(operation, TYPE + name),
        )

    def residue(self, operation: Operation) -> Residue:
        """Return what an operation leaves, over all windows that covered it: what was seen to last comes first."""
        count = self._counts[operation]
        lasting, settled = self._lasting.whole, self._settled.whole
        types = lasting.details(operation, TYPE) or settled.details(operation, TYPE)
        lines = lasting.details(operation, SITE) or settled.details(operation, SITE)
        objects = max(OBJECTS_LEAST, settled.rate(operation, "objects").value)
        bytes_an_object = settled.rate(operation, "bytes").value / objects
        sites = []
        for name, rate in lines[:SITES_SHOWN]:
            file, _, line = name.rpartition(":")
            left = round(rate.value * count.sampled)
            sites.append(Site(file, int(line), "", "", left, round(left * bytes_an_object)))
        return Residue(
            tuple(TypeCount(name, round(rate.value * count.sampled)) for name, rate in types[:TYPES_SHOWN]),
            tuple(sites),
        )


def _add(segment: Segment, reading: WindowReading, signals: dict[str, float], trust: float) -> None:
    """Add a window to a segment: what survived by its units, net growth by all that ended until it was settled."""
    units = weights(reading)
    segment.add(units, signals, trust)
    for operation, count in reading.later:
        units[operation] = units.get(operation, 0.0) + count
    voices = max(sum(units.values()), signals.get("objects", 0.0))
    for net, value, block in ((segment.blocks, reading.blocks, 1), (segment.traced, reading.traced, BYTES_A_BLOCK)):
        if value is not None:
            net.add(units, {"plain": value, "steady": _steady(value / block, voices)})


def weights(reading: WindowReading) -> dict[Operation, float]:
    """Return units per operation whose residue a window saw; those only partly inside count as half."""
    found = {operation: float(units) for operation, units in reading.units}
    for operation, units in reading.edges:
        found[operation] = found.get(operation, 0.0) + units * EDGE_WEIGHT
    return found


def _trust(reading: WindowReading) -> float:
    """Return how far a window's own units outweigh its edges."""
    inside, edges = (sum(units for _, units in each) for each in (reading.units, reading.edges))
    return max(0.05, inside / (inside + edges)) if inside + edges else 1.0


def _phase(segment: Segment, operation: Operation) -> Phase:
    return Phase(objects=segment.rate(operation, "objects"), net=segment.net_rate(operation))


def _steady(blocks: float, voices: float) -> float:
    """Cut net growth to a size at which one window is one voice.

    Free lists, caches of the interpreter and garbage that is not collected yet move the counters by far more than a
    unit's share now and then.
    """
    return max(-BLOCKS_A_VOICE * voices, min(BLOCKS_A_VOICE * voices, blocks))


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
