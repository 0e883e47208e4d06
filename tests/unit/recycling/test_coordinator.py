"""Workers of one service that agree on who leaves: real processes, real locks."""

import json
import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from memguard.recycling import locks
from memguard.recycling.coordinator import (
    CLAIM_SECONDS,
    FORGET_SECONDS,
    QUICK_SECONDS_MOST,
    SUCCESSOR_SECONDS,
    WAITING_SECONDS,
    Coordinator,
)
from memguard.recycling.shared import LOCK_SECONDS
from memguard.settings import Settings
from memguard.store.places import workers_directory
from tests.unit.store.children import ended_well, forked, unprivileged, until

NOW = 1_800_000_000.0


def coordinator(folder: Path, *, concurrency: int = 1, min_interval: float = 10.0, of: str = "web 7") -> Coordinator:
    """Return what a worker of a service agrees by."""
    settings = Settings.load({"store": str(folder / "store.sqlite")}, environ={})
    return Coordinator(
        lambda make: workers_directory(settings, make=make),
        supervisor=of, concurrency=concurrency, min_interval=min_interval,
    )  # fmt: skip


def in_a_child(task: Callable[[], object]) -> None:
    """Do it in a process of its own, to its end."""
    assert ended_well(forked(task))


def left(folder: Path, at: float, *, of: str = "web 7", quick: bool = False) -> None:
    """Have another worker leave."""
    in_a_child(lambda: coordinator(folder, of=of).leaves(at, quick=quick))


@pytest.mark.parametrize("concurrency", [1, 3])
def test_ten_workers_at_one_moment(tmp_path: Path, concurrency: int) -> None:
    """All ten leave, and never more than may be away at once, from the slot to the end of the process."""
    journal = os.open(tmp_path / "journal", os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def worker() -> None:
        mine = coordinator(tmp_path, concurrency=concurrency, min_interval=0.001)
        until((tmp_path / "go").exists, "the start")
        until(lambda: mine.ask(time.time(), NOW) == "", "the slot")
        os.write(journal, b"+")
        time.sleep(0.02)  # its drain
        os.write(journal, b"-")

    pids = [forked(worker) for _ in range(10)]
    (tmp_path / "go").touch()
    assert [ended_well(pid) for pid in pids] == [True] * 10
    os.close(journal)
    away, most = 0, 0
    for step in (tmp_path / "journal").read_text():
        away += 1 if step == "+" else -1
        most = max(most, away)

    assert away == 0
    assert 1 <= most <= concurrency


def test_a_slot_goes_back_with_its_process(tmp_path: Path) -> None:
    """A worker that is killed while it leaves blocks nobody."""
    ready = tmp_path / "ready"

    def leave() -> None:
        assert coordinator(tmp_path).ask(NOW, NOW) == ""
        ready.touch()
        signal.pause()

    pid = forked(leave)
    until(ready.exists, "the slot to be taken")
    mine = coordinator(tmp_path)
    assert mine.ask(NOW, NOW) == "another worker is leaving, and only one may at a time"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)

    assert mine.ask(NOW, NOW) == ""
    assert mine.ask(NOW, NOW) == "", "it is this worker's already"


def test_a_slot_and_a_child_of_its_worker(tmp_path: Path) -> None:
    """A process that the leaving worker has forked holds nothing of its slot, and does not believe it has one."""
    mine, other = coordinator(tmp_path), coordinator(tmp_path)
    assert mine.ask(NOW, NOW) == ""
    asked, go = tmp_path / "asked", tmp_path / "go"

    def child() -> None:
        assert mine.ask(NOW, NOW) != ""
        asked.touch()
        until(go.exists, "the end of the test")

    pid = forked(child)
    until(asked.exists, "the child's question")
    mine.release()
    taken = other.ask(NOW, NOW)
    go.touch()

    assert ended_well(pid)
    assert taken == ""


def test_an_interval_between_two(tmp_path: Path) -> None:
    """After one left others stay for a while; a clock that was set back counts for nothing."""
    left(tmp_path, NOW)
    in_a_child(lambda: coordinator(tmp_path).starts(NOW + 1, NOW + 1))
    mine = coordinator(tmp_path)
    assert "left 4 s ago, and 10 s have to lie between two" in mine.ask(NOW + 4, NOW)
    assert mine.ask(NOW + 10, NOW) == ""
    mine.release()

    assert mine.ask(NOW - 5000, NOW) == ""


