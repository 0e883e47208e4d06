"""RSS of this process now, and the memory limit it lives under.

Never `ru_maxrss`: that is a peak, and it survives `exec`.
"""

import os
import weakref
from pathlib import Path

import psutil

from memguard.forking import reset_in_child

_PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096
UNLIMITED = 2**60
"""cgroup v1 writes "no limit" as a huge number."""


class RssReader:
    """Reads this process's memory in bytes; a forked child reads its own, not the parent's."""

    def __init__(self) -> None:
        self._statm: int | None = None
        self._open()
        reset_in_child(self._reset_after_fork)

    def read(self, metric: str = "rss") -> int:
        """Return `rss`, or `uss` or `pss` (milliseconds on a large process; RSS where the platform has none)."""
        if metric == "rss":
            return self._read_statm() if self._statm is not None else int(psutil.Process().memory_info().rss)
        full = psutil.Process().memory_full_info()
        return int(getattr(full, metric, full.rss))

    def _read_statm(self) -> int:
        """In trace mode every unit is read three times: a microsecond through a kept descriptor, 20 through psutil."""
        assert self._statm is not None
        return int(os.pread(self._statm, 128, 0).split(None, 2)[1]) * _PAGE

    def _open(self) -> None:
        try:
            self._statm = os.open("/proc/self/statm", os.O_RDONLY | os.O_CLOEXEC)
        except OSError:
            return
        weakref.finalize(self, os.close, self._statm)

    def _reset_after_fork(self) -> None:
        # The descriptor goes on reading the parent's memory. It stays open until this object goes: its number is the
        # finalizer's.
        self._statm = None
        self._open()


def memory_limit(root: Path = Path("/")) -> int:
    """Return the bytes this process may use: the tightest cgroup limit (v2, then v1), else the machine's memory.

    Args:
        root: Where `proc` and `sys` are found.
    """
    limits = [limit for limit in (*_version_2(root), *_version_1(root)) if limit < UNLIMITED]
    return min([*limits, int(psutil.virtual_memory().total)])


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
        except (OSError, ValueError):  # "max", or a group that is not mounted inside the container
            continue
    return limits
