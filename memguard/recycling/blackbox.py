"""What a worker was doing, for others to read when it has died without saying goodbye.

Each worker has one small file, locked (`flock`) as long as it lives. What it writes there is with the kernel at once,
so it outlives a `SIGKILL`. In an orderly end the worker takes the file away. A file that is there and that nobody has
locked is therefore a death: whoever sees it first takes the lock, reads it and removes it, so each is told once.
"""

import json
import os
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from memguard.forking import reset_in_child
from memguard.model import WorkerId
from memguard.recycling import locks

PREFIX = "box-"
RUNNING_MOST = 20
BYTES_MOST = 16_384


@dataclass(frozen=True, slots=True)
class Running:
    """Units of one operation that are in flight: how many, and for how many seconds the oldest of them."""

    kind: str
    name: str
    count: int
    seconds: float


@dataclass(frozen=True, slots=True)
class Box:
    """What is written.

    Attributes:
        worker: Whose it is.
        kind, server: As in `WorkerState`.
        at: When it was written.
        rss: Bytes.
        memory_share: Share of its limit that the whole container used.
        oom_kills: How many processes the kernel had killed for want of memory, None where that is not told.
        leaving: The worker was asked to leave, so its end is no death.
        running: Units in flight, those that have run longest first.
    """

    worker: WorkerId
    kind: str
    server: str
    at: float
    rss: int
    memory_share: float = 0.0
    oom_kills: int | None = None
    leaving: bool = False
    running: tuple[Running, ...] = ()


class BlackBox:
    """This worker's own file, and a look at those of others. Its methods raise OSError where the directory is no use.

    Args:
        locate: Returns the directory of the files, and makes it where that is asked for.
        worker: Who this is.
    """

    def __init__(self, locate: Callable[[bool], Path], worker: WorkerId) -> None:
        self._locate = locate
        self._worker = worker
        self._file: int | None = None
        self._path = Path()
        reset_in_child(self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        file, self._file = self._file, None
        if file is not None:  # an open copy would keep it locked beyond its worker's death
            with suppress(OSError):
                os.close(file)

    def write(self, box: Box) -> None:
        """Write what this worker does now in place of what it wrote before."""
        if self._file is None:
            self._open()
        if self._file is not None:
            os.pwrite(self._file, json.dumps(asdict(box)).encode()[: BYTES_MOST - 1] + b"\n", 0)

    def close(self) -> None:
        """Say goodbye: take the file away."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                self._path.unlink()
            with suppress(OSError):
                os.close(file)

    def dead(self) -> Iterator[Box]:
        """Yield what those were doing who have died since anybody last looked; each is handed out once, ever."""
        for path in sorted(self._locate(True).glob(f"{PREFIX}*")):
            if path != self._path or self._file is None:
                with suppress(FileNotFoundError):
                    box = _taken(path)
                    if box is not None and box.worker.host == self._worker.host:
                        yield box

    def _open(self) -> None:
        directory = self._locate(True)
        name = f"{self._worker.pid}-{self._worker.started_at:.2f}"
        # Under another name until it is locked: nobody may take it for one that nobody has locked any more.
        made = directory / f"new-{name}"
        file = os.open(made, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            locks.take(file)
            self._path = directory / f"{PREFIX}{name}"
            made.rename(self._path)
        except BaseException:
            os.close(file)
            raise
        self._file = file


def _taken(path: Path) -> Box | None:
    """Return what a dead worker has written, and remove it; None where it lives, or somebody else was faster."""
    file = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        if not locks.take(file) or not os.path.samestat(os.fstat(file), path.stat()):
            return None
        text = os.pread(file, BYTES_MOST, 0)
        path.unlink()
    finally:
        os.close(file)
    with suppress(ValueError, KeyError, TypeError):
        return _read(json.loads(text.partition(b"\n")[0]))
    return None


def _read(found: dict[str, Any]) -> Box:
    running = tuple(Running(**each) for each in found["running"])
    return Box(**{**found, "worker": WorkerId(**found["worker"]), "running": running})
