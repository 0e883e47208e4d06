"""How full the container is, and what the kernel has killed in it: recorded trees, and this machine."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from memguard.instruments.container import oom_kills, used_share
from memguard.instruments.rss import _group, memory_limit
from tests.unit.instruments.test_rss import planted

MACHINE = psutil.virtual_memory()
MB = 1_000_000
V1 = "5:memory:/docker/abc\n1:name=systemd:/docker/abc\n"


def version_2(limit: object, used: int, file_pages: int = 0) -> dict[str, str]:
    """Return a group's files."""
    return {
        "a/memory.max": f"{limit}\n",
        "a/memory.current": f"{used}\n",
        "a/memory.stat": f"anon 1\ninactive_file {file_pages}\nactive_file 7\n",
        "a/memory.events": "low 0\nhigh 0\nmax 3\noom 2\noom_kill 2\n",
    }


def version_1(limit: int, used: int, file_pages: int = 0) -> dict[str, str]:
    """Return the same as version 1 has it."""
    return {
        "memory/docker/abc/memory.limit_in_bytes": f"{limit}\n",
        "memory/docker/abc/memory.usage_in_bytes": f"{used}\n",
        "memory/docker/abc/memory.stat": f"inactive_file 1\ntotal_inactive_file {file_pages}\n",
        "memory/docker/abc/memory.oom_control": "oom_kill_disable 0\nunder_oom 0\noom_kill 3\n",
    }


@pytest.mark.parametrize(
    ("cgroup", "files", "share"),
    [
        ("0::/a\n", version_2(100 * MB, 99 * MB), 0.99),
        ("0::/a\n", version_2(100 * MB, 99 * MB, 20 * MB), 0.79),
        ("0::/a/b\n", {**version_2(100 * MB, 99 * MB), "a/b/memory.max": "max\n", "a/b/memory.current": "1\n"}, 0.99),
        (V1, version_1(100 * MB, 98 * MB), 0.98),
        (V1, version_1(100 * MB, 98 * MB, 8 * MB), 0.9),
    ],
    ids=["version 2", "with cached files", "a group above", "version 1", "version 1 with cached files"],
)
def test_used_share(tmp_path: Path, cgroup: str, files: dict[str, str], share: float) -> None:
    """The fullest group that binds the process counts, without pages of files that can be dropped."""
    assert used_share(planted(tmp_path, cgroup, files)) == pytest.approx(share, abs=0.001)


@pytest.mark.parametrize(
    ("cgroup", "files"),
    [
        ("0::/a\n", version_2("max", 99 * MB)),
        ("0::/a\n", version_2(2 * MACHINE.total, 2 * MACHINE.total)),
        ("0::/a\n", {"a/memory.max": "1\n"}),
        (V1, version_1(9223372036854771712, 99 * MB)),
        ("nonsense\n", {}),
        (None, {}),
    ],
    ids=["no limit", "more than the machine", "no usage", "version 1, no limit", "unknown", "none"],
)
def test_the_machine(tmp_path: Path, cgroup: str | None, files: dict[str, str]) -> None:
    """Where no group limits the process, the machine does."""
    machine = psutil.virtual_memory()

    assert used_share(planted(tmp_path, cgroup, files)) == pytest.approx(1 - machine.available / machine.total, abs=0.1)


@pytest.mark.parametrize(
    ("cgroup", "files", "kills"),
    [
        ("0::/a\n", version_2(100 * MB, 99 * MB), 2),
        (V1, version_1(100 * MB, 98 * MB), 3),
        ("0::/\n", {}, 7),
        (V1, {"memory/docker/abc/memory.oom_control": "oom_kill_disable 0\n"}, 7),
    ],
    ids=["version 2", "version 1", "no group", "an old kernel"],
)
def test_oom_kills(tmp_path: Path, cgroup: str, files: dict[str, str], kills: int) -> None:
    """What the kernel has killed is counted by the group, or else by the machine."""
    root = planted(tmp_path, cgroup, files)
    (root / "proc/vmstat").write_text("pgfault 12\noom_kill 7\n")

    assert oom_kills(root) == kills


def test_oom_kills_that_nobody_counts(tmp_path: Path) -> None:
    """Without any count there is none."""
    assert oom_kills(planted(tmp_path, None, {})) is None


def test_this_process() -> None:
    """Both can be told here, whatever runs this."""
    assert 0 < used_share() < 1
    assert oom_kills() is not None


def own_group() -> Path | None:
    """Return the folder of this process's own memory group, where it may make groups below it."""
    group = _group(Path("/"), ":memory:")
    folder = Path("/sys/fs/cgroup/memory") / (group or "")
    return folder if group is not None and os.access(folder, os.W_OK) and os.geteuid() == 0 else None


@contextmanager
def real_group(limit: int) -> Iterator[Path]:
    """Make a group with a memory limit, on this machine."""
    folder = own_group()
    assert folder is not None
    made = folder / f"memguard-test-{os.getpid()}"
    made.mkdir()
    try:
        (made / "memory.limit_in_bytes").write_text(str(limit))
        yield made
    finally:
        made.rmdir()


if own_group() is not None:  # elsewhere the recorded trees above have to do

    def test_a_real_group() -> None:
        """A process in a group with a limit knows it, sees how full it gets, and how many were killed of it."""
        limit = 200 * MB
        script = """
            import sys, os, subprocess
            from memguard.instruments.container import oom_kills, used_share
            from memguard.instruments.rss import memory_limit
            print(memory_limit(), used_share(), oom_kills(), flush=True)
            block = bytearray(b"x") * int(0.7 * memory_limit())
            print(used_share(), flush=True)
            del block
            greedy = subprocess.run([sys.executable, "-c", "b = bytearray(b'x') * 400_000_000"])
            print(greedy.returncode, oom_kills(), flush=True)
        """
        lines = [line.strip() for line in script.splitlines() if line.strip()]
        with real_group(limit) as group:
            enter = f"open({str(group / 'cgroup.procs')!r}, 'w').write('0')"
            done = subprocess.run(
                [sys.executable, "-c", "\n".join([enter, *lines])],
                check=False,
                capture_output=True,
                text=True,
                timeout=60,
            )
        told = done.stdout.split()

        assert done.returncode == 0, done.stderr
        assert abs(int(told[0]) - limit) < 8192
        assert float(told[1]) < 0.5 < float(told[3])
        assert (told[2], told[4], told[5]) == ("0", "-9", "1")
        assert memory_limit() > limit
