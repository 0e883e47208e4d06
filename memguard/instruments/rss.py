"""RSS of this process now, and the memory limit it lives under.

Never `ru_maxrss`: that is a peak, and it survives `exec`.
"""

import os
import weakref
from contextlib import suppress
from pathlib import Path

import psutil

from memguard.forking import reset_in_child

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


class RssReader:
    """Reads this process's memory in bytes; a forked child reads its own, not the parent's."""

    def __init__(self) -> None:
        self._statm: int | None = None
        self._open()
        reset_in_child(self._reset_after_fork)

    def read(self, metric: str = "rss") -> int:
        """Return `rss`, or `uss` or `pss` (milliseconds on a large process; RSS where the platform has none)."""
        if metric == "rss":
            return self._read_statm() or int(psutil.Process().memory_info().rss)
        full = psutil.Process().memory_full_info()
        return int(getattr(full, metric, full.rss))

    def _read_statm(self) -> int:
        """In trace mode every unit is read three times: a microsecond through a kept descriptor, 20 through psutil."""
        if self._statm is None:
            return 0
        try:
            told = os.pread(self._statm, 128, 0)
            start = told.index(b" ") + 1  # not `split`: its list would be an object that a window might see
            return int(told[start : told.index(b" ", start)]) * _PAGE
        except (OSError, ValueError):  # the host closed all descriptors, as daemons do
            self._statm = None
            return 0

    def _open(self) -> None:
        try:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        self._close = weakref.finalize(self, _close, self._statm, os.fstat(self._statm))
        self._close.atexit = False

    def _reset_after_fork(self) -> None:
        if self._statm is not None:  # it goes on reading the parent's memory
            self._close()
        self._statm = None
        self._open()


def _close(descriptor: int, opened: os.stat_result) -> None:
    """Close a descriptor if it still is what was opened: a host that closed it may have its own under that number."""
    with suppress(OSError):
        if os.path.samestat(os.fstat(descriptor), opened):
            os.close(descriptor)


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes this process may use: the tightest cgroup limit (v2, then v1), else the machine's memory.

    Args:
        root: Where `proc` and `sys` are found.
    """
    return min([*_version_2(root), *_version_1(root), int(psutil.virtual_memory().total)])


def _version_2(root: Path) -> list[int]:
    """Limits from the process's group up to the root: a parent's limit binds its children too."""
    group = _group(root, "0::")
    mount = root / "sys/fs/cgroup"
    return [] if group is None else _limits([mount / part for part in _upwards(group)], "memory.max")


def _version_1(root: Path) -> list[int]:
    group = _group(root, ":memory:")
    mount = root / "sys/fs/cgroup/memory"
    return [] if group is None else _limits([mount / part for part in _upwards(group)], "memory.limit_in_bytes")


def _group(root: Path, marker: str) -> str | None:
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:
        return None
    return next((line.split(marker, 1)[1].strip("/") for line in lines if marker in line), None)


def _upwards(group: str) -> list[str]:
    parts = group.split("/") if group else []
    return ["/".join(parts[:depth]) for depth in range(len(parts), -1, -1)]


def _limits(folders: list[Path], name: str) -> list[int]:
    limits = []
    for folder in folders:
        try:
            limits.append(int((folder / name).read_text()))
        # Version 2 writes "max" for no limit, version 1 a number larger than any memory; and a container does not see
        # the host's groups.
        except (OSError, ValueError):
            continue
    return limits
