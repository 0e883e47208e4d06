"""What a browser session needs of the machine; apt installs what is missing."""

import shutil
import subprocess

EXECUTABLES = ("chromium", "chromium-browser", "google-chrome")


def executable() -> str | None:
    """Return the path of a browser, None where there is none and no apt either; raise where apt fails."""
    found = next(filter(None, map(shutil.which, EXECUTABLES)), None)
    if found is None and shutil.which("apt-get"):
        install("chromium")
        found = shutil.which("chromium")
        assert found, "apt has installed Chromium, and it is not on the path"
    return found


def install(*packages: str) -> None:
    """Install packages of Debian's."""
    for command in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
        done = subprocess.run(["apt-get", "--quiet", *command], capture_output=True, text=True, check=False)
        assert done.returncode == 0, f"apt-get {' '.join(command)}: {done.stderr or done.stdout}"
