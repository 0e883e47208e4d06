import json
import re
from argparse import Namespace
from dataclasses import replace
from pathlib import Path

import pytest

from memguard import allocations, cli
from memguard.allocations import Allocations, Group
from memguard.cli.report import report_of
from memguard.cli.terminal import fitting
from memguard.cli.top import Looks
from memguard.model import WorkerId
from memguard.snapshots import Kept, SiteSize, Snapshot, TypeGrowth, TypeSize
from memguard.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Run
from tests.unit.telling import ME, NOW, judged, stats, told, unit

TAKEN = Snapshot(
    at=NOW, before=NOW - 60, objects=1_234,
    types=(TypeSize("dict", 1_000, 64_000), TypeSize("shop.Basket", 234, None)),
    growth=(TypeGrowth("shop.Basket", 200, 234), TypeGrowth("list", 9, 5)),
    sites=(SiteSize("/srv/shop/views.py", 12, "show", 5_000, 34, 1_000),),
)  # fmt: skip


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


def test_units_are_listed_as_they_are_wanted(store: SqliteStore, run: Run) -> None:
    """The newest first, or those with most of something; what overlapped others is marked."""
    store.flush(
        told(
            units=(
                unit(NOW - 2, "GET /a", traced=9_000, objects=None),
                replace(unit(NOW - 1, "GET /b", traced=-10), overlapped=False, error=True),
            )
        )
    )

    code, out, _ = run("units", "--store", store.place)
    lines = [re.split(r"  +", line.strip()) for line in out.splitlines()]
    assert code == 0
    assert [line[2] for line in lines] == ["OPERATION", "GET /b", "GET /a"]
    assert lines[1][3:] == ["250 ms", "-10 B", "+9.00 kB", "3", "-", "failed"]
    assert lines[2][3:] == ["250 ms", "~+9.00 kB", "~+9.00 kB", "-", "~-"]
    rows = json.loads(run("units", "--sort", "traced", "--top", "1", "--json", "--store", store.place)[1])
    assert [(row["operation"]["name"], row["traced_bytes"]) for row in rows] == [("GET /a", 9_000)]
    assert run("units", "--operation", "GET /c", "--store", store.place) == (
        1, "", "memguard: no units of 'GET /c' were recorded; to record some: memguard trace\n",
    )  # fmt: skip


def test_objects_are_shown_by_type(store: SqliteStore, run: Run) -> None:
    """What is alive, what has grown, and on which lines it was allocated."""
    store.flush(told())
    assert run("objects", "--store", store.place) == (
        1, "", "memguard: no snapshot has been taken; to take one: memguard objects --take\n",
    )  # fmt: skip
    store.add_snapshot(ME, TAKEN)

    code, out, _ = run("objects", "--store", store.place)
    assert (code, out.splitlines()[0]) == (0, "worker 4711 on here: 1,234 objects at 2027-01-15T08:00:00")
    told_rows = [" ".join(line.split()) for line in out.splitlines()]
    assert "dict 1,000 64.0 kB" in told_rows
    assert "shop.Basket +34 200 234" in told_rows
    assert "/srv/shop/views.py:12 show  5.00 kB  +1.00 kB" in out
    assert "list" not in out, "it has become fewer"
    (row,) = json.loads(run("objects", "--worker", "4711", "--json", "--store", store.place)[1])
    assert (row["pid"], row["types"][0]["type"], row["before"]) == (4711, "dict", "2027-01-15T07:59:00.000Z")
    assert run("objects", "--worker", "9", "--json", "--store", store.place)[:2] == (1, "[]\n")