def test_who_has_waited_longest(tmp_path: Path) -> None:
    """Of those that wait the one that began first is the next; one that asks no more is waited for no longer."""
    left(tmp_path, NOW)
    in_a_child(lambda: coordinator(tmp_path).starts(NOW + 1, NOW + 1))
    pid = forked(lambda: coordinator(tmp_path).ask(NOW + 9, NOW - 50))
    assert ended_well(pid)
    mine = coordinator(tmp_path)
    assert mine.ask(NOW + 10, NOW - 20) == f"worker {pid} has waited longer"
    two = coordinator(tmp_path, concurrency=2)
    assert two.ask(NOW + 10, NOW - 20) == ""
    two.release()
    assert mine.ask(NOW + 10, NOW - 60) == ""
    mine.release()

    assert mine.ask(NOW + 9 + WAITING_SECONDS, NOW - 20) == ""


def test_until_the_replacement_serves(tmp_path: Path) -> None:
    """The next one leaves only once the replacement of the last has served something, or has had its time."""
    left(tmp_path, NOW)
    mine = coordinator(tmp_path)
    assert "has not served anything yet" in mine.ask(NOW + SUCCESSOR_SECONDS - 1, NOW)
    assert mine.ask(NOW + SUCCESSOR_SECONDS, NOW) == ""
    mine.release()
    left(tmp_path, NOW + 100)
    in_a_child(lambda: coordinator(tmp_path).starts(NOW + 101, NOW + 100.5))

    assert mine.ask(NOW + 115, NOW) == ""


def test_who_replaces_whom(tmp_path: Path) -> None:
    """A worker that has started since replaces the one that left last before it; each departure is claimed once."""
    assert coordinator(tmp_path).starts(NOW, NOW) == ()
    left(tmp_path, NOW)
    left(tmp_path, NOW + 1)
    mine = coordinator(tmp_path)
    claimed = [mine.starts(NOW + 9, NOW + 5) for _ in range(3)]

    assert [[(each.at, each.replaced_by) for each in claim or ()] for claim in claimed] == [
        [(NOW + 1, os.getpid())], [(NOW, os.getpid())], [],
    ]  # fmt: skip


def test_what_is_said_while_others_have_the_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A departure waits for the lock, or nobody would wait for its replacement; whom that replaces can be said later."""
    monkeypatch.setattr("memguard.recycling.coordinator.LEAVE_SECONDS", 60.0)
    left(tmp_path, NOW)
    directory, tries = tmp_path / "default.workers", tmp_path / "tries"
    state = os.open(directory / "state", os.O_RDWR)
    assert locks.take(state)
    mine = coordinator(tmp_path)
    assert mine.starts(NOW + 5, NOW + 1) is None

    def leave() -> None:
        os.close(state)
        journal, take = os.open(tries, os.O_WRONLY | os.O_CREAT | os.O_APPEND), locks.take

        def counted(file: int) -> bool:
            os.write(journal, b".")
            return take(file)

        monkeypatch.setattr(locks, "take", counted)
        coordinator(tmp_path, of="web 8").leaves(NOW + 2, quick=False)

    pid = forked(leave)
    more_than_others = 2 * LOCK_SECONDS / 0.005
    until(lambda: tries.exists() and tries.stat().st_size > more_than_others, "it to go on trying")
    os.close(state)

    assert ended_well(pid)
    assert [each.at for each in mine.starts(NOW + 5, NOW + 1) or ()] == [NOW]
    assert [row["at"] for row in json.loads((directory / "state").read_text())["left"]] == [NOW, NOW + 2]


@pytest.mark.parametrize(
    ("of", "now", "started"),
    [
        ("celery 7", NOW + 9, NOW + 5),
        ("web 8", NOW + 9, NOW + 5),
        ("web 7", NOW + 9, NOW - 0.5),
        ("web 7", NOW + CLAIM_SECONDS, NOW + 5),
    ],
    ids=["of another kind", "of another master", "there before", "too late"],
)
def test_who_replaces_nobody(tmp_path: Path, of: str, now: float, started: float) -> None:
    """A worker of somebody else's, one that was there already or one that comes much later has replaced nobody."""
    left(tmp_path, NOW)

    assert coordinator(tmp_path, of=of).starts(now, started) == ()


