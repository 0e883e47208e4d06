"""Patterns: known kinds of leak (design §10). A new one is one entry, and a page in `docs/patterns/`.

The first entry that says yes wins, so they stand from the most specific to the least: what goes on after its unit,
owners that keep what they are given, things that must not be kept, then a container that merely grows. Where two could
match, the one that says what to fix stands first.
"""

from memguard.evidence import Pattern
from memguard.explain.patterns import kept, owners, work
from memguard.explain.patterns.entry import Entry
from memguard.readings import Clues

__all__ = ["ENTRIES", "UNKNOWN", "Entry", "recognise"]

_NONE_OF_THEM = Entry(
    "unknown",
    "Residue that lasts",
    "Open the site and follow where the new object is put: a container at module or class level, a callback, a chain "
    "of objects in which each holds the one before it. Cap it or remove the entry when the unit ends, `try: ... "
    "finally: entries.pop(key, None)`. Without a site, run the service with `MEMGUARD_MODE=trace` for a while.",
    lambda _: True,
)
ENTRIES: tuple[Entry, ...] = (*work.ENTRIES, *owners.ENTRIES, *kept.ENTRIES, _NONE_OF_THEM)

UNKNOWN = _NONE_OF_THEM.pattern
"""The honest answer where no pattern is recognised."""


def recognise(clues: Clues) -> Pattern:
    """Return the pattern of a leak, `UNKNOWN` where the clues fit none."""
    return next(entry.pattern for entry in ENTRIES if entry.detect(clues))
