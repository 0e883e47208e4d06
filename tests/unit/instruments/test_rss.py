import gc
import mmap
import os
from pathlib import Path

import psutil
import pytest

from memguard.instruments.rss import RssReader, memory_limit
from tests.unit.store.children import ended_well, forked

MB = 1_000_000
MACHINE = int(psutil.virtual_memory().total)


def dirty(size: int) -> mmap.mmap:
    """Return memory of the process's own, all of it in use."""
    block = mmap.mmap(-1, size)
    block.write(b"x" * size)
    return block


@pytest.mark.parametrize("metric", ["rss", "uss", "pss"])
def test_memory_that_comes_and_goes(metric: str) -> None:
    """The reading is of now: it follows what the process takes, and gives back."""
    reader = RssReader()
    before = reader.read(metric)
    block = dirty(50 * MB)
    during = reader.read(metric)
    block.close()
    after = reader.read(metric)

    assert during - before == pytest.approx(50 * MB, abs=5 * MB)
    assert after - before == pytest.approx(0, abs=5 * MB)


def test_it_is_what_the_system_says() -> None:
    """RSS is the system's own figure, in bytes."""
    assert RssReader().read() == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


def test_a_child_reads_its_own() -> None:
    """A forked child's reader is of the child, and its parent's stays of the parent."""
    reader = RssReader()
    before = reader.read()

    def child() -> None:
        own = reader.read()
        block = dirty(50 * MB)
        assert reader.read() - own > 45 * MB
        block.close()

    assert ended_well(forked(child))
    assert reader.read() - before < 25 * MB


def test_a_host_that_closes_all_descriptors() -> None:
    """As daemons do: memory is read on by other means, and what the host opens under the same number stays open."""
    reader = RssReader()

    def child() -> None:
        nonlocal reader
        os.closerange(3, 256)
        assert reader.read() > 0
        mine = [os.open(os.devnull, os.O_RDONLY) for _ in range(100)]
        assert reader.read() > 0
        del reader
        gc.collect()
        for number in mine:
            os.fstat(number)

    kept = reader
    assert ended_well(forked(child))
    assert kept.read() > 0


def test_a_number_that_is_the_hosts_now() -> None:
    """A descriptor that the host closed and got again for something else is neither read nor closed."""

    def child() -> None:
        reader = RssReader()
        number = reader._statm
        assert number is not None
        os.dup2(os.open(os.devnull, os.O_RDONLY), number)
        assert reader.read() > 1 * MB
        del reader
        gc.collect()
        os.fstat(number)

    assert ended_well(forked(child))


def test_descriptors_do_not_pile_up() -> None:
    """A reader that is dropped closes what it had open, and one that is forked what its parent had."""
    folder = Path("/proc/self/fd")
    gc.collect()  # what other tests have dropped
    before = len(list(folder.iterdir()))
    for _ in range(20):
        RssReader().read()
    gc.collect()
    assert len(list(folder.iterdir())) == before
    kept = [RssReader() for _ in range(5)]
    during = len(list(folder.iterdir()))

    def child() -> None:
        assert len(list(folder.iterdir())) == during

    assert ended_well(forked(child))
    assert kept


def test_without_a_proc_file_system(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where there is no `/proc` the reading comes through psutil."""

    def cannot(*_: object) -> int:
        raise FileNotFoundError

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", cannot)
        reader = RssReader()

    assert reader.read() == pytest.approx(psutil.Process().memory_info().rss, rel=0.05)


def planted(root: Path, cgroup: str | None, files: dict[str, str]) -> Path:
    """Write a tree with `proc/self/cgroup` and files below `sys/fs/cgroup`."""
    (root / "proc/self").mkdir(parents=True)
    if cgroup is not None:
        (root / "proc/self/cgroup").write_text(cgroup)
    for name, text in files.items():
        path = root / "sys/fs/cgroup" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return root


V1 = "12:pids:/docker/abc\n5:memory:/docker/abc\n4:cpu,cpuacct:/docker/abc\n1:name=systemd:/docker/abc\n"
HYBRID = V1 + "0::/system.slice/docker.service\n"


@pytest.mark.parametrize(
    ("cgroup", "files", "limit"),
    [
        ("0::/\n", {"memory.max": "104857600\n"}, 104857600),
        ("0::/a/b\n", {"a/b/memory.max": "50000000\n", "a/memory.max": "90000000\n"}, 50_000_000),
        ("0::/a/b\n", {"a/b/memory.max": "90000000\n", "a/memory.max": "50000000\n"}, 50_000_000),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "50000000\n", "memory.max": "max\n"}, 50_000_000),
        ("0::/a/b\n", {"a/b/memory.max": "max\n", "a/memory.max": "max\n"}, MACHINE),
        ("0::/a/b\n", {"memory.max": "70000000\n"}, 70_000_000),
        ("0::/a/b\n", {"c/memory.max": "70000000\n"}, MACHINE),
        ("0::/\n", {"memory.max": f"{MACHINE * 2}\n"}, MACHINE),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "60000000\n"}, 60_000_000),
        (V1, {"memory/memory.limit_in_bytes": "60000000\n"}, 60_000_000),
        (V1, {"memory/docker/abc/memory.limit_in_bytes": "9223372036854771712\n"}, MACHINE),
        (HYBRID, {"memory/docker/abc/memory.limit_in_bytes": "60000000\n"}, 60_000_000),
        ("0::/\n", {}, MACHINE),
        ("0::/\n", {"memory.max": ""}, MACHINE),
        ("", {"memory.max": "70000000\n"}, MACHINE),
        ("nonsense\n", {"memory.max": "70000000\n"}, MACHINE),
        (None, {"memory.max": "70000000\n"}, MACHINE),
    ],
    ids=[
        "version 2, in a container", "version 2, own limit tighter", "version 2, parent's limit tighter",
        "version 2, own unlimited, parent's not", "version 2, unlimited", "version 2, groups of the host not mounted",
        "version 2, no limit of ours", "version 2, more than the machine has", "version 1", "version 1, in a container",
        "version 1, unlimited", "both versions mounted", "no files", "an empty file",
        "no groups", "groups of an unknown form", "no cgroups",
    ],
)  # fmt: skip
def test_memory_limit(tmp_path: Path, cgroup: str | None, files: dict[str, str], limit: int) -> None:
    """The limit is the tightest that binds the process: its group's, one further up, or the machine's memory."""
    assert memory_limit(planted(tmp_path, cgroup, files)) == limit


def test_memory_limit_of_this_process() -> None:
    """It can be told wherever the process runs, and is at least what it uses now."""
    assert RssReader().read() < memory_limit() <= MACHINE
