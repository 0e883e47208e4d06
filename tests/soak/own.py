"""Memguard's own memory: what its guard keeps, found by following references, and none of the host's."""

import gc
import sys
from collections.abc import Iterable
from threading import Thread
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, ModuleType
from typing import Any

from memguard.wiring.guard import Guard

BEYOND = (type, ModuleType, FunctionType, BuiltinFunctionType, CodeType, FrameType, Thread)
"""What is everybody's: by it the walk would come to the whole process."""
OBJECTS_MOST = 2_000_000


def kept_by(roots: Iterable[Any], seen: dict[int, int] | None = None) -> dict[int, int]:
    """Return the bytes of all that can be reached from the roots, by identity; `seen` is added to and not gone into."""
    found: dict[int, int] = {} if seen is None else seen
    pending = list(roots)
    while pending and len(found) < OBJECTS_MOST:
        each = pending.pop()
        if id(each) in found or isinstance(each, BEYOND):
            continue
        found[id(each)] = sys.getsizeof(each)
        pending.extend(gc.get_referents(each))
    return found


def own_memory(guard: Guard) -> dict[str, int]:
    """Return the bytes of memguard's parts; what several share counts for the first of them."""
    watch, reporter = guard._watch, guard._reporter
    if watch is None or reporter is None:
        return {}
    observer = watch.observer
    parts: dict[str, Any] = {
        "ledger": watch.ledger,
        "late objects": observer.late,
        "end of life": watch.end_of_life,
        "containers": observer.containers,
        "zoom": observer.zoom,
        "growers": reporter._search._growers,
        "findings": reporter._findings._findings,
        "units in flight": [watch.live, observer._ended, observer._span],
        "the rest": [watch, reporter],
    }
    sizes, seen = {}, dict[int, int]()
    for name, root in parts.items():
        before = sum(seen.values())
        kept_by([root], seen)
        sizes[name] = sum(seen.values()) - before
    return sizes
