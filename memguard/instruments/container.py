"""How near the container is to its memory limit, and how often the kernel has killed for want of memory in it.

The OOM killer looks at the group of processes, not at one of them: a worker may die of what its siblings use.
"""

from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from memguard.instruments.rss import _group, _upwards

NEAR = 0.5
"""A group that uses less of its limit is asked no further."""


def used_share(root: Path = Path("/")) -> float:
    """Return which share of its memory limit the container uses, the fullest of all that bind it, or the machine does.

    Cached pages of files that the kernel would drop first do not count.

    Args:
        root: Where `proc` and `sys` are found.
    """
    machine = psutil.virtual_memory()
    shares = [1 - machine.available / machine.total]
    for folder, names in _groups(root):
        with suppress(OSError, ValueError, ZeroDivisionError):
            limit, used = (int((folder / name).read_text()) for name in names)
            if limit < machine.total:
                # The statistics take long to read, and are asked only where they matter.
                dropped = _droppable(folder) if used > NEAR * limit else 0
                shares.append((used - dropped) / limit)
    return max(shares)


def oom_kills(root: Path = Path("/")) -> int | None:
    """Return how many processes the kernel has killed for want of memory, here or below; None where that is not told.

    Counted from the making of the group, where there is one, else from the start of the machine.
    """
    for folder, names in _groups(root):
        with suppress(OSError, ValueError):
            return _count(folder / ("memory.events" if names[0] == "memory.max" else "memory.oom_control"), "oom_kill")
    with suppress(OSError, ValueError):
        return _count(root / "proc/vmstat", "oom_kill")
    return None


def _groups(root: Path) -> Iterator[tuple[Path, tuple[str, str]]]:
    """Yield the folders of the process's group and of those above it, with the files that hold limit and usage."""
    for marker, mount, names in (
        ("0::", "sys/fs/cgroup", ("memory.max", "memory.current")),
        (":memory:", "sys/fs/cgroup/memory", ("memory.limit_in_bytes", "memory.usage_in_bytes")),
    ):
        group = _group(root, marker)
        if group is not None:
            yield from ((root / mount / part, names) for part in _upwards(group))


def _droppable(folder: Path) -> int:
    for name in ("total_inactive_file", "inactive_file"):
        with suppress(OSError, ValueError):
            return _count(folder / "memory.stat", name)
    return 0


def _count(file: Path, name: str) -> int:
    """Return the number after a name, one to a line.

    Raises:
        ValueError: The file does not have it.
    """
    for line in file.read_text().splitlines():
        key, _, value = line.partition(" ")
        if key == name:
            return int(value)
    raise ValueError(f"{file} does not say {name}")
