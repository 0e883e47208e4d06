"""Prometheus's own checker. Where it is not installed, and there is apt, it is fetched from Debian's package."""

import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path

from tests.missing import missing

SECONDS_MOST = 300


@cache
def promtool() -> str:
    """Return the path of promtool; a machine without it and without apt has no way to it, and is told as missing."""
    found = shutil.which("promtool")
    if found:
        return found
    kept = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache", "memguard-tests", "promtool")
    if not kept.exists():
        if shutil.which("apt-get") is None:
            missing("neither promtool nor apt is on this machine")
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory() as folder:
            if _run(["apt-get", "download", "-qq", "prometheus"], folder).returncode:
                assert not _run(["apt-get", "update", "-qq"], folder).returncode
                downloaded = _run(["apt-get", "download", "-qq", "prometheus"], folder)
                assert not downloaded.returncode, downloaded.stderr
            (package,) = Path(folder).glob("prometheus_*.deb")
            extracted = _run(["dpkg", "-x", package.name, "."], folder)
            assert not extracted.returncode, extracted.stderr
            shutil.move(Path(folder, "usr", "bin", "promtool"), kept.with_suffix(f".{os.getpid()}"))
            kept.with_suffix(f".{os.getpid()}").replace(kept)
    return str(kept)


def checked(*arguments: str, given: str = "") -> str:
    """Have promtool check what it is given on its standard input, or fail; return what it says."""
    done = subprocess.run(
        [promtool(), "check", *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, f"{done.stdout}{done.stderr}\n{given}"
    return done.stdout + done.stderr


def _run(command: list[str], folder: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=SECONDS_MOST, check=False)
