"""The part of a reproduction that is the same for all. `⟦NAME⟧` stands for Python that is made from the finding."""

FILE = '''"""Fails while an operation leaks, and passes once it is mended. Written by memguard, which is not needed to run it.

1. Fill in the lines that are marked so: where the application is, and what it is sent.
2. Run it with pytest, before and after the change.
"""

import gc
import linecache
import os
import sys
import threading
import tracemalloc
from itertools import pairwise
⟦IMPORTS⟧

# What the finding says.
FINDING = ⟦FINDING⟧
OPERATION = ⟦OPERATION⟧
PATTERN = ⟦PATTERN⟧
SITE_FILE, SITE_LINE, SITE_SOURCE = ⟦SITE⟧
HOLDER = ⟦HOLDER⟧
CONTAINER = ⟦CONTAINER⟧  # the holder's, where it can be looked up by this name

# What counts as a leak: so much more of it for each unit, in every round. Where the mend is a cap, the container must
# be full before the first round: raise WARM_UP above the cap.
LEAST = ⟦LEAST⟧
WARM_UP, ROUNDS, UNITS = ⟦UNITS⟧

⟦GIVEN⟧

def test_nothing_stays(unit):
    answer = unit(0)
    assert answer not in UNEXPECTED, f"{OPERATION} answered {answer}: fill in what it needs, or allow it in UNEXPECTED"
    for number in range(1, WARM_UP):
        unit(number)
    site = find_site()
    is_traced = tracemalloc.is_tracing()
    if site and not is_traced:
        tracemalloc.start(10)
    try:
        measure(site)  # once for what measuring itself leaves
        readings = [measure(site)]
        for turn in range(ROUNDS):
            for number in range(UNITS):
                unit(WARM_UP + turn * UNITS + number)
            readings.append(measure(site))
    finally:
        if site and not is_traced:
            tracemalloc.stop()
    grown = [
        f"{readings[-1][what] - readings[0][what]:,} more {what}"
        for what, least in LEAST.items()
        if all(after[what] - before[what] >= least * UNITS for before, after in pairwise(readings))
    ]
    assert not grown, (
        f"{OPERATION} leaks ({PATTERN}): after {ROUNDS * UNITS} units there are {', '.join(grown)}.\\n"
        f"Allocated at {SITE_FILE}:{SITE_LINE}: {SITE_SOURCE}\\n"
        f"Held by {HOLDER}"
    )


def measure(site):
    if gc.isenabled():  # where the application switched it off, cycles stay, here as there
        gc.collect()
        gc.collect()
    # Without a name or a number for each object: while tracemalloc is on, those would be dear.
    types = list(map(type, gc.get_objects()))
    reading = dict.fromkeys(LEAST, 0)
    for kind in set(types):
        what = f"objects of {type_name(kind)}"
        if what in reading:
            reading[what] += types.count(kind)
    del types
    reading["entries of the holder"] = container_size()
    reading["bytes at the site"] = traced_bytes(site) if site else 0
    reading["threads"] = threading.active_count()
    reading["open descriptors"] = len(os.listdir("/dev/fd")) if os.path.isdir("/dev/fd") else 0
    reading["blocks of memory"] = sys.getallocatedblocks()
    reading["bytes of RSS"] = resident_bytes()
    return reading


def type_name(kind):
    module, name = type.__dict__["__module__"].__get__(kind), type.__dict__["__qualname__"].__get__(kind)
    return f"{module}.{name}" if isinstance(module, str) and module != "builtins" else name


def container_size():
    names = CONTAINER.split(".")
    start = next((cut for cut in range(len(names), 0, -1) if ".".join(names[:cut]) in sys.modules), None)
    if start is None:
        return 0
    found = sys.modules[".".join(names[:start])]
    for name in names[start:]:
        if hasattr(found, "cache_info"):
            break
        found = getattr(found, name, None)
    if hasattr(found, "cache_info"):
        return found.cache_info().currsize
    return len(found) if hasattr(found, "__len__") else 0


def find_site():
    """Return file and line of the site in the code as it is now, None where it is not there any more."""
    if not SITE_SOURCE:
        return None
    files = [str(getattr(module, "__file__", None)) for module in list(sys.modules.values())]
    alike = [
        (-len(os.path.commonprefix([file[::-1], SITE_FILE[::-1]])), abs(number - SITE_LINE), file, number)
        for file in files
        if os.path.basename(file) == os.path.basename(SITE_FILE)
        for number, line in enumerate(linecache.getlines(file), 1)
        if line.strip() == SITE_SOURCE
    ]
    return min(alike)[2:] if alike else None


def traced_bytes(site):
    traces = tracemalloc.take_snapshot().traces
    return sum(
        trace.size for trace in traces if any((frame.filename, frame.lineno) == site for frame in trace.traceback)
    )


def resident_bytes():
    try:
        with open("/proc/self/statm", "rb") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
    except OSError:
        return 0
'''
