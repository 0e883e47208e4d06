"""What counts against a ceiling: of a process that was forked, what is its own."""

import mmap
from pathlib import Path

import pytest

from memguard.instruments import own
from memguard.instruments.own import FAT, OwnMemory
from memguard.instruments.rss import RssReader
from tests.unit.store.children import ended_well, forked

MB = 1_000_000
FAT_MB = 160


def dirty(size: int) -> mmap.mmap:
    """Return memory of this process alone, all of it in use."""
    block = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    block.write(b"x" * size)
    return block


def reader(limit: int, metric: str = "rss") -> OwnMemory:
    """Return a reading of this process, as a worker that has just begun to serve makes it."""
    return OwnMemory(RssReader(), metric, limit)


def about(size: int) -> object:
    """Compare with a size, as exactly as RSS can be told."""
    return pytest.approx(size, abs=12 * MB)


@pytest.fixture
def fat() -> mmap.mmap:
    """Memory that a parent has loaded before it forks."""
    return dirty(FAT_MB * MB)


def test_a_process_that_was_not_forked(monkeypatch: pytest.MonkeyPatch) -> None:
    """All of its RSS counts."""
    monkeypatch.setattr(own._at_fork, "rss", 0)
    mine = reader(1)

    assert (mine.floor, mine.adds) == (0, False)
    assert mine.read() == about(RssReader().read())
    assert mine.read_quickly() == about(RssReader().read())


def test_a_child_of_a_fat_parent(fat: mmap.mmap) -> None:
    """Forked with more than its ceiling, it is judged by what it adds, also once it has written to all it inherited."""

    def child() -> None:
        mine = reader(FAT_MB * MB)
        assert mine.adds
        assert mine.floor > FAT_MB * MB
        assert mine.read() == about(0)
        own_block = dirty(60 * MB)
        assert mine.read() == about(60 * MB)
        assert mine.read_quickly() == about(60 * MB)
        fat.seek(0)
        fat.write(b"y" * FAT_MB * MB)
        assert RssReader().read() > (FAT_MB + 60) * MB
        assert mine.read() == about(60 * MB)
        own_block.close()
        assert mine.read() == about(0)

    assert ended_well(forked(child))


def test_a_child_that_gives_back_what_it_inherited(fat: mmap.mmap) -> None:
    """Less than nothing does not count."""

    def child() -> None:
        mine = reader(FAT_MB * MB)
        fat.close()
        assert mine.read() == mine.read_quickly() == 0

    assert ended_well(forked(child))


def test_a_child_of_a_parent_within_its_ceiling(fat: mmap.mmap, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is still shared does not count; what was inherited and has become its own does."""
    monkeypatch.setattr(own, "REST_FACTOR", 0.0)

    def child() -> None:
        floor = own._at_fork.rss
        mine = reader(round(floor / FAT) + 1)
        assert not mine.adds
        blocks = dirty(round(0.6 * floor))
        assert RssReader().read() > floor / FAT, "over the ceiling, as the system counts it"
        assert mine.read() == about(round(0.6 * floor))
        fat.seek(0)
        fat.write(b"y" * FAT_MB * MB)
        assert mine.read() > 0.6 * floor + 0.9 * FAT_MB * MB
        assert mine.read_quickly() == about(mine.read())
        blocks.close()

    assert ended_well(forked(child))


def test_what_takes_long_is_read_seldom(fat: mmap.mmap, tmp_path: Path) -> None:
    """Under the ceiling nothing is asked but RSS; over it the kernel is asked what is shared, and not at each reading."""
    (tmp_path / "proc/self").mkdir(parents=True)
    rollup = tmp_path / "proc/self/smaps_rollup"

    def child() -> None:
        floor = own._at_fork.rss
        mine = OwnMemory(RssReader(), "rss", round(floor / FAT) + 1, tmp_path)
        assert mine.read() == about(RssReader().read()), "no file is read yet"
        over = dirty(round(0.5 * floor))
        rollup.write_text("Rss: 1 kB\nShared_Clean: 77 kB\nShared_Dirty: 50000 kB\n")
        first = mine.read()
        assert first == about(RssReader().read() - 51_200_000)
        mine._rest_until += 1000.0
        rollup.write_text("Shared_Dirty: 0 kB\n")
        assert mine.read() == about(first)
        mine._rest_until = 0.0
        assert mine.read() == about(RssReader().read())
        over.close()

    assert ended_well(forked(child))


@pytest.mark.parametrize("text", [None, "", "nonsense", "Shared_Dirty: many kB\n", "Shared_Dirty:\n"])
def test_a_kernel_that_does_not_say(fat: mmap.mmap, tmp_path: Path, text: str | None) -> None:
    """Where it cannot be told what is shared, all that was inherited is believed to be; nothing fails."""
    (tmp_path / "proc/self").mkdir(parents=True)
    if text is not None:
        (tmp_path / "proc/self/smaps_rollup").write_text(text)

    def child() -> None:
        floor = own._at_fork.rss
        mine = OwnMemory(RssReader(), "rss", round(floor / FAT) + 1, tmp_path)
        over = dirty(round(0.5 * floor))
        assert mine.read() == about(RssReader().read() - floor)
        over.close()

    assert ended_well(forked(child))


@pytest.mark.parametrize("metric", ["uss", "pss"])
def test_other_metrics(fat: mmap.mmap, metric: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """USS and PSS leave out what is shared by themselves, and are taken as they are."""
    monkeypatch.setattr(own, "REST_FACTOR", 0.0)

    def child() -> None:
        mine = reader(1, metric)
        assert not mine.adds
        before = mine.read()
        assert before < RssReader().read() - 0.4 * FAT_MB * MB
        block = dirty(50 * MB)
        assert mine.read() - before == about(50 * MB)
        assert mine.read_quickly() == about(mine.read())
        block.close()

    assert ended_well(forked(child))


def test_a_child_of_a_child(fat: mmap.mmap) -> None:
    """The floor is that of the last fork."""

    def grandchild() -> None:
        assert own._at_fork.rss > (FAT_MB + 50) * MB

    def child() -> None:
        first = own._at_fork.rss
        block = dirty(60 * MB)
        assert own._at_fork.rss == first
        assert ended_well(forked(grandchild))
        block.close()

    assert ended_well(forked(child))
