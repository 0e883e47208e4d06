"""Black boxes of real processes that die in all ways, and who keeps killing."""

import os
import signal
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from memguard.model import WorkerId
from memguard.recycling.blackbox import BYTES_MOST, BlackBox, Box, Running
from memguard.recycling.deaths import DEATHS_KEPT, KILLS_LEAST, REMEMBER_SECONDS, Deaths
from memguard.recycling.shared import Shared
from tests.unit.store.children import ended_well, forked, until

NOW = 1_800_000_000.0
RUNNING = (Running("request", "GET /report", 1, 12.5), Running("task", "shop.bill", 2, 3.0))


def me(host: str = "here") -> WorkerId:
    """Return this process, as a worker."""
    return WorkerId(host, os.getpid(), NOW)


def black_box(folder: Path, host: str = "here") -> BlackBox:
    """Return this process's box."""
    return BlackBox(lambda make: folder, me(host))


def content(**changed: object) -> Box:
    """Return what a worker writes."""
    box = Box(worker=me(), kind="web", server="gunicorn-sync", at=NOW, rss=300_000_000, running=RUNNING)
    return replace(box, **changed)  # type: ignore[arg-type]  # names of fields


def living(folder: Path, then: Callable[[], object] = signal.pause) -> int:
    """Start a worker that writes its box, and then does something; return its pid once it has written."""
    ready = folder / f"ready-{len(list(folder.iterdir()))}"

    def worker() -> None:
        mine = black_box(folder)
        mine.write(content())
        ready.touch()
        then()
        mine.close()

    pid = forked(worker)
    until(ready.exists, "the box to be written")
    return pid


def killed(pid: int) -> None:
    """Kill a process."""
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_worker_that_was_killed(tmp_path: Path) -> None:
    """What it was running is read by another one, once; as long as it lives it is nobody's business."""
    pid = living(tmp_path)
    mine = black_box(tmp_path)
    assert list(mine.dead()) == []
    killed(pid)
    (box,) = mine.dead()

    assert (box.worker.pid, box.rss, box.running) == (pid, 300_000_000, RUNNING)
    assert list(mine.dead()) == []
    assert list(tmp_path.glob("box-*")) == []


@pytest.mark.parametrize("end", [lambda: None, lambda: sys.exit(0)], ids=["at its end", "exits"])
def test_an_orderly_end(tmp_path: Path, end: Callable[[], object]) -> None:
    """A worker that said goodbye has not died, and leaves nothing."""

    def worker() -> None:
        mine = black_box(tmp_path)
        mine.write(content())
        try:
            end()
        except SystemExit:
            pass
        finally:
            mine.close()

    assert ended_well(forked(worker))
    assert list(black_box(tmp_path).dead()) == []
    assert list(tmp_path.iterdir()) == []


def test_an_end_without_a_word(tmp_path: Path) -> None:
    """A process that ends itself at once, as `os._exit` does, has died as far as others can tell."""
    pid = living(tmp_path, then=lambda: os._exit(0))
    os.waitpid(pid, 0)

    assert [box.worker.pid for box in black_box(tmp_path).dead()] == [pid]


def test_told_once_by_many(tmp_path: Path) -> None:
    """Of all that look at the same moment one tells of each death."""
    pids = [living(tmp_path) for _ in range(5)]
    for pid in pids:
        killed(pid)
    said = tmp_path / "said"
    journal = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def worker() -> None:
        until((tmp_path / "go").exists, "the start")
        for box in black_box(tmp_path).dead():
            os.write(journal, f"{box.worker.pid}\n".encode())

    lookers = [forked(worker) for _ in range(6)]
    (tmp_path / "go").touch()
    assert [ended_well(pid) for pid in lookers] == [True] * 6
    os.close(journal)

    assert sorted(map(int, said.read_text().split())) == sorted(pids)


def test_the_own_box(tmp_path: Path) -> None:
    """A worker does not find itself dead, whatever it has written."""
    mine = black_box(tmp_path)
    for number in range(3):
        mine.write(content(rss=number))
        assert list(mine.dead()) == []
    mine.close()


