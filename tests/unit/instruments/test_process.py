import os
import socket
import time

from memguard.instruments.process import worker_id
from tests.unit.store.children import ended_well, forked


def test_a_process_knows_itself() -> None:
    """The same process has the same identity at any time: its host, its pid, and when it started."""
    mine = worker_id()

    assert (mine.host, mine.pid) == (socket.gethostname(), os.getpid())
    assert 0 < mine.started_at <= time.time()
    assert worker_id() == mine


def test_a_child_is_another() -> None:
    """A forked child has its own pid and its own start."""
    parent = worker_id()

    def child() -> None:
        mine = worker_id()
        assert (mine.host, mine.pid) == (parent.host, os.getpid())
        assert mine.pid != parent.pid
        assert mine.started_at >= parent.started_at

    assert ended_well(forked(child))
