"""What tests need of the machine; apt installs what is missing."""

import fcntl
import shutil
import subprocess
import tempfile
from pathlib import Path

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str | None:
    """Return the path of a browser, None where there is none and no apt either; raise where apt fails."""
    found = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if found is None and shutil.which("apt-get"):
        install("chromium")
        found = shutil.which("chromium")
        assert found, "apt has installed Chromium, and it is not on the path"
    return found


def graphviz() -> bool:
    """Tell whether Graphviz's `dot` is there, by apt where it was missing; raise where apt fails."""
    if shutil.which("dot") is None and shutil.which("apt-get"):
        install("graphviz")
    return shutil.which("dot") is not None


def install(*packages: str) -> None:
    """Install packages of Debian's; tests of other processes that do so at the same time wait for their turn."""
    with Path(tempfile.gettempdir(), "memguard-tests-apt.lock").open("w") as turn:
        fcntl.flock(turn, fcntl.LOCK_EX)
        for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            done = subprocess.run(["apt-get", "--quiet", *command], capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"apt-get {' '.join(command)}: {done.stderr or done.stdout}"
