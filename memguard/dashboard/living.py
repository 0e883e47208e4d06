"""Which workers run, as far as one host can tell of its own processes and of what others say by their own clocks."""

from collections.abc import Iterable

import psutil

from memguard.model import WorkerState
from memguard.units import format_seconds

ALIVE_SECONDS = 10.0
"""A worker of this host that told something within these seconds is alive."""
ELSEWHERE_SECONDS = 40.0
"""The same of another host, whose clock may be behind this one's: its own workers soon find out who of them died."""
RACE_SECONDS = 1.0
"""A worker may tell something between the moment that is asked about and the reading of the store."""
ENDED = frozenset({"stopped", "died", "gone"})
"""States that are a worker's last: what it said of itself, or what another one found."""
START_TOLERANCE = 2.0
"""Seconds by which the start of a process may seem to move, because clocks are set while it runs."""


def is_alive(state: WorkerState, *, here: str, now: float) -> bool:
    """Tell whether a worker still runs: it told so just now, or it is a process of this host that still exists.

    What lies in the future says nothing of a process of this host, because its clock was set back since. The clock of
    another host may be ahead for good.
    """
    if state.state in ENDED:
        return False
    silent = now - state.last_seen
    if state.id.host != here:
        return silent <= ELSEWHERE_SECONDS
    return -RACE_SECONDS <= silent <= ALIVE_SECONDS or _runs(state.id.pid, state.id.started_at)


def clocks_ahead(workers: Iterable[WorkerState], *, here: str, now: float) -> list[str]:
    """Return a sentence for each other host that tells what has not happened yet by the clock of this one."""
    ahead: dict[str, float] = {}
    for state in workers:
        if state.id.host != here:
            ahead[state.id.host] = max(ahead.get(state.id.host, 0.0), state.last_seen - now)
    return [
        f"The clock of {host} is {format_seconds(seconds)} ahead of the one of {here}: moments are wrong, and a worker "
        "there that died may be shown as alive. Set both by NTP."
        for host, seconds in sorted(ahead.items())
        if seconds > ALIVE_SECONDS
    ]


def _runs(pid: int, started_at: float) -> bool:
    try:
        if not psutil.pid_exists(pid):  # most of hundreds of dead ones, at a hundredth of the cost
            return False
        process = psutil.Process(pid)
        same = abs(process.create_time() - started_at) <= START_TOLERANCE
        return same and process.status() != psutil.STATUS_ZOMBIE
    except (psutil.Error, ValueError, OverflowError):
        return False
