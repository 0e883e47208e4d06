"""What workers of one service on one host agree on before one of them leaves: by advisory locks on a few small files.

A slot is a file that its holder keeps locked (`flock`) until its process is gone, so nothing is left behind by a worker
that is killed. Beside the slots lies one file of JSON, read and written under a lock of its own for a moment: who left
last, who has replaced whom, and how many generations in a row were over the ceiling before they were old enough.

A locked file stays locked as long as anybody has it open, and a forked child has; it closes what it inherited.
"""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

from memguard.forking import reset_in_child
from memguard.recycling import locks
from memguard.recycling.shared import LOCK_SECONDS, Shared, State
from memguard.units import format_seconds

SUCCESSOR_SECONDS = 30.0
"""How long others stay until the replacement of one that left has served its first unit."""
CLAIM_SECONDS = 600.0
"""A worker that serves its first unit so long after another one left replaces it."""
START_TOLERANCE = 0.1
"""Seconds by which the start of a process may seem to lie before the departure that it followed."""
LEAVE_SECONDS = 5.0
"""How long a worker that leaves tries to say so: others would not wait for its replacement if they did not know."""
QUICK_SECONDS_MOST = 600.0
"""Seconds to which exponential back-off may raise the uptime that is asked for."""
FORGET_SECONDS = 86400.0
WAITING_SECONDS = 5.0
"""Who has not asked for so long does not wait any more."""
DEPARTURES_KEPT = 32
WAITING_KEPT = 256
SUPERVISORS_KEPT = 16

_Answer = TypeVar("_Answer")


@dataclass(frozen=True, slots=True)
class Departure:
    """A worker that left.

    Attributes:
        supervisor: Whose worker it was; a replacement has the same.
        at: When, in seconds since the epoch.
        replaced_by: The process id of its replacement, None before that has served a unit.
    """

    pid: int
    supervisor: str
    at: float
    replaced_by: int | None = None