def test_what_came_between_two_snapshots(tmp_path: Path, run: Run) -> None:
    """By line, as JSON, for other tools; and whether it is too much, as an exit code."""
    before, after = tmp_path / "before.mgs", tmp_path / "after.mgs"
    frames = (("/srv/a.py", 3),), (("/lib/b.py", 9),)
    allocations.write(Allocations(1.0, (Group(frames[0], 1_000, 2),)), before)
    allocations.write(Allocations(2.0, (Group(frames[0], 9_000, 6), Group(frames[1], 500, 1))), after)

    code, out, _ = run("diff", before, after)
    assert (code, out.splitlines()[0]) == (0, "8.50 kB in 5 allocations")
    assert "srv/a.py:3" in out
    assert run("diff", before, after, "--fail-over", "8kB")[0] == 1
    assert run("diff", before, after, "--fail-over", "8kB", "--include", "/lib/*")[0] == 0
    assert json.loads(run("diff", before, after, "--json")[1])["bytes"] == 8_500
    assert run("diff", before, after, "--format", "collapsed")[1].startswith("srv/a.py:3 8000\n")
    assert run("diff", before, after, "--fail-over", "lots")[2].startswith("memguard: --fail-over lots: expected ")
    assert run("diff", before, tmp_path / "x.mgs") == (
        2, "", f"memguard: {tmp_path / 'x.mgs'}: No such file or directory\n",
    )  # fmt: skip


def test_snapshots_of_the_store_are_named_by_their_ids(store: SqliteStore, run: Run, tmp_path: Path) -> None:
    """Beside files, and in place of both; a file of that very name comes first."""
    store.flush(told())
    names, site = ("0011223344556677", "8899aabbccddeeff"), (("/srv/a.py", 3),)
    for name, size in zip(names, (1_000, 9_000), strict=True):
        taken = Allocations(NOW, (Group(site, size, 1),))
        store.add_allocations(ME, Kept(name, NOW, "traced", size, 1, 1), allocations.packed(taken), most=9)
    file = tmp_path / "now.mgs"
    allocations.write(Allocations(NOW, (Group(site, 20_000, 1),)), file)

    def first(*arguments: object) -> str:
        code, out, complaint = run(*arguments, "--store", store.place)
        assert (code, complaint) == (0, "")
        return out.splitlines()[0]

    assert first("snapshot", names[1]) == "9.00 kB in 1 allocations"
    assert first("snapshot", names[1], "--since", names[0]) == "8.00 kB in 0 allocations"
    assert first("diff", *names) == "8.00 kB in 0 allocations"
    assert first("diff", names[1], file) == "11.0 kB in 0 allocations"
    assert run("diff", names[0], "0" * 16, "--store", store.place) == (
        2, "", f"memguard: no snapshot '{'0' * 16}' is kept; kept are: {', '.join(names)}\n",
    )  # fmt: skip


def test_snapshots_of_the_store_are_listed_and_saved(store: SqliteStore, run: Run, tmp_path: Path) -> None:
    """As a file that the other commands read; a name that is not there is told those that are."""
    store.flush(told())
    assert run("snapshots", "--store", store.place)[::2] == (
        1, "memguard: no snapshot of allocations is kept; a trace ends with one: memguard trace\n",
    )  # fmt: skip
    taken = Allocations(NOW, (Group((("/srv/a.py", 3),), 5_000, 2),))
    store.add_allocations(ME, Kept("00112233aabbccdd", NOW, "traced", 5_000, 2, 1), allocations.packed(taken), most=9)

    code, out, _ = run("snapshots", "--store", store.place)
    assert (code, out.split()[-8:]) == (
        0, ["00112233aabbccdd", "2027-01-15", "08:00:00", "4711", "here", "5.00", "kB", "2", "traced"][-8:],
    )  # fmt: skip
    assert json.loads(run("snapshots", "--json", "--store", store.place)[1])[0]["reason"] == "traced"
    file = tmp_path / "a.mgs"
    assert run("snapshots", "--save", "00112233aabbccdd", "-o", file, "--store", store.place) == (0, "", "")
    saved = json.loads(run("snapshots", "--save", "00112233aabbccdd", "-o", file, "--json", "--store", store.place)[1])
    assert saved == {"id": "00112233aabbccdd", "file": str(file), "bytes": file.stat().st_size}
    assert "srv/a.py:3" in run("snapshot", file)[1]
    assert run("snapshots", "--save", "x", "--store", store.place) == (
        2, "", "memguard: no snapshot 'x' is kept; kept are: 00112233aabbccdd\n",
    )  # fmt: skip


