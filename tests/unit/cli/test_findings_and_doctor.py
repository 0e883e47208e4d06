import json
from contextlib import closing
from pathlib import Path

import pytest

from memguard import cli
from memguard.store.connection import Database
from memguard.store.places import runtime_directory
from memguard.store.sqlite import SqliteStore
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


def test_a_wrong_setting_is_one_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """As at the start of a worker, with exit code 2."""
    monkeypatch.setenv("MEMGUARD_MODE", "bananas")

    assert cli.main(["doctor"]) == 2
    assert capsys.readouterr().err.startswith("memguard: memguard setting MEMGUARD_MODE='bananas': ")
