import json
import re
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest

from memguard.dashboard.report import build
from memguard.export.prometheus import OPERATIONS_MOST, exposition
from memguard.export.slots import slots, worker_of
from memguard.model import WorkerId
from tests.promtool import checked
from tests.unit.dashboard.asking import Teller, asked, header, with_token
from tests.unit.telling import ME, NOW, event, finding, judged, stats, told, worker

OTHER_ONE = WorkerId("here", 12, NOW - 50)


@pytest.fixture(autouse=True)
def _now(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("time.time", lambda: NOW)


def scraped(*flushes: Any) -> str:
    """Return what Prometheus gets, which its own checker has to find right."""
    answer = asked(with_token("/_memguard/metrics"), Teller(*flushes))
    assert answer.status == 200
    assert header(answer, "content-type") == "text/plain; version=0.0.4; charset=utf-8"
    text = answer.body.decode()
    checked("metrics", given=text)
    return text


def value(text: str, name: str, **labels: str) -> float:
    """Return the value of the one sample of this name that has these labels, among others."""
    (found,) = [
        float(line.rsplit(" ", 1)[1])
        for line in text.splitlines()
        if line.startswith(f"memguard_{name}{{") and all(f'{key}="{each}"' in line for key, each in labels.items())
    ]
    return found


def test_all_workers_are_told_by_slot() -> None:
    """From the store, whichever process answers; no label holds a process id."""
    text = scraped(
        told(units_total=10, operations=(stats(units=7, errors=1),)),
        told(OTHER_ONE, units_total=30, operations=(stats(units=20, errors=3),)),
    )

    assert value(text, "worker_units_total", worker="0", host="here", kind="web", service="shop") == 10
    assert value(text, "worker_units_total", worker="1") == 30
    assert value(text, "operation_units_total", worker="1", operation="GET /users/<id>", operation_kind="request") == 20
    assert value(text, "operation_errors_total", worker="0") == 1
    assert value(text, "worker_resident_memory_bytes", worker="0") == 81e6
    assert value(text, "worker_start_time_seconds", worker="0") == NOW - 60
    assert value(text, "workers", state="serving") == 2
    assert "ceiling_bytes" not in text, "there is none"
    assert "4711" not in text


def test_findings_verdicts_and_events_are_told() -> None:
    """What happened in the last hour, by reason; what is older is not counted."""
    text = scraped(
        told(
            operations=(stats(judged("GET /leak", "leak", objects=2.0)),),
            findings=(finding(),),
            events=(
                event(NOW - 10, "recycle", hard=False, asked_for=False),
                event(NOW - 20, "recycle", hard=True),
                event(NOW - 30, "recycle", asked_for=True),
                event(NOW - 7000, "recycle", hard=True),
                event(NOW - 40, "died"),
            ),
        )
    )

    assert value(text, "operation_verdict", operation="GET /leak", verdict="leak") == 1
    assert value(text, "operation_residue_objects", operation="GET /leak") == 2
    assert value(text, "operation_residue_bytes", operation="GET /leak") == 200
    assert value(text, "findings", verdict="leak", pattern="unbounded-container") == 1
    assert [value(text, "recycles_last_hour", reason=each) for each in ("ceiling", "hard_ceiling", "asked_for")] == [
        1,
        1,
        1,
    ]
    assert value(text, "workers_died_last_hour") == 1


def test_a_service_without_workers_has_metrics() -> None:
    """Those that count what is not there."""
    assert value(scraped(), "workers_died_last_hour", service="shop") == 0


def test_names_cannot_break_the_format() -> None:
    """An operation's name is escaped as the format asks."""
    odd = 'GET /a"b\\c\nd'
    text = scraped(told(operations=(stats(judged(odd), units=5),)))

    assert value(text, "operation_units_total", operation=r"GET /a\"b\\c\nd") == 5


def test_operations_are_bounded() -> None:
    """Those with fewest units share one name."""
    operations = tuple(stats(judged(f"GET /{each}"), units=1000 - each) for each in range(OPERATIONS_MOST + 50))
    text = scraped(told(operations=operations))
    lines = [line for line in text.splitlines() if line.startswith("memguard_operation_units_total{")]

    assert len(lines) == OPERATIONS_MOST + 1
    assert value(text, "operation_units_total", operation="<other>") == sum(1000 - each for each in range(200, 250))


def test_only_whoever_may_see_the_page_sees_the_metrics() -> None:
    """The access is the same; only GET and HEAD are answered."""
    assert asked(with_token("/_memguard/metrics", "POST"), Teller()).status == 405
    assert asked(with_token("/_memguard/metrics", "HEAD"), Teller()).body == b""


def row(pid: int, start: int, end: int | None = None, *, kind: str = "web") -> dict[str, Any]:
    """Return a worker of a report; moments are hours of a day."""
    moment = "2027-01-15T{:02}:00:00.000Z".format
    last = moment(23 if end is None else end)
    return {"host": "h", "pid": pid, "kind": kind, "alive": end is None, "started_at": moment(start), "last_seen": last}


@pytest.mark.parametrize(
    ("workers", "expected"),
    [
        ([row(1, 1), row(2, 2), row(3, 3)], {1: 0, 2: 1, 3: 2}),
        ([row(1, 1, 5), row(2, 2), row(3, 5)], {1: 0, 2: 1, 3: 0}),
        ([row(1, 1), row(2, 2, 4), row(3, 5), row(4, 6)], {1: 0, 2: 1, 3: 1, 4: 2}),
        ([row(1, 1), row(2, 1, kind="celery")], {1: 0, 2: 0}),
        ([row(2, 1), row(1, 1)], {1: 0, 2: 1}),
    ],
)
def test_a_new_worker_takes_the_slot_of_one_that_has_gone(
    workers: list[dict[str, Any]], expected: dict[int, int]
) -> None:
    """Slots are no more than workers lived at once; each kind has its own; the order of rows does not matter."""
    for order in (workers, workers[::-1]):
        found = slots(order)
        assert {each["pid"]: found[worker_of(each)] for each in order} == expected


def test_grafanas_dashboard_asks_for_metrics_that_there_are(tmp_path: Path) -> None:
    """Each expression is one that Prometheus can read, of metrics that are exported, by labels that they have."""
    flush = told(worker=worker(ceiling_bytes=5), operations=(stats(),), findings=(finding(),))
    stored = Teller(flush).store.read()
    text = exposition(
        build(stored, service="shop", answered_by=ME, now=NOW),
        [((ME.host, ME.pid, "2027-01-15T07:59:00.000Z"), each) for _, each in stored.operations],
    )
    known = set(re.findall(r"^# TYPE (\w+)", text, re.MULTILINE))
    labels = set(re.findall(r'[{,](\w+)="', text))
    dashboard = json.loads((files("memguard.export") / "grafana.json").read_text())
    expressions = [target["expr"] for panel in dashboard["panels"] for target in panel["targets"]]
    rules = [
        {"record": f"rule:number:{number}", "expr": each.replace("$service", "shop")}
        for number, each in enumerate(expressions)
    ]

    assert len(expressions) == len(dashboard["panels"]) + 1
    assert {name for each in expressions for name in re.findall(r"memguard_\w+", each)} <= known
    assert {name for each in expressions for name in re.findall(r"(\w+)=~?\"", each)} <= labels
    assert {
        name for each in expressions for found in re.findall(r"by \(([^)]*)\)", each) for name in found.split(", ")
    } <= labels
    written = tmp_path / "rules.yml"
    written.write_text(json.dumps({"groups": [{"name": "dashboard", "rules": rules}]}))
    assert "SUCCESS" in checked("rules", str(written))