class Coordinator:
    """One per process. Its methods do not raise what a file system brings about: `trouble` says it.

    Args:
        locate: Returns the directory of the files, and makes it where that is asked for; or raises OSError.
        supervisor: Names the process that keeps this worker and its siblings up.
        concurrency: How many may leave at a time.
        min_interval: Seconds between two departures.
    """

    def __init__(
        self, locate: Callable[[bool], Path], *, supervisor: str, concurrency: int, min_interval: float
    ) -> None:
        self._shared = Shared(locate)
        self._supervisor = supervisor
        self._concurrency = concurrency
        self._min_interval = min_interval
        self._slot: int | None = None
        reset_in_child(self._reset_after_fork)

    def _reset_after_fork(self) -> None:
        slot, self._slot = self._slot, None
        if slot is not None:
            with suppress(OSError):
                os.close(slot)

    @property
    def trouble(self) -> str:
        """Why workers cannot agree, as a part of a sentence; empty while they can."""
        return self._shared.trouble

    def ask(self, now: float, since: float) -> str:
        """Take a slot; return why there is none for this worker now, empty where it has one.

        Args:
            now: Seconds since the epoch.
            since: When this worker began to want one: who has waited longest is the next.
        """
        if self._slot is not None:
            return ""
        answer = self._agree(lambda state: self._wait(state, now, since) or self._take(state))
        return (self.trouble or "other workers are asking as well") if answer is None else answer

    def release(self) -> None:
        """Give the slot back, if this worker has one."""
        slot, self._slot = self._slot, None
        if slot is not None:
            with suppress(OSError):
                os.close(slot)

    def leaves(self, now: float, *, quick: bool) -> None:
        """Say that this worker leaves now; `quick`: it was over its ceiling before it was old enough to leave."""
        self._agree(lambda state: self._leave(state, now, quick=quick), seconds=LEAVE_SECONDS)

    def starts(self, now: float, started_at: float) -> tuple[Departure, ...] | None:
        """Say that this worker, whose process started then, serves now; return whom it replaces: one or nobody.

        None: that is not to be had at this moment, and has to be asked again, or others wait for this worker in vain.
        """
        if not self._shared.is_there():
            return ()
        return self._agree(lambda state: self._claim(state, now, started_at), make=False)

    def uptime(self, least: float, now: float) -> float:
        """Return the seconds that a worker has to serve, doubled for each generation in a row that was too quick."""
        generations = self._agree(lambda state: self._generations(state, now), make=False) or 0
        return max(least, min(QUICK_SECONDS_MOST, least * 2.0**generations))

    def _agree(
        self, work: Callable[[State], _Answer], *, make: bool = True, seconds: float = LOCK_SECONDS
    ) -> _Answer | None:
        return self._shared.agree(lambda state: work(_sound(state)), make=make, seconds=seconds)

    def _leave(self, state: State, now: float, *, quick: bool) -> None:
        mine = Departure(os.getpid(), self._supervisor, now)
        state["left"] = [*state["left"], asdict(mine)][-DEPARTURES_KEPT:]
        generations = self._generations(state, now) + 1
        state["quick"].pop(self._supervisor, None)
        if quick:
            state["quick"][self._supervisor] = [generations, now]
            state["quick"] = dict(list(state["quick"].items())[-SUPERVISORS_KEPT:])

    def _claim(self, state: State, now: float, started_at: float) -> tuple[Departure, ...]:
        vacant = [
            row
            for row in state["left"]
            if row["replaced_by"] is None
            and row["supervisor"] == self._supervisor
            and row["at"] - START_TOLERANCE <= started_at
            and 0 <= now - row["at"] < CLAIM_SECONDS
        ]
        if not vacant:
            return ()
        closest = min(vacant, key=lambda row: abs(started_at - row["at"]))
        closest["replaced_by"] = os.getpid()
        return (Departure(**closest),)

    def _generations(self, state: State, now: float) -> int:
        generations, at = state["quick"].get(self._supervisor, (0, now))
        return int(generations) if 0 <= now - at < FORGET_SECONDS else 0

    def _wait(self, state: State, now: float, since: float) -> str:
        waiting = [row for row in state["waiting"] if row[0] != os.getpid() and 0 <= now - row[2] < WAITING_SECONDS]
        state["waiting"] = [*waiting, [os.getpid(), since, now]][-WAITING_KEPT:]
        left = [row for row in state["left"] if now - row["at"] >= 0]  # a clock that was set back counts for nothing
        recent = [row for row in left if now - row["at"] < self._min_interval]
        if recent:
            ago = format_seconds(now - recent[-1]["at"])
            least = format_seconds(self._min_interval)
            return f"worker {recent[-1]['pid']} left {ago} ago, and {least} have to lie between two"
        awaited = [row for row in left if row["replaced_by"] is None and now - row["at"] < SUCCESSOR_SECONDS]
        if len(awaited) >= self._concurrency:
            return f"the replacement of worker {awaited[-1]['pid']} has not served anything yet"
        first = sorted((began, pid) for pid, began, _ in waiting if began < since)
        return f"worker {first[0][1]} has waited longer" if len(first) >= self._concurrency else ""

    def _take(self, state: State) -> str:
        directory = self._shared.locate(True)
        for number in range(self._concurrency):
            slot = os.open(directory / f"slot-{number}", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            if locks.take(slot):
                os.truncate(slot, 0)
                os.pwrite(slot, f"{os.getpid()}\n".encode(), 0)
                self._slot = slot
                state["waiting"] = [row for row in state["waiting"] if row[0] != os.getpid()]
                return ""
            os.close(slot)
        if self._concurrency == 1:
            return "another worker is leaving, and only one may at a time"
        return f"{self._concurrency} workers are leaving, and no more may at a time"


def _sound(state: State) -> State:
    """Make what is shared hold what is read here, anew where another version has written it."""
    try:
        state["left"] = [asdict(Departure(**row)) for row in state.get("left", [])]
        state["quick"] = {str(name): [int(count), float(at)] for name, (count, at) in state.get("quick", {}).items()}
        state["waiting"] = [[int(pid), float(began), float(at)] for pid, began, at in state.get("waiting", [])]
    except (TypeError, ValueError, AttributeError):
        state.update(left=[], quick={}, waiting=[])
    return state
