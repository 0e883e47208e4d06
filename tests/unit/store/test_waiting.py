"""Units never wait for the store, whoever holds it; the twin over Redis is in `test_redis.py`."""

import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path

import pytest

from memguard.settings import Settings
from memguard.store import connection
from memguard.wiring import keeper
from memguard.wiring.guard import Guard
from tests.stored import read_stored
from tests.unit.store.children import until
from tests.unit.wiring.driving import unit_of


def test_no_unit_waits_for_a_file_that_somebody_holds(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the keeper waits for a lock that is not given back, units begin and end; then all of them are counted."""
    path = tmp_path / "shop.sqlite"
    monkeypatch.setattr(connection, "BUSY_SECONDS", 60.0)
    monkeypatch.setattr(keeper, "SECONDS_BETWEEN_ROUNDS", 0.05)
    guard = Guard.for_process(Settings.load({"store": str(path), "service": "shop"}, environ={}), server=None)
    with unit_of(guard, "GET /"):
        pass
    until(lambda: len(read_stored(path, "shop").workers) == 1, "the worker's first word")
    with closing(sqlite3.connect(path, isolation_level=None, timeout=60.0)) as holder:
        holder.execute("BEGIN EXCLUSIVE")
        until(_is_waiting, "the keeper to wait")
        for _ in range(2_000):
            with unit_of(guard, "GET /"):
                pass

        assert _is_waiting(), "all units were served while the keeper went on waiting"
        holder.execute("ROLLBACK")
    until(lambda: sum(each.units for _, each in read_stored(path, "shop").operations) == 2_001, "all units counted")


def _is_waiting() -> bool:
    """Tell whether the keeper is in the middle of a flush; it cannot end one while the lock is held."""
    (thread,) = [each for each in threading.enumerate() if each.name == "memguard-keeper"]
    frame, names = sys._current_frames().get(thread.ident or 0), set()
    while frame is not None:
        names.add((frame.f_code.co_filename.rpartition("/")[2], frame.f_code.co_name))
        frame = frame.f_back
    return ("sqlite.py", "flush") in names
