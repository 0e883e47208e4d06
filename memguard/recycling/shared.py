"""The small file that the workers of one service on one host share: JSON, read and written under a lock for a moment."""

import json
import os
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from memguard.recycling import locks

LOCK_SECONDS = 0.2
"""How long to try for the lock; who does not get it has to ask again."""
BYTES_MOST = 1 << 20

State = dict[str, Any]
_Answer = TypeVar("_Answer")


class Shared:
    """One per process and use. It does not raise what a file system brings about: `trouble` says it.

    Args:
        locate: Returns the directory of the file, and makes it where that is asked for; or raises OSError.

    Attributes:
        trouble: Why it cannot be used, as a part of a sentence; empty while it can.
    """

    def __init__(self, locate: Callable[[bool], Path]) -> None:
        self.locate = locate
        self.trouble = ""

    def is_there(self) -> bool:
        """Tell whether anybody has ever shared anything."""
        with suppress(OSError):
            return (self.locate(False) / "state").exists()
        return False

    def agree(
        self, work: Callable[[State], _Answer], *, make: bool = True, seconds: float = LOCK_SECONDS
    ) -> _Answer | None:
        """Return what the work answers, which may change what is shared; None where that cannot be had.

        Args:
            work: Gets a dictionary of lists and dictionaries, by name; a name that is not there is to be made.
            make: Make the file where there is none; else there is nothing to be had from it.
            seconds: How long to try for the lock.
        """
        file = None
        try:
            if not make and not self.is_there():
                return None
            file = self._locked(seconds)
            if file is None:
                return None
            state = _read(file)
            before = json.dumps(state)
            answer = work(state)
            after = json.dumps(state)
            if after != before:
                os.truncate(file, 0)
                os.pwrite(file, after.encode(), 0)
            self.trouble = ""
        except OSError as error:
            self.trouble = f"workers cannot agree on who leaves ({error})"
            return None
        finally:
            if file is not None:
                os.close(file)
        return answer

    def _locked(self, seconds: float) -> int | None:
        """Return the file, open and locked; None where others hold it for too long."""
        file = os.open(self.locate(True) / "state", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            deadline = time.monotonic() + seconds
            while not (taken := locks.take(file)) and time.monotonic() < deadline:
                time.sleep(0.005)
        except BaseException:
            os.close(file)
            raise
        if not taken:
            os.close(file)
        return file if taken else None


def _read(file: int) -> State:
    """Return what the file holds; nothing where a worker died while it wrote."""
    with suppress(ValueError):
        found = json.loads(os.pread(file, BYTES_MOST, 0))
        if isinstance(found, dict):
            return found
    return {}
