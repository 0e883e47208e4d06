import os
import signal
import subprocess
import sys
from dataclasses import replace

import psutil

from memguard.dashboard.living import ALIVE_SECONDS, ELSEWHERE_SECONDS, clocks_ahead, is_alive
from memguard.dashboard.report import build
from memguard.model import Stored, WorkerId
from tests.unit.telling import ME, NOW, worker

GONE = WorkerId("here", 2**30, NOW - 60)


def test_a_worker_that_just_told_something_is_alive() -> None:
    """Wherever it runs; one that stopped in order is not."""
    far = WorkerId("there", 1, NOW)

    assert is_alive(worker(far, last_seen=NOW - ELSEWHERE_SECONDS), here="here", now=NOW), "its clock may be behind"
    assert is_alive(worker(far, last_seen=NOW + 3600), here="here", now=NOW), "its clock is ahead"
    assert not is_alive(worker(far, last_seen=NOW - ELSEWHERE_SECONDS - 1), here="here", now=NOW)
    assert not is_alive(worker(far, state="stopped"), here="here", now=NOW)
    assert is_alive(worker(GONE, last_seen=NOW - ALIVE_SECONDS), here="here", now=NOW), "it may be of another container"
    assert not is_alive(worker(GONE, last_seen=NOW - ALIVE_SECONDS - 1), here="here", now=NOW)


def test_a_quiet_worker_of_this_host_is_alive_while_its_process_is() -> None:
    """One that is paused or busy in C code; a process that took over its pid is another one."""
    started = psutil.Process().create_time()
    me = WorkerId("here", os.getpid(), started)

    assert is_alive(worker(me, last_seen=NOW - 900), here="here", now=NOW)
    assert not is_alive(worker(me, last_seen=NOW - 900), here="elsewhere", now=NOW)
    assert not is_alive(worker(me, last_seen=NOW - 900, state="stopped"), here="here", now=NOW)
    for other in (replace(me, started_at=started - 60), replace(me, pid=2**30), replace(me, pid=-1)):
        assert not is_alive(worker(other, last_seen=NOW - 900), here="here", now=NOW)


def test_a_worker_that_was_killed_is_not_alive() -> None:
    """Nor is one whose parent has not fetched its exit status yet."""
    child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])
    of = WorkerId("here", child.pid, psutil.Process(child.pid).create_time())
    assert is_alive(worker(of, last_seen=NOW - 900), here="here", now=NOW)

    child.send_signal(signal.SIGKILL)
    os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)

    assert not is_alive(worker(of, last_seen=NOW - 900), here="here", now=NOW)
    child.wait()
    assert not is_alive(worker(of, last_seen=NOW - 900), here="here", now=NOW)


def test_what_the_future_says_of_a_process_of_this_host_is_looked_at() -> None:
    """Its clock was set back: who died before that is not alive until the old time has come again."""
    me = WorkerId("here", os.getpid(), psutil.Process().create_time())

    assert is_alive(worker(me, last_seen=NOW + 3600), here="here", now=NOW)
    assert not is_alive(worker(GONE, last_seen=NOW + 3600), here="here", now=NOW)
    assert not is_alive(worker(GONE, last_seen=NOW + 2), here="here", now=NOW)


def test_a_host_whose_clock_is_ahead_is_named() -> None:
    """Once, however many workers it has; what is ahead by moments, or of this host, is not spoken of."""
    far, near = WorkerId("there", 1, NOW), WorkerId("near", 1, NOW)
    workers = (
        worker(far, last_seen=NOW + 300), worker(replace(far, pid=2), last_seen=NOW + 3600), worker(ME, last_seen=NOW + 99),
        worker(near, last_seen=NOW + ALIVE_SECONDS),
    )  # fmt: skip
    told = build(Stored(workers), service="shop", answered_by=ME, now=NOW, notes=("a note",))["store"]["notes"]

    assert told == ["a note", *clocks_ahead(workers, here="here", now=NOW)]
    assert told[1].startswith("The clock of there is 60 min ahead of the one of here")
    assert len(told) == 2
