"""Snapshots of allocations from inside a program: written to a file, now or every so often."""

import threading
import time
from pathlib import Path
from typing import Self

from memguard import allocations
from memguard.instruments import raw

SUFFIX = ".mgs"


def write_snapshot(path: str | Path) -> Path:
    """Write what is alive of all that was allocated while tracemalloc was on; return the path.

    Raises:
        RuntimeError: Nothing is traced.
        OSError: It cannot be written.
    """
    path = Path(path)
    allocations.write(raw.take(), path)
    return path


class Periodic:
    """Writes a snapshot every so many seconds into a directory, and keeps the last few. A context manager."""

    def __init__(self, directory: str | Path, *, seconds: float = 60.0, keep: int = 10) -> None:
        """Prepare it.

        Args:
            directory: Where to; it must exist.
            seconds: Between two.
            keep: How many of its own stay; the oldest go first.
        """
        self.written: list[Path] = []
        self._directory, self._seconds, self._keep = Path(directory), seconds, max(1, keep)
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="memguard-snapshots", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        self._thread.join()

    def take(self) -> Path:
        """Write one now."""
        stamp = time.strftime("%Y%m%dT%H%M%S", time.gmtime()) + f"-{len(self.written):04}"
        written = write_snapshot(self._directory / f"allocations-{stamp}{SUFFIX}")
        self.written.append(written)
        for old in self.written[: -self._keep]:
            old.unlink(missing_ok=True)
        return written

    def _run(self) -> None:
        while not self._stopped.wait(self._seconds):
            self.take()
