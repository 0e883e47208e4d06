"""A process with its children: what they use together. Pages that they share count once for each of them."""

from collections.abc import Iterator

import psutil


class Family:
    """Reads one process and all that descend from it, as long as any of them is there."""

    def __init__(self, pid: int) -> None:
        """Raise `psutil.NoSuchProcess` where there is no such process."""
        self._head = psutil.Process(pid)

    def read(self) -> tuple[int, int]:
        """Return the RSS of all of them in bytes, and how many they are; 0 of both once they are gone."""
        sizes = list(self._sizes())
        return sum(sizes), len(sizes)

    def _sizes(self) -> Iterator[int]:
        try:
            members = [self._head, *self._head.children(recursive=True)]
        except psutil.Error:
            members = [self._head]
        for member in members:
            try:
                size = member.memory_info().rss
            except psutil.Error:  # it ended meanwhile
                continue
            if size:  # one that has ended and was not waited for has none
                yield size
