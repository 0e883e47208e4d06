"""Containers that were seen to grow: where they are, and what they hold at both ends of each window."""

from collections import Counter
from collections.abc import Iterator
from itertools import islice
from typing import Any

from memguard.classes import type_name
from memguard.evidence import Holder, TypeCount
from memguard.explain.holders import Anchor, Found, newest, size_of
from memguard.explain.roots import closeness
from memguard.readings import Growth

WATCHED_MOST, ALIKE_MOST = 24, 16
"""Paths that are watched, and containers of one path: a dict of lists has many lists of the same path."""
UNKNOWN_RANK = 3
ENTRIES_LOOKED_AT = 16
_PLAIN = frozenset({"int", "str", "bytes", "float", "bool", "complex", "NoneType"})
Sizes = dict[str, tuple[int, ...]]


class Containers:
    """By path. Holds no container: each is looked up anew by its anchor."""

    def __init__(self) -> None:
        self._anchors: dict[str, list[Anchor]] = {}
        self._bounds: dict[str, list[int | None]] = {}
        self._ranks: dict[str, int] = {}
        self._aliases: dict[str, str] = {}
        self.holders: dict[str, Holder] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._anchors

    def watch(self, found: Found) -> bool:
        """Watch what was found; False where it cannot be come back to, or too many are watched already."""
        path = self._place(found)
        if found.anchor is None or (path not in self._anchors and len(self._anchors) >= WATCHED_MOST):
            return False
        alike = self._anchors.get(path, [])
        known = {id(each) for each in self.of(path)}
        container = found.anchor.container()
        if container is None or id(container) in known or len(alike) >= ALIKE_MOST:
            return container is not None
        self._anchors[path] = [*alike, found.anchor]
        self._bounds[path] = [*self._bounds.get(path, ()), found.bound]
        self.holders.setdefault(path, found.holder)
        is_known = found.holder.root_kind not in {"unknown", "frame"}
        self._ranks[path] = closeness(found.holder.root.rpartition(" ")[2]) if is_known else UNKNOWN_RANK
        return True

    def place(self, path: str) -> str:
        """Return where the container is watched that a path leads to, be it from an entry or from far below it."""
        place = place_of(path)
        return self._aliases.get(place, place)

    def _place(self, found: Found) -> str:
        """Return the path that its container is watched under already, if it is; else its own."""
        path = place_of(found.holder.path)
        container = found.anchor.container() if found.anchor is not None else None
        for place in self._anchors if container is not None else ():
            if place != path and any(each is container for each in self.of(place)):
                self._aliases[path] = place
                return place
        return path

    def forget(self, path: str) -> None:
        """Watch it no more."""
        self._anchors.pop(path, None)
        self._bounds.pop(path, None)
        self._ranks.pop(path, None)
        self.holders.pop(path, None)
        self._aliases = {alias: place for alias, place in self._aliases.items() if place != path}

    @property
    def paths(self) -> tuple[str, ...]:
        """All that are watched."""
        return tuple(self._anchors)

    def of(self, path: str) -> Iterator[Any]:
        """Yield the containers of a path that are alive; for the caller's call only."""
        for anchor in self._anchors.get(path, ()):
            container = anchor.container()
            if container is not None:
                yield container

    def kept(self, path: str) -> tuple[TypeCount, ...]:
        """Return the types of what the containers of a path got last, in the proportion of all they hold.

        Plain numbers and text only where there is nothing else. For the caller's call only.
        """
        counts: Counter[str] = Counter()
        size = 0
        for container in self.of(path):
            size += size_of(container) or 0
            counts.update(type_name(type(each)) for each in _latest(container))
        telling = Counter({name: count for name, count in counts.items() if name not in _PLAIN}) or counts
        return tuple(
            TypeCount(name, max(1, round(size * count / telling.total()))) for name, count in telling.most_common()
        )

    def sizes(self) -> Sizes:
        """Return the sizes of all that are watched."""
        return {path: tuple(map(_size, anchors)) for path, anchors in self._anchors.items()}

    def size(self, path: str) -> int:
        """Return how many entries the containers of a path have together."""
        size = 0
        for anchor in self._anchors.get(path, ()):
            size += max(0, _size(anchor))
        return size

    def grown(self, before: Sizes) -> tuple[Growth, ...]:
        """Return how those have changed whose sizes were read before; what is gone or new counts for nothing."""
        growths = []
        for path, sizes in before.items():
            anchors = self._anchors.get(path, ())
            if len(anchors) != len(sizes):
                continue
            now = tuple(map(_size, anchors))
            entries = sum(
                size - earlier for size, earlier in zip(now, sizes, strict=True) if size >= 0 and earlier >= 0
            )
            bounds = self._bounds[path]
            bound = None if None in bounds else sum(each for each in bounds if each is not None)
            size = sum(each for each in now if each >= 0)
            growths.append(Growth(path, entries, size, bound, self._ranks[path]))
        return tuple(growths)


def place_of(path: str) -> str:
    """Return where a container is, from the path to one of its entries (`shop.cache[str]`) or to itself."""
    return path[: path.rindex("[")] if path.endswith("]") else path


def _latest(container: Any) -> list[Any]:
    if isinstance(container, set):  # it has no order; each of them is as good as another
        return list(islice(set.__iter__(container), ENTRIES_LOOKED_AT))
    return newest(container, ENTRIES_LOOKED_AT)


def _size(anchor: Anchor) -> int:
    size = size_of(anchor.container())
    return -1 if size is None else size
