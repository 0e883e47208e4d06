import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memguard import cli
from memguard.store.connection import Database
from memguard.store.places import runtime_directory
from memguard.store.redis_origin import connect
from memguard.store.sqlite import SqliteStore
from tests.unit.export import receivers
from tests.unit.telling import ME, NOW, finding, judged, stats, told, worker


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


def said(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Return exit code and output of a command."""
    code = cli.main(list(arguments))
    return code, capsys.readouterr().out


def test_findings_are_lines_and_an_exit_code(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """1 where something leaks, 0 where nothing does; the JSON is that of the report."""
    place = tmp_path / "shop.sqlite"
    with closing(SqliteStore(Database(str(place)), "shop")) as store:
        store.flush(told())
        assert said(capsys, "findings", "--store", str(place)) == (0, "")
        store.flush(told(operations=(stats(judged("GET /leak", "leak", objects=2.0)),), findings=(finding(),)))

    assert said(capsys, "findings", "--store", str(place)) == (
        1,
        (
            "00112233aabbccdd  leak     GET /leak  unbounded-container  /srv/shop/views.py:85  "
            "held by shop.views._request_caches[…]\n"
        ),
    )
    code, out = said(capsys, "findings", "--store", str(place), "--json")
    assert (code, json.loads(out)[0]["fingerprint"]) == (1, "00112233aabbccdd")


def checks(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, dict[str, tuple[str, str]]]:
    """Return the exit code, and grade and words of each check."""
    code, out = said(capsys, "doctor", "--json", *arguments)
    return code, {each["what"]: (each["grade"], each["told"]) for each in json.loads(out)}


def test_a_place_where_all_is_well(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Interpreter, store and ceiling are; that no worker has told anything yet is no fault."""
    monkeypatch.setenv("MEMGUARD_RSS_CEILING", "80%")
    code, found = checks(capsys, "--service", "shop")

    assert code == 0
    assert {what: grade for what, (grade, _) in found.items() if grade != "note"} == {
        "interpreter": "ok", "store": "ok", "ceiling": "ok",
    }  # fmt: skip
    assert found["workers"] == ("note", "No worker of the service 'shop' has told anything yet.")
    assert said(capsys, "doctor")[1].startswith("ok     interpreter  Python 3.")


def test_what_is_wrong_is_told_with_what_to_do(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ceiling that no machine has, a worker that begins above its own; the exit code is 1."""
    with closing(SqliteStore(Database(str(runtime_directory() / "shop.sqlite")), "shop")) as store:
        store.flush(told(ME, worker=worker(ME, ceiling_bytes=60_000_000)))
    monkeypatch.setenv("MEMGUARD_RSS_CEILING", "900TB")
    code, found = checks(capsys, "--service", "shop")

    assert code == 1
    assert found["ceiling"][0] == "wrong"
    assert "the kernel kills a worker before memguard replaces it" in found["ceiling"][1]
    assert found["worker"] == (
        "wrong",
        (
            "web 4711 on here, gunicorn-gthread: it used 70.0 MB when its first unit began, over its ceiling of 60.0 MB: a new "
            "one would be over it at once. Raise the ceiling."
        ),
    )


def test_a_redis_that_is_away_is_a_fault(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """With its address, without its password; nothing is said of workers that nobody can know of."""
    monkeypatch.setenv("MEMGUARD_STORE", f"redis://:secret@127.0.0.1:{receivers.free_port()}/0")
    code, found = checks(capsys, "--service", "shop")

    assert code == 1
    assert found["store"][0] == "wrong"
    assert "Connection refused" in found["store"][1]
    assert "secret" not in str(found)
    assert "workers" not in found


def test_a_redis_is_written_and_left_as_it_was(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that answers is well; one that only lets itself be read, as a replica does, is not."""
    with receivers.redis() as address:
        monkeypatch.setenv("MEMGUARD_STORE", address)
        assert checks(capsys, "--service", "shop")[1]["store"] == ("ok", f"{address} answers and can be written.")
        with closing(connect(address)) as client:
            assert client.keys("*") == []
            client.replicaof("127.0.0.1", receivers.free_port())
            code, found = checks(capsys, "--service", "shop")
            client.replicaof("NO", "ONE")

    assert (code, found["store"][0]) == (1, "wrong")
    assert "read only replica" in found["store"][1]


@pytest.mark.parametrize(
    ("said_of_it", "grade", "words"),
    [
        ({"leaves": "at the end of a unit"}, "ok", "web 4711: at the end of a unit."),
        ({"stays_because": "nobody would start it again"}, "note", "web 4711 cannot be replaced: nobody would start it again."),
        (
            {"stays_because": "nobody would start it again", "ceiling_bytes": 90_000_000}, "wrong",
            "web 4711 cannot be replaced: nobody would start it again.",
        ),
    ],
)  # fmt: skip
def test_whether_and_how_a_worker_is_replaced(
    capsys: pytest.CaptureFixture[str], said_of_it: dict[str, Any], grade: str, words: str
) -> None:
    """That it cannot be is a fault where a ceiling asks for it."""
    with closing(SqliteStore(Database(str(runtime_directory() / "shop.sqlite")), "shop")) as store:
        store.flush(told(ME, worker=worker(ME, **said_of_it)))
    code, found = checks(capsys, "--service", "shop")

    assert found["replacement"] == (grade, words)
    assert found["wiring"][0] == "ok"
    assert code == (grade == "wrong")


def test_a_worker_of_an_earlier_version_says_nothing_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    """Which is no fault."""
    with closing(SqliteStore(Database(str(runtime_directory() / "shop.sqlite")), "shop")) as store:
        store.flush(told(ME))
    code, found = checks(capsys, "--service", "shop")

    assert (code, "replacement" in found) == (0, False)


def test_a_second_adapter_is_a_fault(capsys: pytest.CaptureFixture[str]) -> None:
    """With its name and the worker's."""
    with closing(SqliteStore(Database(str(runtime_directory() / "shop.sqlite")), "shop")) as store:
        store.flush(told(ME, worker=worker(ME, inner_adapter="memguard.wsgi")))
    code, found = checks(capsys, "--service", "shop")

    assert (code, found["wiring"][0]) == (1, "wrong")
    assert "memguard.wsgi in web 4711" in found["wiring"][1]


def test_a_wrong_setting_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the start of a worker, with exit code 2."""
    monkeypatch.setenv("MEMGUARD_MODE", "bananas")

    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err.startswith("memguard: memguard setting MEMGUARD_MODE='bananas': ")