def test_backing_off(tmp_path: Path) -> None:
    """Each generation in a row that was over its ceiling too young makes the next serve twice as long, with an end."""
    mine, other = coordinator(tmp_path), coordinator(tmp_path, of="celery 9")
    asked = []
    for generation in range(8):
        asked.append(mine.uptime(30.0, NOW + generation))
        left(tmp_path, NOW + generation, quick=True)
    assert asked == [30.0, 60.0, 120.0, 240.0, 480.0, QUICK_SECONDS_MOST, QUICK_SECONDS_MOST, QUICK_SECONDS_MOST]
    assert other.uptime(30.0, NOW + 9) == 30.0, "another supervisor's workers have not been quick"
    assert mine.uptime(3600.0, NOW + 9) == 3600.0
    assert mine.uptime(30.0, NOW + 9 + FORGET_SECONDS) == 30.0
    left(tmp_path, NOW + 10)

    assert mine.uptime(30.0, NOW + 11) == 30.0


def test_what_is_kept_is_bounded(tmp_path: Path) -> None:
    """However many leave, the shared file stays small."""
    for number in range(100):
        coordinator(tmp_path, of=f"web {number}").leaves(NOW + number, quick=True)
    kept = json.loads((tmp_path / "default.workers" / "state").read_text())

    assert len(kept["left"]) == 32
    assert len(kept["quick"]) == 16


@pytest.mark.parametrize("junk", [b"", b"{", b"\xff" * 100, b"[]", b'{"left": [{}], "quick": {}}', b'{"left": 7}'])
def test_a_shared_file_that_is_broken(tmp_path: Path, junk: bytes) -> None:
    """One that was half written, or written by another version, is begun anew."""
    left(tmp_path, NOW)
    (tmp_path / "default.workers" / "state").write_bytes(junk)
    mine = coordinator(tmp_path)

    assert mine.ask(NOW + 1, NOW) == ""
    assert mine.trouble == ""


def test_private(tmp_path: Path) -> None:
    """What workers agree by is this user's alone."""
    assert coordinator(tmp_path).ask(NOW, NOW) == ""
    folder = tmp_path / "default.workers"

    assert folder.stat().st_mode & 0o777 == 0o700
    assert {path.stat().st_mode & 0o777 for path in folder.iterdir()} == {0o600}


def test_nothing_is_made_before_it_is_needed(tmp_path: Path) -> None:
    """A worker that starts, or asks how long it has to serve, leaves no trace where nobody has ever left."""
    mine = coordinator(tmp_path)
    assert mine.starts(NOW, NOW) == ()
    assert mine.uptime(30.0, NOW) == 30.0

    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_is_not_there_yet(tmp_path: Path) -> None:
    """It is made, with those above it."""
    assert coordinator(tmp_path / "a" / "b").ask(NOW, NOW) == ""


def test_a_directory_that_cannot_be_written(tmp_path: Path) -> None:
    """Nobody leaves where nothing can be agreed on, and the reason is said; it may become possible again."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    mine = coordinator(tmp_path)
    with unprivileged():
        words = mine.ask(NOW, NOW)
    assert "workers cannot agree on who leaves" in words
    assert "Permission denied" in words
    assert mine.trouble == words
    assert mine.ask(NOW, NOW) == ""

    assert mine.trouble == ""


def test_a_directory_that_others_may_enter(tmp_path: Path) -> None:
    """What others could have made is not trusted."""
    (tmp_path / "default.workers").mkdir()
    (tmp_path / "default.workers").chmod(0o777)

    assert "is open to others" in coordinator(tmp_path).ask(NOW, NOW)


def test_a_file_system_without_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform or file system that has no advisory locks is said to have none."""
    monkeypatch.setattr("memguard.recycling.locks.fcntl", None)

    assert "has no advisory locks" in coordinator(tmp_path).ask(NOW, NOW)


def test_a_worker_that_was_stopped_while_it_asked(tmp_path: Path) -> None:
    """Whoever holds the shared file for too long makes others ask again, and not wait."""
    left(tmp_path, NOW)
    ready = tmp_path / "ready"

    def hold() -> None:
        assert coordinator(tmp_path)._shared._locked(LOCK_SECONDS) is not None
        ready.touch()
        signal.pause()

    pid = forked(hold)
    until(ready.exists, "the lock to be held")
    try:
        assert coordinator(tmp_path).ask(NOW + 60, NOW) == "other workers are asking as well"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)

    assert coordinator(tmp_path).ask(NOW + 60, NOW) == ""
