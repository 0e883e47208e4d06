"""How a window's reading becomes sums: units with their weights, signals, and growth cut to one voice a window."""

from collections.abc import Mapping

from memguard.model import Operation
from memguard.readings import WindowReading
from memguard.residue.history import SITE, TYPE, Segment
from memguard.residue.regression import Key

EDGE_WEIGHT = 0.5
"""A unit only partly inside a window leaves, on average over windows, half of its residue in it."""
BLOCKS_A_VOICE, BYTES_A_BLOCK = 4, 64


def add_window(
    segment: Segment,
    reading: WindowReading,
    signals: dict[str, float],
    trust: float,
    *,
    inside: Mapping[Key, float],
    ended: Mapping[Key, float],
) -> None:
    """Add a window to a segment: what survived by its units, net growth by all that ended until it was settled."""
    segment.add(inside, signals, trust)
    voices = max(sum(ended.values()), signals.get("objects", 0.0))
    for net, value, block in ((segment.blocks, reading.blocks, 1), (segment.traced, reading.traced, BYTES_A_BLOCK)):
        if value is not None:
            net.add(ended, {"plain": value, "steady": _steady(value / block, voices)})


def weights(reading: WindowReading) -> dict[Operation, float]:
    """Return units per operation whose residue a window saw; those only partly inside count as half."""
    found = {operation: float(units) for operation, units in reading.units}
    for operation, units in reading.edges:
        found[operation] = found.get(operation, 0.0) + units * EDGE_WEIGHT
    return found


def with_later(inside: dict[Operation, float], reading: WindowReading) -> dict[Operation, float]:
    """Return what `weights` does with the units that ended until the window was settled."""
    ended = dict(inside)
    for operation, count in reading.later:
        ended[operation] = ended.get(operation, 0.0) + count
    return ended


def trust_in(reading: WindowReading) -> float:
    """Return how far a window's own units outweigh its edges."""
    inside, edges = (sum(units for _, units in each) for each in (reading.units, reading.edges))
    return max(0.05, inside / (inside + edges)) if inside + edges else 1.0


def _steady(blocks: float, voices: float) -> float:
    """Cut net growth to a size at which one window is one voice.

    Free lists, caches of the interpreter and garbage that is not collected yet move the counters by far more than a
    unit's share now and then.
    """
    return max(-BLOCKS_A_VOICE * voices, min(BLOCKS_A_VOICE * voices, blocks))


def signals_of(reading: WindowReading) -> dict[str, float]:
    """Return what a window saw alive, by signal."""
    if reading.survivors is None:
        return {}
    survivors = reading.survivors
    signals: dict[str, float] = {
        "objects": survivors.objects,
        "bytes": survivors.bytes,
        "garbage": survivors.left_garbage,
    }
    for each in survivors.types:
        signals[TYPE + each.type] = each.count
    for site in reading.sites:
        key = f"{SITE}{site.file}:{site.line}"
        signals[key] = signals.get(key, 0.0) + site.objects
    return signals