def test_what_was_written_last_counts(tmp_path: Path) -> None:
    """A shorter text takes the place of a longer one."""

    def worker() -> None:
        mine = black_box(tmp_path)
        mine.write(content())
        mine.write(content(running=(), rss=7))
        os._exit(0)

    os.waitpid(forked(worker), 0)
    (box,) = black_box(tmp_path).dead()

    assert (box.running, box.rss) == ((), 7)


def test_a_child_of_a_worker(tmp_path: Path) -> None:
    """A process that a worker has forked does not keep its box locked beyond its death, nor takes it away at its own end."""
    go = tmp_path / "go"

    def worker() -> None:
        mine = black_box(tmp_path)
        mine.write(content())

        def child() -> None:
            (tmp_path / "forked").touch()
            until(go.exists, "the end")
            mine.close()

        forked(child)
        signal.pause()

    pid = forked(worker)
    until((tmp_path / "forked").exists, "the child")
    killed(pid)
    found = [box.worker.pid for box in black_box(tmp_path).dead()]
    go.touch()

    assert found == [pid]


@pytest.mark.parametrize("junk", [b"", b"{", b"[]\n", b'{"running": 7}\n', b"\xff" * 100])
def test_a_box_that_cannot_be_read(tmp_path: Path, junk: bytes) -> None:
    """One that was half written, or written by another version, tells nothing and is taken away."""
    (tmp_path / "box-1-2.00").write_bytes(junk)

    assert list(black_box(tmp_path).dead()) == []
    assert list(tmp_path.glob("box-*")) == []


def test_another_host(tmp_path: Path) -> None:
    """Where several hosts share a directory, each tells of its own."""
    killed(living(tmp_path))

    assert list(black_box(tmp_path, host="there").dead()) == []


def test_a_long_list(tmp_path: Path) -> None:
    """Names that clients had a hand in do not make it grow: what does not fit is cut, and then tells nothing."""
    mine = black_box(tmp_path)
    mine.write(content(running=(Running("request", "x" * 2 * BYTES_MOST, 1, 1.0),)))
    (file,) = tmp_path.glob("box-*")

    assert file.stat().st_size <= BYTES_MOST
    mine.close()


def test_a_directory_that_is_no_use(tmp_path: Path) -> None:
    """What the file system says is raised for whoever asked to make a note of."""
    mine = black_box(tmp_path / "missing")
    with pytest.raises(FileNotFoundError):
        mine.write(content())
    mine.close()

    assert list(mine.dead()) == []


def deaths(folder: Path) -> Deaths:
    """Return what this process knows of deaths."""
    return Deaths(Shared(lambda make: folder))


def test_an_operation_that_keeps_killing(tmp_path: Path) -> None:
    """One that ran at three deaths of a day, and at half of all, is named; who found them does not matter."""
    said = [
        deaths(tmp_path).add(NOW + number, ("request GET /report", "task bill"[: 4 + 5 * number]))
        for number in range(3)
    ]
    assert [each["request GET /report"] for each in said] == [1, 2, 3]
    (killer,) = deaths(tmp_path).killers(NOW + 10)
    assert killer.sentence() == "request GET /report was running at 3 of the 3 deaths of workers in the last day"
    for number in range(4):
        deaths(tmp_path).add(NOW + 10 + number, ("task other",))

    assert [each.name for each in deaths(tmp_path).killers(NOW + 20)] == ["task other"]
    assert deaths(tmp_path).killers(NOW + REMEMBER_SECONDS + 60) == ()


def test_too_few_deaths(tmp_path: Path) -> None:
    """Once or twice is chance."""
    for number in range(KILLS_LEAST - 1):
        deaths(tmp_path).add(NOW + number, ("request GET /report",))

    assert deaths(tmp_path).killers(NOW + 10) == ()


def test_deaths_that_are_remembered(tmp_path: Path) -> None:
    """What is kept is bounded, and what another version has written is no obstacle."""
    for number in range(DEATHS_KEPT + 20):
        deaths(tmp_path).add(NOW + number, (f"request GET /{number}",))
    assert (tmp_path / "state").stat().st_size < 8192
    (tmp_path / "state").write_text('{"deaths": [7]}')

    assert deaths(tmp_path).add(NOW, ("request GET /",)) == {"request GET /": 1}


def test_nobody_has_died(tmp_path: Path) -> None:
    """To ask leaves no trace."""
    assert deaths(tmp_path).killers(NOW) == ()
    assert list(tmp_path.iterdir()) == []
