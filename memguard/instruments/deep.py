"""The deep size of a container: its own bytes, and those of all that can be reached from it, each object once.

What others hold as well is in it, too. The program itself (modules, classes, functions) is not: that is no data.
"""

from dataclasses import dataclass
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MappingProxyType, ModuleType, TracebackType
from typing import Any

from memguard.forking import undivided
from memguard.instruments.census import _FLAGS
from memguard.instruments.walking import AT_ONCE, Marks, Pace, referents, size_of

OBJECTS_MOST = 2_000_000
MEASURED_MOST = 100_000
"""Of more objects pympler would take long, and nothing can stop it on its way."""
ENTRIES_AT_ONCE = 500
_IS_CLASS = 1 << 31
_NO_DATA = frozenset(
    map(
        id,
        (ModuleType, FunctionType, BuiltinFunctionType, CodeType, FrameType, TracebackType, MappingProxyType),
    )
)


@dataclass(frozen=True, slots=True)
class Deep:
    """What is below a container, itself included.

    Attributes:
        bytes: Of it all, scaled up where only a share of the container's entries was looked at.
        objects: How many were looked at.
        share: Of the entries that were looked at, from 0.0 to 1.0.
    """

    bytes: int
    objects: int
    share: float = 1.0


def estimate(container: Any, pace: Pace, *, namespaces: frozenset[int] = frozenset(), most: int = OBJECTS_MOST) -> Deep:
    """Return the deep size by memguard's own sum; no code of the host's runs.

    Where the time is over, or there are more objects than `most`, the entries that were looked at stand for the rest.

    Args:
        container: Whose.
        pace: How long it may take.
        namespaces: Ids of dicts that are no data: the namespaces of modules.
        most: So many objects are looked at.
    """
    found = _Sum(Marks((id(container), *namespaces)), pace, most)
    entries = done = 0
    for part in referents([container]):
        entries += len(part)
        for start in range(0, len(part), ENTRIES_AT_ONCE):
            if found.is_over():
                break
            taken, before = part[start : start + ENTRIES_AT_ONCE], found.bytes
            found.add(taken)
            if found.is_over() and done:
                found.bytes = before  # they were looked at in part only
            else:
                done += len(taken)
    share = done / entries if entries else 1.0
    return Deep(size_of(container) + (round(found.bytes / share) if share else 0), found.objects + 1, share)


def measured(container: Any) -> int | None:
    """Return the deep size as pympler's asizeof has it; None where it is not installed, or fails.

    It asks the objects themselves, by `__sizeof__` and `__len__`: code of the host's may run.
    """
    try:
        with undivided():
            from pympler import asizeof
    except ImportError:
        return None
    sizer: Any = asizeof.Asizer
    try:
        return int(sizer().asizeof(container))
    except Exception:
        return None  # something below it does not want to be looked at


class _Sum:
    """The sum so far.

    Attributes:
        bytes, objects: Of what was added, each object once.
    """

    def __init__(self, seen: Marks, pace: Pace, most: int) -> None:
        self.bytes = self.objects = 0
        self._seen = seen
        self._pace = pace
        self._most = most

    def is_over(self) -> bool:
        """Tell whether the time is over, or enough was looked at."""
        return self._pace.is_over or self.objects >= self._most

    def add(self, level: list[Any]) -> None:
        """Add objects and all that can be reached from them."""
        level = self._seen.fresh(level)
        while level and not self.is_over():
            following: list[Any] = []
            for start in range(0, len(level), AT_ONCE):
                data = [each for each in level[start : start + AT_ONCE] if not _is_program(type(each))]
                self.objects += len(data)
                self.bytes += sum(map(size_of, data))
                if self.is_over():
                    return
                for held in referents(data):
                    following += self._seen.fresh(held)
                self._pace.rest()
            level = following


def _is_program(kind: type) -> bool:
    return id(kind) in _NO_DATA or bool(_FLAGS.__get__(kind) & _IS_CLASS)