@pytest.mark.parametrize("top", ["0", "-1", "many"])
def test_how_many_is_a_number_from_one_on(top: str, capsys: pytest.CaptureFixture[str]) -> None:
    """It is said with the argument's name."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["units", f"--top={top}"])

    assert ended.value.code == 2
    assert f"argument --top: expected a whole number from 1 on, not '{top}'" in capsys.readouterr().err


def test_one_look_at_all_workers(store: SqliteStore, run: Run) -> None:
    """For people and for programs; of rates nothing is known yet."""
    store.flush(told(operations=(stats(judged("GET /leak", "leak", objects=2.0)),)))

    code, out, _ = run("top", "--once", "--store", store.place)
    assert code == 0
    assert out.splitlines()[0] == "memguard  service shop  08:00:00 UTC  1 workers alive"
    assert "web 4711  gunicorn-gthread  serving  81.0 MB" in out
    assert "leaks    GET /leak        -     10       1  +2 objects, +200 B per request" in out
    look = json.loads(run("top", "--once", "--json", "--store", store.place)[1])
    assert look["workers"][0]["rss_growth_bytes"] == 0
    assert look["workers"][0]["units_per_second"] is None


def test_rates_are_those_since_the_look_before(store: SqliteStore) -> None:
    """A worker that has come since, and an operation whose counts were forgotten, have none, or zero."""
    asked = Namespace(store=store.place, service=None)
    looks = Looks()
    store.flush(told(units_total=10, operations=(stats(judged("GET /"), units=10),)))
    looks.take(report_of(asked), 100.0)
    other = WorkerId("here", 4712, NOW - 5)
    store.flush(told(units_total=30, operations=(stats(judged("GET /"), units=30),)))
    store.flush(told(other, units_total=5))
    look = looks.take(report_of(asked), 104.0)

    assert {each["pid"]: each["units_per_second"] for each in look["workers"]} == {4711: 5.0, 4712: None}
    assert [each["units_per_second"] for each in look["operations"]] == [5.0]


def test_a_terminal_gets_what_it_has_room_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing scrolls, nothing wraps."""
    monkeypatch.setenv("COLUMNS", "10")
    monkeypatch.setenv("LINES", "4")

    assert fitting(["x" * 30] * 9) == ["x" * 10] * 3


def test_what_is_shown_of_a_snapshot_can_be_written(tmp_path: Path, run: Run) -> None:
    """As JSON or as text, by both commands; the JSON says what it is the sum of."""
    before, after, report = tmp_path / "before.mgs", tmp_path / "after.mgs", tmp_path / "report.json"
    site = (("/srv/a.py", 3),)
    allocations.write(Allocations(1.0, (Group(site, 1_000, 2),)), before)
    allocations.write(Allocations(2.0, (Group(site, 9_000, 6), Group(site, 500, 1, 7))), after)

    assert run("snapshot", after, "--json", "-o", report) == (0, "", "")
    told = json.loads(report.read_text())
    assert (told["bytes"], told["count"], told["domain"]) == (9_500, 7, None)
    assert run("diff", before, after, "--domain", "7", "--json", "-o", report) == (0, "", "")
    told = json.loads(report.read_text())
    assert (told["bytes"], told["count"], told["domain"]) == (500, 1, 7)
    assert run("diff", before, after, "-o", report) == (0, "", "")
    assert report.read_text() == run("diff", before, after)[1]


def test_json_and_another_format_are_two_things(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither is left out without a word."""
    with pytest.raises(SystemExit) as ended:
        cli.main(["snapshot", "a.mgs", "--json", "--format", "svg"])

    assert ended.value.code == 2
    assert "--format: not allowed with argument --json" in capsys.readouterr().err
