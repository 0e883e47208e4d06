import json
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from memguard import cli
from memguard.explain.reproduction import reproduction
from memguard.store.connection import Database
from memguard.store.places import runtime_directory
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import NOW, finding, judged, stats, told


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return the path of a store with a finding, whose workers are gone."""
    path = tmp_path / "shop.sqlite"
    tell(path, "shop")
    return path


def tell(path: Path, service: str) -> None:
    """Have a worker of a service tell its store something."""
    store = SqliteStore(Database(str(path)), service)
    store.flush(told(operations=(stats(judged("GET /leak", "leak", objects=2.0)),), findings=(finding(),)))
    store.close()


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    """Return exit code, output and complaints of a command."""
    code = cli.main([str(argument) for argument in arguments])
    said = capsys.readouterr()
    return code, said.out, said.err


def test_a_report_is_shown_for_people(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The service is the one that the file holds."""
    code, out, complaints = run(capsys, "report", "--store", path)

    assert (code, complaints) == (0, "")
    assert out.startswith("memguard  service shop  ")
    assert "GET /leak leaks: each request leaves about 2 objects and 200 B behind." in out
    assert "\x1b" not in out


def test_a_report_is_shown_for_programs(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The same JSON as over HTTP; it names who answered, and the file."""
    code, out, _ = run(capsys, "report", "--store", path, "--json")
    report = json.loads(out)

    assert code == 0
    assert report["findings"][0]["operation"] == {"kind": "request", "name": "GET /leak"}
    assert report["answered_by"]["pid"] == os.getpid()
    assert report["store"]["place"] == str(path)


def test_a_store_that_a_worker_writes_now_is_read_beside_it(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was flushed last is there, though it is still in the journal."""
    store = SqliteStore(Database(str(tmp_path / "a.sqlite")), "shop")
    store.flush(told(units_total=3))
    store.flush(told(units_total=4))
    _, out, _ = run(capsys, "report", "--store", tmp_path / "a.sqlite", "--json")
    store.close()

    assert [worker["units_total"] for worker in json.loads(out)["workers"]] == [4]
    assert json.loads(out)["service"] == "shop"


def test_of_several_services_one_is_named(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Without a name it says which there are."""
    tell(path, "blog")

    assert run(capsys, "report", "--store", path) == (
        2, "", f"memguard: the store {path} holds several services; name one with --service: blog, shop\n",
    )  # fmt: skip
    assert run(capsys, "report", "--store", path, "--service", "sho") == (
        2, "", f"memguard: the store {path} holds nothing of a service 'sho'; it holds: blog, shop\n",
    )  # fmt: skip
    code, out, _ = run(capsys, "report", "--store", path, "--service", "blog")
    assert (code, out.split("  ")[1]) == (0, "service blog")


def test_a_directory_is_searched(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """One store in it is the one; of several, the service's."""
    assert run(capsys, "report", "--store", path.parent)[0] == 0

    tell(path.parent / "blog.sqlite", "blog")
    code, _, complaint = run(capsys, "report", "--store", path.parent)
    assert (code, complaint) == (
        2,
        f"memguard: the directory {path.parent} holds several stores; name one of its services with --service: blog, shop\n",
    )
    assert run(capsys, "report", "--store", path.parent, "--service", "blog")[0] == 0


def test_without_a_store_it_is_the_one_a_worker_here_would_use(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, path: Path
) -> None:
    """By the environment's settings, or in the runtime directory."""
    code, _, complaint = run(capsys, "report", "--service", "shop")
    place = Path(os.environ["XDG_RUNTIME_DIR"]) / "memguard" / "shop.sqlite"
    assert (code, complaint) == (2, f"memguard: there is no memguard store at {place}\n")

    tell(place, "shop")
    assert run(capsys, "report", "--service", "shop")[0] == 0

    monkeypatch.setenv("MEMGUARD_STORE", str(path))
    assert json.loads(run(capsys, "report", "--json")[1])["store"]["place"] == str(path)

    monkeypatch.setenv("MEMGUARD_MODE", "bananas")
    code, _, complaint = run(capsys, "report")
    assert code == 2
    assert "MEMGUARD_MODE='bananas': expected one of 'watch', 'trace', 'off'" in complaint


def test_other_services_are_named_where_this_ones_store_is_missing_or_empty(
    capsys: pytest.CaptureFixture[str],
) -> None:
    """Whoever forgot which service it was need not look for files."""
    directory = runtime_directory()
    tell(directory / "shop.sqlite", "shop")
    tell(directory / "blog.sqlite", "blog")
    hint = "other services have one beside it, name one with --service: blog, shop"
    place = directory / "default.sqlite"

    assert run(capsys, "report") == (2, "", f"memguard: there is no memguard store at {place}; {hint}\n")
    assert run(capsys, "reproduce", "ff") == (2, "", f"memguard: there is no memguard store at {place}; {hint}\n")
    assert hint not in run(capsys, "report", "--service", "sho")[2], "that one was asked for"
    assert hint not in run(capsys, "report", "--store", place)[2]

    with closing(SqliteStore(Database(str(place)), "default")) as empty:
        empty.read()
    code, out, _ = run(capsys, "report")
    assert (code, out.splitlines()[3]) == (0, f"Note: {hint}")

    tell(place, "default")
    assert hint not in run(capsys, "report")[1]


def test_a_finding_becomes_a_test(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """It is printed, and nothing else is: the output is a file."""
    code, out, complaints = run(capsys, "reproduce", finding().fingerprint, "--store", path, "--service", "shop")

    assert (code, complaints) == (0, "")
    assert out == reproduction(finding())
    compile(out, "test_leak.py", "exec")
    told = json.loads(run(capsys, "reproduce", finding().fingerprint, "--json", "--store", path)[1])
    assert told == {"fingerprint": finding().fingerprint, "file": "test_leak_00112233aabbccdd.py", "text": out}


def test_an_unknown_fingerprint_is_told_the_known_ones(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With the operations they are about; a name cannot command the terminal."""
    assert run(capsys, "reproduce", "0011", "--store", path) == (
        2, "",
        "memguard: service 'shop' has no finding with the fingerprint '0011'; it has: 00112233aabbccdd (GET /leak)\n",
    )  # fmt: skip
    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        odd = judged("x\x1b[2J", "leak", kind="task")
        store.flush(told(findings=(finding("ff", judgement=odd),)))
    complaint = run(capsys, "reproduce", "\x1b[2J", "--store", path)[2]
    assert "'\\x1b[2J'; it has: 00112233aabbccdd (GET /leak), ff (task x\\x1b[2J)\n" in complaint

    empty = path.with_name("empty.sqlite")
    with closing(SqliteStore(Database(str(empty)), "shop")) as store:
        store.read()
    assert run(capsys, "reproduce", "ff", "--store", empty)[2].endswith(
        "has no finding with the fingerprint 'ff'; it has: none\n"
    )


def test_a_file_that_is_missing_or_wrong_is_said_and_left_alone(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """With the path, what is wrong with it, and exit code 2."""
    diary, other, broken = tmp_path / "diary.txt", tmp_path / "db.sqlite3", tmp_path / "broken.sqlite"
    diary.write_text("dear diary, " * 100)
    with closing(sqlite3.connect(other)) as connection:
        connection.execute("CREATE TABLE auth_user (name)")
    tell(broken, "shop")
    with broken.open("r+b") as file:
        file.seek(4096)
        file.write(b"\xff" * 100_000)
    before = {each: each.read_bytes() for each in (diary, other, broken)}
    missing = tmp_path / "missing.sqlite"

    assert run(capsys, "report", "--store", missing) == (2, "", f"memguard: there is no memguard store at {missing}\n")
    assert run(capsys, "report", "--store", diary) == (2, "", f"memguard: {diary}: it is not a SQLite database\n")
    assert run(capsys, "report", "--store", other) == (
        2, "", f"memguard: {other}: it is a SQLite database of something else\n",
    )  # fmt: skip
    code, out, complaint = run(capsys, "report", "--store", broken)
    assert (code, out) == (2, "")
    assert complaint == f"memguard: {broken}: database disk image is malformed\n"
    assert {each: each.read_bytes() for each in before} == before
    assert not missing.exists()


def test_the_version_is_the_distributions(capsys: pytest.CaptureFixture[str]) -> None:
    """It is asked of what is installed."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["--version"])

    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith("memguard ")


def test_a_pipe_that_is_closed_early_is_no_error(path: Path) -> None:
    """As under `head`; and a terminal of another alphabet gets escapes instead of a traceback."""
    command = [sys.executable, "-m", "memguard.cli", "report", "--store", str(path)]
    reader, writer = os.pipe()
    os.close(reader)
    closed = subprocess.run(command, stdout=writer, stderr=subprocess.PIPE, timeout=60, check=False)
    os.close(writer)
    assert (closed.returncode, closed.stderr) == (0, b"")

    environment = {**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONUTF8": "0", "LC_ALL": "C"}
    ascii_ = subprocess.run(command, capture_output=True, timeout=60, check=True, env=environment)
    assert b"_request_caches[\\u2026]" in ascii_.stdout


def test_a_report_of_now_shows_who_lives(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """What was told long ago is not taken for alive."""
    store = SqliteStore(Database(str(tmp_path / "a.sqlite")), "shop")
    store.flush(told(at=NOW - 10**9))
    store.close()
    report = json.loads(run(capsys, "report", "--store", tmp_path / "a.sqlite", "--json")[1])

    assert report["workers"] == []
