"""What `memguard dashboard` refuses before it serves; tests/live/test_dashboard.py asks it over HTTP."""

from pathlib import Path

import pytest

from tests.unit.test_cli import run, tell


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a store."""
    tell(tmp_path / "shop.sqlite", "shop")
    return tmp_path / "shop.sqlite"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "203.0.113.9"])
def test_where_others_can_reach_it_a_token_is_needed(path: Path, capsys: pytest.CaptureFixture[str], host: str) -> None:
    """Nothing listens there until one is set."""
    assert run(capsys, "dashboard", "--store", path, "--host", host) == (
        2,
        "",
        f"memguard: --host {host}: other machines may reach it there, which takes a token: set MEMGUARD_TOKEN\n",
    )


def test_a_weak_token_is_refused(
    path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As everywhere; and it is not shown."""
    monkeypatch.setenv("MEMGUARD_TOKEN", "short")
    code, out, complaint = run(capsys, "dashboard", "--store", path)

    assert (code, out) == (2, "")
    assert complaint.startswith("memguard: memguard setting MEMGUARD_TOKEN=…: ")


@pytest.mark.parametrize("port", ["-1", "65536"])
def test_a_port_that_is_none(path: Path, capsys: pytest.CaptureFixture[str], port: str) -> None:
    """It would be taken for another one."""
    assert run(capsys, "dashboard", "--store", path, f"--port={port}") == (
        2, "", f"memguard: --port {port}: expected a number from 0 to 65535\n",
    )  # fmt: skip


def test_a_store_that_is_none(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One that is not there is not made; one that is something else is left alone; a Redis has to answer."""
    missing, other = tmp_path / "missing.sqlite", tmp_path / "notes.txt"
    other.write_text("not a store")
    assert run(capsys, "dashboard", "--store", missing) == (
        2,
        "",
        f"memguard: there is no memguard store at {missing}\n",
    )
    assert run(capsys, "dashboard", "--store", other) == (2, "", f"memguard: {other}: it is not a SQLite database\n")
    code, _, complaint = run(capsys, "dashboard", "--store", "redis://127.0.0.1:1/0")
    assert (code, complaint.count("\n"), "redis://127.0.0.1:1/0: " in complaint) == (2, 1, True)
    assert not missing.exists()
    assert other.read_text() == "not a store"


def test_of_several_services_one_is_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """As for the other commands."""
    tell(path, "blog")
    assert run(capsys, "dashboard", "--store", path) == (
        2, "", f"memguard: the store {path} holds several services; name one with --service: blog, shop\n",
    )  # fmt: skip
