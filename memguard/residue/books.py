"""The books of a process: what all its windows read, from which the evidence on an operation is drawn."""

from collections.abc import Mapping
from dataclasses import dataclass

from memguard.evidence import Site, TypeCount
from memguard.model import Operation
from memguard.readings import (
    DESCRIPTORS,
    NATIVE,
    RSS,
    TASKS,
    THREADS,
    Interval,
    LateLook,
    Share,
    WindowReading,
)
from memguard.residue.criteria import LIKELY, OBJECTS_LEAST, SURE
from memguard.residue.evidence import Alone, Lasting, Phase, Trend
from memguard.residue.growing import Growing, trend
from memguard.residue.history import SITE, TYPE, History, Segment
from memguard.residue.regression import Key, Rate
from memguard.residue.sequential import Sequential
from memguard.residue.watched import Watched
from memguard.residue.weighing import add_window, signals_of, trust_in, weights, with_later

TYPES_SHOWN, SITES_SHOWN = 8, 5
DOUBT = 0.25
"""Variance that a unit in flight adds to the number of units whose residue a look has seen: it is in it or not."""
RESOURCES = (THREADS, DESCRIPTORS, TASKS)


@dataclass(frozen=True, slots=True)
class Residue:
    """What an accused operation leaves: types and sites, as many as the units observed have left."""

    types: tuple[TypeCount, ...]
    sites: tuple[Site, ...]


