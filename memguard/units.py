"""Bytes and durations: read from what people write, written as people read them."""

import math
import re
import sys

_FACTORS = {
    "b": 1,
    "kb": 1000,
    "mb": 1000**2,
    "gb": 1000**3,
    "tb": 1000**4,
    "kib": 1024,
    "mib": 1024**2,
    "gib": 1024**3,
    "tib": 1024**4,
}
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_QUANTITY = re.compile(r"\s*([0-9]+(?:\.[0-9]+)?)\s*([a-zA-Z]*)\s*")

SIZE_FORMS = 'a number of bytes, or a text like "512MB" (10^6 bytes) or "512MiB" (2^20 bytes)'
DURATION_FORMS = 'a number of seconds, or a text like "500ms", "30s", "5m", "2h" or "1d"'


def parse_bytes(value: object) -> int:
    """Return a size in bytes; raise ValueError for anything but a positive `SIZE_FORMS`."""
    size = round(_quantity(value, _FACTORS, "b", SIZE_FORMS))
    if size == 0:
        raise ValueError(f"expected {SIZE_FORMS}")
    return size


def parse_seconds(value: object) -> float:
    """Return a duration in seconds; raise ValueError for anything but a positive `DURATION_FORMS`."""
    return _quantity(value, _SECONDS, "s", DURATION_FORMS)


def _quantity(value: object, factors: dict[str, float] | dict[str, int], default: str, forms: str) -> float:
    if isinstance(value, str):
        match = _QUANTITY.fullmatch(value)
        factor = factors.get((match[2] or default).lower()) if match else None
        number = float(match[1]) * factor if match and factor is not None else math.nan
    elif isinstance(value, int | float) and not isinstance(value, bool):
        number = float(value) if abs(value) <= sys.float_info.max else math.inf
    else:
        number = math.nan
    if not (math.isfinite(number) and number > 0):
        raise ValueError(f"expected {forms}")
    return number


def format_bytes(count: float) -> str:
    """Return a size for people, in units of 1000 with three significant figures: `1.23 MB`, `-4.10 kB`, `17 B`."""
    if abs(round(count)) < 1000:
        return f"{round(count)} B"
    for unit, factor in (("kB", 1000), ("MB", 1000**2), ("GB", 1000**3), ("TB", 1000**4)):
        size = abs(count) / factor
        # Decided on what is shown: 999.9 kB is "1.00 MB", not "1000 kB".
        if round(size) < 1000 or unit == "TB":
            digits = 2 if round(size, 2) < 10 else 1 if round(size, 1) < 100 else 0
            return f"{count / factor:.{digits}f} {unit}"
    raise AssertionError("the last unit takes whatever is left")


def format_change(count: float) -> str:
    """Return by how much a size has changed, for people: as `format_bytes`, with a `+` where it has grown."""
    return f"{'+' if count > 0 else ''}{format_bytes(count)}"


def format_seconds(seconds: float) -> str:
    """Return a duration for people, coarse on purpose: `850 ms`, `12 s`, `4 min`, `3 h`, `2 d`."""
    if round(seconds * 1000) < 1000:
        return f"{seconds * 1000:.0f} ms"
    for limit, factor, unit in ((120, 1, "s"), (7200, 60, "min"), (172800, 3600, "h")):
        if seconds < limit:
            return f"{seconds / factor:.0f} {unit}"
    return f"{seconds / 86400:.0f} d"
