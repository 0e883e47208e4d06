"""Completion, by a real bash that reads what `memguard completion bash` prints."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from memguard import allocations, cli
from memguard.allocations import Allocations, Group
from memguard.snapshots import Kept
from memguard.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Run
from tests.unit.telling import ME, NOW, finding, told

SECONDS_MOST = 60
# What bash itself does on a TAB: the words, which of them it is at, and the function that is registered for the command.
PRESSED = """
eval "$(memguard completion bash)"
registered=$(complete -p memguard) || exit 3
COMP_LINE=$1; COMP_POINT=${#1}; COMP_TYPE=9
read -r -a COMP_WORDS <<< "$1"
[[ $1 == *" " ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
_python_argcomplete memguard "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf "%s\\n" "${COMPREPLY[@]}"
"""


def completed(line: str, folder: Path, **environ: str) -> list[str]:
    """Return what bash offers for a line when TAB is pressed at its end."""
    # The scripts of this environment are found first: the command under test is one of them.
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["bash", "--norc", "-c", PRESSED, "bash", line], capture_output=True, text=True, cwd=folder, check=False,
        timeout=SECONDS_MOST, env={**os.environ, "PATH": path, **environ},
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    return [each.strip() for each in done.stdout.splitlines() if each.strip()]


def test_commands_and_their_options(tmp_path: Path) -> None:
    """Those of the command that stands there, and of a way within it."""
    assert completed("memguard sn", tmp_path) == ["snapshot", "snapshots"]
    assert set(completed("memguard units --s", tmp_path)) == {"--sort", "--store", "--service"}
    assert completed("memguard units --sort tr", tmp_path) == ["traced"]
    assert completed("memguard objects lar", tmp_path) == ["largest"]
    assert set(completed("memguard objects chain --d", tmp_path)) == {"--dot"}
    assert set(cli.COMMANDS) <= set(completed("memguard ", tmp_path))


def test_what_the_store_holds(store: SqliteStore, tmp_path: Path) -> None:
    """Fingerprints, snapshots, workers: whatever a command would read. Files, too, where those are taken."""
    store.flush(told(findings=(finding(),), at=NOW))
    taken = Allocations(NOW, (Group((("/srv/a.py", 3),), 5_000, 2),))
    store.add_allocations(ME, Kept("00112233aabbccdd", NOW, "traced", 5_000, 2, 1), allocations.packed(taken), most=9)
    (tmp_path / "now.mgs").touch()
    at = f"--store {store.place}"

    assert completed(f"memguard reproduce {at} 00", tmp_path) == [finding().fingerprint]
    assert completed(f"memguard snapshots {at} --save 0", tmp_path) == ["00112233aabbccdd"]
    assert completed("memguard diff 0", tmp_path, MEMGUARD_STORE=store.place) == ["00112233aabbccdd"]
    assert "now.mgs" in completed("memguard diff n", tmp_path, MEMGUARD_STORE=store.place)


def test_where_there_is_no_store_nothing_is_offered(tmp_path: Path) -> None:
    """And nothing is said: whoever presses TAB is in the middle of a line."""
    assert completed(f"memguard reproduce --store {tmp_path}/none.sqlite 0", tmp_path) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_each_shell_has_its_own(shell: str, run: Run) -> None:
    """It names the command."""
    code, out, complaint = run("completion", shell)

    assert (code, complaint) == (0, "")
    assert "memguard" in out


def test_where_argcomplete_is_missing_it_says_so(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """And how to have it; other commands do without."""
    monkeypatch.setitem(sys.modules, "argcomplete.shell_integration", None)

    assert run("completion", "bash") == (
        2, "", "memguard: completion needs argcomplete, which is not installed here: pip install 'memguard-web[cli]'\n",
    )  # fmt: skip
