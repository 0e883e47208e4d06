"""Why a worker is never replaced: what it is set to, where it runs, and what runs it."""

import os
import sys
import threading
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import SimpleNamespace

import pytest

from memguard.recycling import surroundings
from memguard.recycling.refusal import refusal
from memguard.recycling.servers import Refusing, Server
from memguard.settings import Settings
from tests.unit.store.children import ended_well, forked, until


@dataclass(frozen=True)
class Willing(Refusing):
    """A server that can let its worker go."""

    reason: str = ""
    workers: int | None = 2
    keeps_listening: bool = True


def why(server: Server, trouble: str = "", **settings: object) -> tuple[str, str]:
    """Return kind and words of a refusal, both empty where there is none."""
    found = refusal(Settings.load({"rss_ceiling": "1MB", **settings}, environ={}), server, trouble)
    return (found.kind, found.words) if found is not None else ("", "")


def test_nothing_speaks_against_it() -> None:
    """A worker of a server that keeps the socket open is replaced, alone or not, and so is one of several."""
    assert why(Willing()) == ("", "")
    assert why(Willing(workers=1)) == ("", "")
    assert why(Willing(workers=None)) == ("", "")
    assert why(Willing(workers=2, keeps_listening=False)) == ("", "")


@pytest.mark.parametrize("workers", [1, None])
def test_the_only_worker(workers: int | None) -> None:
    """One that may be alone, and whose socket would close with it, stays; whoever knows better gives a callable."""
    kind, words = why(Willing(workers=workers, keeps_listening=False))

    assert (kind, "connections would be refused" in words) == ("alone", True)
    assert why(Willing(workers=workers, keeps_listening=False), recycle=print) == ("", "")


def test_a_server_that_refuses() -> None:
    """Its own words are the reason; a callable is asked instead of it."""
    assert why(Willing(reason="it has no master")) == ("server", "it has no master")
    assert why(Refusing())[0] == "server"
    assert why(Refusing(), recycle=print) == ("", "")


def test_settings() -> None:
    """What was set to be said only comes before all else."""
    assert why(Willing(), recycle="report")[0] == "setting"
    assert why(Refusing(), "trouble", recycle="report")[0] == "setting"


def test_workers_that_cannot_agree() -> None:
    """Where no slot can be had nobody leaves, by no way."""
    for way in ("auto", print):
        assert why(Willing(), "workers cannot agree (read-only)", recycle=way) == (
            "place", "workers cannot agree (read-only)",
        )  # fmt: skip


@pytest.mark.parametrize("variable", ["WERKZEUG_RUN_MAIN", "RUN_MAIN"])
def test_reloaders(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that a reloader runs is a developer's."""
    monkeypatch.setenv(variable, "true")

    assert f"({variable} is set)" in why(Willing())[1]
    monkeypatch.setenv(variable, "false")
    assert why(Willing()) == ("", "")


@pytest.mark.parametrize(
    ("module", "told"),
    [("debugpy", {"is_client_connected": lambda: True}), ("pydevd", {"connected": True})],
    ids=["debugpy", "pydevd"],
)
def test_debuggers(module: str, told: dict[str, object], monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody is thrown out of a debugger; one that is merely imported does not matter."""
    monkeypatch.setitem(sys.modules, module, SimpleNamespace(**told))
    assert f"({module})" in surroundings.refusal()
    monkeypatch.setitem(sys.modules, module, SimpleNamespace())

    assert surroundings.refusal() == ""


def test_pdb(tmp_path: Path) -> None:
    """A thread that somebody stopped at a breakpoint is seen as long as it stands there."""
    reading, writing = os.pipe()

    def child() -> None:
        os.dup2(reading, 0)
        sys.stdin, sys.stdout = open(0), (tmp_path / "said").open("w")  # noqa: SIM115 - as a terminal's
        assert surroundings.refusal() == ""
        thread = threading.Thread(target=lambda: import_module("pdb").Pdb(nosigint=True).set_trace())
        thread.start()
        until(lambda: "pdb" in surroundings.refusal(), "the debugger to be seen")
        os.write(writing, b"continue\n")
        thread.join(30)
        assert surroundings.refusal() == ""

    assert ended_well(forked(child))
