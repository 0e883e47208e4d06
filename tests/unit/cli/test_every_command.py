"""What holds of all commands: they speak JSON, and complain in one line."""

import json
import shlex
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from memguard import allocations, cli
from memguard.allocations import Allocations, Group
from memguard.snapshots import Kept
from memguard.store.connection import Database
from memguard.store.sqlite import SqliteStore
from tests.unit.cli import worker
from tests.unit.cli.conftest import Run
from tests.unit.telling import ME, finding, judged, stats, told, unit

SECONDS_MOST = 60.0
KEPT = "00112233aabbccdd"
PROGRAM = "def load(n):\n    return len(bytes(n))\nprint(load(1000))\n"

OF_A_STORE = [
    "report", "findings", "units", "objects", "top --once", "snapshots", f"snapshots --save {KEPT} -o kept.mgs",
    f"snapshot {KEPT}", f"diff {KEPT} {KEPT}", f"reproduce {finding().fingerprint}",
]  # fmt: skip
OF_A_WORKER = [
    "trace --seconds 1", "collect", "trim", "recycle", "objects --take", "objects largest dict", "objects cycles",
    "objects uncollectable", "objects chain dict", "objects size __main__.ORDERS",
    "profile --operation 'GET /order'", "profile --operation 'GET /nobody' --within 1",
]  # fmt: skip
ALONE = ["doctor", "grafana"]
OF_A_PROGRAM = ["record -- PYTHON job.py", "profile -f job:load -- job.py"]


@pytest.fixture
def told_path(tmp_path: Path) -> str:
    """Return the path of a store with a finding, a unit and a snapshot."""
    path = str(tmp_path / "told.sqlite")
    now = time.time()
    with closing(SqliteStore(Database(path), "shop")) as store:
        operations = (stats(judged("GET /leak", "leak", objects=2.0)),)
        store.flush(told(at=now, operations=operations, findings=(finding(),), units=(unit(now),)))
        taken = Allocations(now, (Group((("/srv/a.py", 3),), 5_000, 2),))
        store.add_allocations(ME, Kept(KEPT, now, "traced", 5_000, 2, 1), allocations.packed(taken), most=9)
    return path


@pytest.fixture(scope="module")
def worked_path(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Have a worker serve; give the path of its store."""
    path = str(tmp_path_factory.mktemp("worker") / "shop.sqlite")
    with subprocess.Popen([sys.executable, "-m", worker.__name__, path], stdin=subprocess.PIPE) as working:
        deadline = time.monotonic() + SECONDS_MOST
        while not living(path):
            assert working.poll() is None, "the worker should serve"
            assert time.monotonic() < deadline, "the worker should have told its store something"
            time.sleep(0.1)
        yield path


def living(path: str) -> bool:
    """Tell whether a worker has told that store of a unit; it may not have made it yet."""
    with closing(SqliteStore(Database(path, read_only=True), "shop")) as store:
        try:
            return any(each.units_total for each in store.read().workers)
        except sqlite3.OperationalError:
            return False


def test_no_command_is_left_out() -> None:
    """But the one that prints what a shell reads, and the one that serves, which has a test of its own."""
    spoken = {written.split()[0] for written in (*OF_A_STORE, *OF_A_WORKER, *ALONE, *OF_A_PROGRAM)}

    assert spoken == set(cli.COMMANDS) - {"completion", "dashboard"}


@pytest.mark.parametrize("written", OF_A_STORE)
def test_json_of_a_store(
    written: str, told_path: str, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All of stdout is one value."""
    monkeypatch.chdir(tmp_path)
    code, out, complaint = run(*written.split(), "--json", "--store", told_path)

    assert (code in {0, 1}, complaint) == (True, "")
    json.loads(out)


@pytest.mark.parametrize("written", OF_A_WORKER)
def test_json_of_a_worker(written: str, worked_path: str, run: Run) -> None:
    """Of one that serves, whatever came of it."""
    code, out, complaint = run(*shlex.split(written), "--json", "--store", worked_path)

    assert (code in {0, 1}, complaint) == (True, "")
    for each in json.loads(out)["commands"] if not written.endswith("--take") else ():
        assert each["state"] in {"done", "failed"}, "it has answered"


@pytest.mark.parametrize("written", ALONE)
def test_json_without_a_store(written: str, run: Run) -> None:
    """All of stdout is one value."""
    json.loads(run(written, "--json")[1])


@pytest.mark.parametrize("written", OF_A_PROGRAM)
def test_json_of_a_program(written: str, tmp_path: Path) -> None:
    """All of stdout is one value, though the program prints something."""
    (tmp_path / "job.py").write_text(PROGRAM)
    options, _, program = written.replace("PYTHON", sys.executable).partition(" -- ")
    command = [sys.executable, "-m", "memguard.cli", *options.split(), "--json", "--", *program.split()]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=SECONDS_MOST, check=True)

    json.loads(done.stdout)