class Books:
    """Takes readings and looks; says what they come to for an operation."""

    def __init__(self) -> None:
        self.settled = History()
        self._alone = History()
        self._lasting = History()
        self._held, self._native = Growing(), Growing()
        self._tests: dict[Operation, Sequential] = {}
        self._confirmed: dict[tuple[Operation, str], str] = {}
        self._keys: dict[Operation, int] = {}
        self.watched = Watched(self._key)

    def _key(self, operation: Operation) -> int:
        """Return what stands for an operation in the sums: a number is hashed in a tenth of the time."""
        return self._keys.setdefault(operation, len(self._keys))

    def _keyed(self, units: Mapping[Operation, float]) -> dict[Key, float]:
        # In order, so that of two operations always the same one comes first: sums are kept once.
        return dict(sorted((self._key(operation), count) for operation, count in units.items()))

    def covers(self, operation: Operation) -> bool:
        """Tell whether any window has covered the operation."""
        return self._key(operation) in self.settled.whole.windows

    def residue_rates(self, operation: Operation) -> tuple[Rate, Rate]:
        """Return objects per unit, over the earlier and the later half of all windows."""
        key = self._key(operation)
        return self.settled.early.rate(key, "objects"), self.settled.recent.rate(key, "objects")

    def bytes_and_blocks(self, operation: Operation) -> tuple[float, float]:
        """Return bytes and allocator blocks per unit that stay, lately."""
        key, recent = self._key(operation), self.settled.recent
        size = recent.traced.rate(key, "plain") if recent.traced.windows else recent.rate(key, "bytes")
        return size.value, recent.blocks.rate(key, "plain").value

    def add(self, reading: WindowReading) -> None:
        """Take a settled window into account."""
        signals, trust = signals_of(reading), trust_in(reading)
        weighed = weights(reading)
        inside, ended = self._keyed(weighed), self._keyed(with_later(weighed, reading))
        add_window(self.settled.current(), reading, signals, trust, inside=inside, ended=ended)
        if len(reading.units) == 1 and not reading.edges and not reading.later:
            objects = {"objects": signals.get("objects", 0.0)}
            add_window(self._alone.current(), reading, objects, trust, inside=inside, ended=ended)

    def add_interval(self, interval: Interval) -> None:
        """Take into account what changed in the process while these units ended."""
        units = self._keyed(dict(interval.units))
        doubts = self._keyed({each: DOUBT * count for each, count in interval.in_flight})
        held = dict(interval.held)
        native = {name: held.pop(name) for name in (NATIVE,) if name in held}
        for growing, changes in ((self._held, held), (self._native, native)):  # the two are not always read together
            if changes:
                growing.add(units, changes, doubts)
        if interval.containers:
            self.watched.add(units, interval.containers, doubts)

    def add_look(self, look: LateLook) -> None:
        """Take into account what became of a window's survivors."""
        alive = sum(count for _, count in look.types)
        signals = {"objects": float(look.objects), "followed": float(look.followed), "alive": alive}
        signals |= {TYPE + name: count for name, count in look.types}
        signals |= {f"{SITE}{file}:{line}": count for (file, line), count in look.lines}
        units = dict(look.units)
        self._lasting.current().add(self._keyed(units), signals)
        for operation, number in look.numbers:
            test = self._tests.setdefault(operation, Sequential())
            test.add(units.get(operation, 0.0), number, [name for name, _ in look.types])

    def alone(self, operation: Operation) -> Alone:
        """Return the rates over windows that covered nothing else."""
        key = self._key(operation)
        return Alone(
            whole=_phase(self._alone.whole, key),
            early=_phase(self._alone.early, key),
            recent=_phase(self._alone.recent, key),
        )

    def alone_windows(self, operation: Operation) -> int:
        """Return how many windows covered nothing but this operation."""
        return self._alone.whole.windows.get(self._key(operation), 0)

    def lasting(self, operation: Operation) -> Lasting:
        """Return what is known of an operation's residue after it was looked at again."""
        whole, key = self._lasting.whole, self._key(operation)
        objects, followed, alive = (whole.rate(key, name).value for name in ("objects", "followed", "alive"))
        test = self._tests.get(operation, Sequential())
        name, _ = max(
            whole.details(key, TYPE),
            key=lambda item: (test.is_sure(item[0]), item[1].z),
            default=("", Rate(0.0, 0.0)),
        )
        return Lasting(
            windows=whole.windows.get(key, 0),
            followed=followed / objects if objects > 0 else 0.0,
            stays=max(0.0, min(1.0, alive / followed)) if followed > 0 else 1.0,
            type=name,
            trend=trend(self._lasting, key, TYPE + name),
            is_sure=test.is_sure(name),
            is_held=(operation, name) in self._confirmed,
            container=self.watched.container(operation, self._confirmed.get((operation, name), "")),
        )

    def confirm(self, operation: Operation, name: str, path: str = "") -> None:
        """Objects of this type that the operation left were seen to be held, by the watched container at that path."""
        self._confirmed[operation, name] = path

    def forget_looks(self) -> None:
        """Begin anew with what is seen when survivors are looked at again: garbage was taken for what is held."""
        self._lasting = History()
        self._tests.clear()

    def _is_held(self, operation: Operation) -> bool:
        held = self.watched.held(operation)
        return held is not None and held.trend.whole.z >= SURE

    def native(self, operation: Operation) -> Trend:
        """Return the bytes in use by the C allocator that an operation adds."""
        return self._native.certain_trend(self._key(operation), NATIVE)

    def shares(self) -> tuple[Share, ...]:
        """Return whose the growth of RSS is, as far as that is likely, most first; of warm-up only what came later."""
        likely = ((each, key) for each, key in self._keys.items() if self._held.rate(key, RSS).z >= LIKELY)
        return tuple(
            sorted((Share(each, *self._held.left(key, RSS)) for each, key in likely), key=lambda one: -one.bytes)
        )

    def garbage(self, operation: Operation) -> Trend:
        """Return the cyclic garbage that an operation leaves to nobody."""
        return trend(self.settled, self._key(operation), "garbage")

    def resources(self, operation: Operation) -> tuple[tuple[str, Trend], ...]:
        """Return threads, file descriptors and tasks that an operation leaves."""
        key = self._key(operation)
        return tuple((name, self._held.certain_trend(key, name)) for name in RESOURCES)

    def residue(self, operation: Operation, sampled: int) -> Residue:
        """Return what an operation leaves, over all windows that covered it: what was seen to last comes first."""
        lasting, settled, key = self._lasting.whole, self.settled.whole, self._key(operation)
        types = lasting.details(key, TYPE)
        if not types and not self._is_held(operation):  # what windows saw may be anybody's and may go
            types = settled.details(key, TYPE)
        lines = lasting.details(key, SITE) or settled.details(key, SITE)
        objects = max(OBJECTS_LEAST, settled.rate(key, "objects").value)
        bytes_an_object = settled.rate(key, "bytes").value / objects
        sites = []
        for name, rate in lines[:SITES_SHOWN]:
            file, _, line = name.rpartition(":")
            left = round(rate.value * sampled)
            sites.append(Site(file, int(line), "", "", left, round(left * bytes_an_object)))
        return Residue(
            tuple(TypeCount(name, round(rate.value * sampled)) for name, rate in types[:TYPES_SHOWN]), tuple(sites)
        )


def _phase(segment: Segment, key: Key) -> Phase:
    return Phase(objects=segment.rate(key, "objects"), net=segment.net_rate(key))
