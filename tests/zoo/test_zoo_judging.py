"""How the zoo judges a report: what counts as found, and as right."""

from dataclasses import replace
from typing import Any

import pytest

from tests.zoo.judging import Row, judge, targets
from tests.zoo.tables import Results, merged
from tests.zoo.truth import Truth
from tests.zoo.watching import Watcher

LEAK = Truth(
    "flask.app", "keep", "request", "GET /keep", leaks=True, lines=(("/zoo/app.py", 7),), holders=("_kept",),
    patterns=("unbounded-container",), types=("Record",),
)  # fmt: skip
INNOCENT = Truth("flask.app", "pass", "request", "GET /pass", leaks=False)


def report(verdict: str = "leak", units: int = 120, truth: Truth = LEAK, **changes: Any) -> dict[str, Any]:
    """Return a report that says so of the one operation."""
    finding = {
        "fingerprint": "0" * 16,
        "operation": {"kind": truth.kind, "name": truth.operation},
        "verdict": verdict,
        "units_observed": units,
        "sites": [{"file": "/zoo/app.py", "line": 7}],
        "types": [{"type": "app.Record", "count": 3}],
        "holder": {"path": "app._kept[...]", "root": "module app", "root_kind": "module"},
        "pattern": {"id": "unbounded-container"},
        **changes,
    }
    entry = {"kind": truth.kind, "name": truth.operation, "units": units, "verdict": verdict, "reasons": ["because"]}
    worker = {"rss_bytes": 5, "overhead_ratio": 0.02 if verdict == "leak" else 0.004, "notes": []}
    return {"operations": [entry], "findings": [finding] if verdict == "leak" else [], "workers": [worker]}


def row(*reports: dict[str, Any], truth: Truth = LEAK) -> Row:
    """Return the row that comes of reports, one a second."""
    watcher = Watcher((truth,))
    for second, told in enumerate(reports):
        watcher.take(told, float(second))
    return judge(truth, watcher.seen[truth.key], sent=400)


def test_all_right() -> None:
    """A leak named in time at its line, with its holder and its pattern, is right in everything."""
    seen = row(report("warming", 10), report("suspect", 60), report("leak", 120), report("leak", 400))
    assert (seen.found, seen.in_time, seen.site, seen.holder, seen.pattern) == (True, True, True, True, True)
    assert (seen.suspect_units, seen.leak_units, seen.units, seen.wrong) == (60, 120, 400, [])


def test_named_too_late() -> None:
    """A leak that is named after more units than allowed is found, and not in time."""
    seen = row(report("leak", 301))
    assert (seen.found, seen.in_time) == (True, False)
    assert seen.wrong == ["named after 301 units, not within 300"]


def test_not_found() -> None:
    """What was only suspected is not found, and the reasons given are kept."""
    seen = row(report("suspect", 350))
    assert (seen.found, seen.site, seen.holder, seen.pattern) == (False, False, False, False)
    assert seen.wrong == ["not found: suspect after 350 units; because"]


@pytest.mark.parametrize(
    ("changes", "wrong"),
    [
        ({"sites": [{"file": "/zoo/app.py", "line": 8}]}, "site: zoo/app.py:8 instead of app.py:7"),
        ({"sites": []}, "site: none instead of app.py:7"),
        ({"holder": None}, "holder: none instead of _kept"),
        ({"pattern": {"id": "unknown"}}, "pattern: unknown instead of unbounded-container"),
        ({"types": [{"type": "dict", "count": 1}]}, "types: dict instead of Record"),
    ],
)
def test_what_was_told_instead(changes: dict[str, Any], wrong: str) -> None:
    """Each part of a finding that is not right is said in words, with what was expected."""
    assert row(report(**changes)).wrong == [wrong]


def test_a_holder_by_its_kind() -> None:
    """A root may be declared by its kind, where its name is the interpreter's affair."""
    truth = Truth(**{**_fields(LEAK), "holders": ("kind:thread",)})
    holder = {"path": "rows of worker", "root": "thread-7", "root_kind": "thread"}
    assert row(report(holder=holder), truth=truth).holder
    assert not row(report(holder={**holder, "root_kind": "module"}), truth=truth).holder


def test_nothing_holds_it() -> None:
    """Where nothing can hold the residue, no holder and no site are the right answer, and an invented holder is wrong."""
    truth = Truth(**{**_fields(LEAK), "holders": (), "traced": False})
    assert row(report(holder=None, sites=[]), truth=truth).wrong == []
    assert row(report(), truth=truth).holder is False


def test_an_innocent_operation() -> None:
    """To be accused once is to be accused, whatever is said later; to be suspected is not."""
    once = row(report("leak", truth=INNOCENT), report("clean", truth=INNOCENT), truth=INNOCENT)
    assert once.found
    assert once.wrong == ["accused after 120 units: because"]
    suspected = row(report("suspect", truth=INNOCENT), truth=INNOCENT)
    assert (suspected.found, suspected.suspect_units, suspected.site) == (False, 120, None)


def test_overhead_before_suspicion() -> None:
    """Overhead counts until anything is suspected on that server."""
    watcher = Watcher((LEAK,))
    watcher.take(report("warming"), 1.0)
    watcher.take(report("leak"), 2.0)
    assert watcher.overhead_before == 0.004
    assert watcher.overhead == [(1.0, 0.004), (2.0, 0.02)]


def test_targets() -> None:
    """Targets hold when everything is right, and are missed by one false accusation or a share that is too small."""
    good, innocent = row(report()), row(report("clean", truth=INNOCENT), truth=INNOCENT)
    assert all(target.reached for target in targets([good, innocent], {"flask.app": 0.01}, []))
    accused = row(report(truth=INNOCENT), truth=INNOCENT)
    missed = {
        target.name
        for target in targets([row(report(holder=None)), accused], {"flask.app": 0.011}, [])
        if not target.reached
    }
    assert missed == {"innocent operations accused", "holder right", "overhead before suspicion"}
    assert not all(target.reached for target in targets([good], {}, ["request GET /other"]))


def _fields(truth: Truth) -> dict[str, Any]:
    return {name: getattr(truth, name) for name in Truth.__slots__}


def test_runs_of_several_servers_are_read_together() -> None:
    """In the order in which servers run, whatever order they were measured in."""
    parts = []
    for app in ("celery.threads", "flask.containers"):
        truth = replace(LEAK, app=app)
        parts.append(Results(rows=[row(report(truth=truth), truth=truth)], overhead_before={app: 0.01}, seconds=70.0))
    whole = merged(parts)

    assert [each.app for each in whole.rows] == ["flask.containers", "celery.threads"]
    assert list(whole.overhead_before) == ["flask.containers", "celery.threads"]
    assert whole.seconds == 140.0
