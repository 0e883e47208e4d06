"""`manage.py memguard` and `flask memguard` as a person types them, beside `memguard report`, of a real server's store."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from example_apps import commands
from example_apps.servers import environment
from tests.unit.test_cli import tell

MANAGE = [sys.executable, "-m", "django", "memguard", "--settings", "example_apps.django_app.settings"]
FLASK = [sys.executable, "-m", "flask", "--app", commands.FLASK, "memguard"]
REPORT = [sys.executable, "-m", "memguard.cli", "report"]

COMMANDS = pytest.mark.parametrize("command", [MANAGE, FLASK], ids=["django", "flask"])


def typed(command: list[str], place: Path | str, *options: str) -> "subprocess.CompletedProcess[str]":
    """Return what came of a command, in the environment of a service whose store is at a place."""
    environ = environment(MEMGUARD_STORE=str(place), MEMGUARD_SERVICE="shop", PYTHONIOENCODING="utf-8")
    return subprocess.run([*command, *options], env=environ, capture_output=True, text=True, check=False, timeout=60)


@COMMANDS
def test_it_says_what_memguard_report_says(command: list[str], tmp_path: Path) -> None:
    """Word for word, but for the moment; and as JSON."""
    place = tmp_path / "shop.sqlite"
    tell(place, "shop")
    ours, theirs = typed(command, place), typed(REPORT, place)
    assert (ours.returncode, ours.stderr) == (0, "")
    assert ours.stdout.splitlines()[1:] == theirs.stdout.splitlines()[1:]
    assert ours.stdout.startswith("memguard  service shop  ")
    assert "GET /leak leaks" in ours.stdout

    told, expected = (json.loads(typed(each, place, "--json").stdout) for each in (command, REPORT))
    assert told["findings"] == expected["findings"]
    assert told.keys() == expected.keys()


@COMMANDS
def test_what_cannot_be_read_is_said_in_one_line(command: list[str], tmp_path: Path) -> None:
    """Exit code 2, and nothing is made."""
    missing = tmp_path / "missing.sqlite"
    done = typed(command, missing)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.rstrip().endswith(f"Error: there is no memguard store at {missing}")
    assert not list(tmp_path.iterdir())

    done = typed(command, "redis://127.0.0.1:1/0")
    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
    assert "redis://127.0.0.1:1/0: Error" in done.stderr


@COMMANDS
def test_it_is_listed_with_the_framework_s_own(command: list[str], tmp_path: Path) -> None:
    """With a line of help."""
    done = typed(command, tmp_path / "any", "--help")
    assert "Show what memguard found" in " ".join(done.stdout.split())