def test_json_of_the_page(told_path: str) -> None:
    """One line says where it is."""
    command = [sys.executable, "-m", "memguard.cli", "dashboard", "--port", "0", "--json", "--store", told_path]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as serving:
        assert serving.stdout is not None
        told_of_it = json.loads(serving.stdout.readline())
        serving.terminate()
        assert (serving.wait(SECONDS_MOST), serving.stdout.read()) == (0, "")

    assert told_of_it["url"].startswith("http://127.0.0.1:")


def test_wrong_arguments_are_said(capsys: pytest.CaptureFixture[str]) -> None:
    """With exit code 2, in one line that names what is wrong and where help is."""
    for arguments, named in (
        ([], "COMMAND; see memguard --help"),
        (["repot"], "'repot'"),
        (["report", "--stoer", "x"], "memguard: unknown: --stoer x; see memguard report --help"),
        (["reproduce"], "FINGERPRINT; see memguard reproduce --help"),
        (["objects", "largest"], "TYPE; see memguard objects largest --help"),
        (["objects", "colours"], "'colours'"),
        (["units", "--top", "none"], "argument --top: expected a whole number from 1 on, not 'none'"),
        (["snapshot", "x", "--domain", "x"], "argument --domain"),
        (["dashboard", "--port", "x"], "argument --port"),
        (["completion", "csh"], "argument SHELL"),
        (["doctor", "--service"], "argument --service: expected one argument"),
    ):
        with pytest.raises(SystemExit) as ended:
            cli.main(arguments)
        said = capsys.readouterr()
        assert (ended.value.code, said.out) == (2, "")
        assert said.err.startswith("memguard: ")
        assert said.err.count("\n") == 1
        assert named in said.err


def test_a_complaint_is_one_line_whatever_was_written(
    tmp_path: Path, run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    """A line break in a name is written out, and so is what would command the terminal."""
    name = tmp_path / "no\nsuch \x1b[2Jfile"
    shown = str(name).replace("\n", "\\n").replace("\x1b", "\\x1b")
    for arguments in (
        ["report", "--store", name],
        ["snapshot", name],
        ["diff", name, name],
        ["profile", "-f", "job:load", "--", name],
        ["record", "--", name],
        ["record", "-o", name / "x", "--", sys.executable, "-c", ""],
    ):
        code, _, complaint = run(*arguments)
        assert code == 2
        assert shown in complaint.splitlines()[-1].replace("\\\\", "\\"), arguments
        assert "\x1b" not in complaint
    for wrong in (["report", name], ["units", "--top", name], [name]):
        with pytest.raises(SystemExit) as ended:
            cli.main([str(each) for each in wrong])
        complaint = capsys.readouterr().err
        assert (ended.value.code, complaint.count("\n")) == (2, 1), wrong
        assert "\x1b" not in complaint


def test_what_cannot_be_written_is_one_line(tmp_path: Path, run: Run) -> None:
    """Wherever a command takes the name of a file to write."""
    missing = tmp_path / "missing" / "file"
    taken = tmp_path / "a.mgs"
    allocations.write(Allocations(1.0, (Group((("/srv/a.py", 3),), 1_000, 2),)), taken)
    for arguments in (
        ["record", "-o", missing, "--", sys.executable, "-c", ""],
        ["record", "--json", missing, "--", sys.executable, "-c", ""],
        ["snapshot", taken, "--format", "svg", "-o", missing],
    ):
        code, out, complaint = run(*arguments)
        assert (code, out) == (2, "")
        assert f"'{missing}'" in complaint.splitlines()[-1]
