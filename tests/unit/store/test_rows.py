import json
from dataclasses import replace
from typing import Any

import pytest

from memguard.model import Event, Judgement, Operation
from memguard.store import rows
from tests.unit.telling import event, finding, judged, stats, unit, worker


def test_every_value_comes_back_as_it_went() -> None:
    """A worker, an operation, a finding, a unit and an event are the same after a row."""
    state = worker(notes=("the heap is frozen", "tracing is off"), ceiling_bytes=512_000_000)
    counted = stats(judged("GET /", "leak", objects=1.5, reasons=("it grows", "it stays")))

    assert rows.to_worker(rows.from_worker(state)) == state
    assert rows.to_operation(rows.from_operation(counted)) == counted
    assert rows.to_finding(rows.from_finding(finding())[2]) == finding()
    assert rows.to_finding(rows.from_finding(finding(holder=None))[2]) == finding(holder=None)
    assert rows.to_unit(rows.from_unit(unit())) == unit()
    assert rows.to_event(rows.from_event(event(rss=1, parts=["a"]))) == event(rss=1, parts=["a"])


@pytest.mark.parametrize(
    ("written", "kept"),
    [
        ("GET /kaffee/☕", "GET /kaffee/☕"),
        ("GET /\udcff", "GET /\\udcff"),
        ("a\x00b", "a\x00b"),
        ("<script>", "<script>"),
    ],
    ids=["any script", "a lone surrogate", "a NUL", "markup is the reader's to escape"],
)
def test_text_is_kept_as_utf_8_holds_it(written: str, kept: str) -> None:
    """A name that UTF-8 cannot hold is kept in a form that it can, in columns and inside JSON."""
    counted = stats(Judgement(Operation("request", written), "clean", (written,)))
    named = rows.to_operation(rows.from_operation(counted)).judgement

    assert (named.operation.name, named.reasons) == (kept, (kept,))
    json.dumps(named.reasons, ensure_ascii=False).encode()


def test_a_number_that_is_none_is_zero() -> None:
    """Neither NaN nor an infinity reaches a column or a JSON text."""
    odd = replace(judged(), objects_per_unit=float("nan"), bytes_per_unit=float("inf"))
    kept = rows.to_operation(rows.from_operation(stats(odd))).judgement

    assert (kept.objects_per_unit, kept.bytes_per_unit) == (0.0, 0.0)
    assert rows.to_event(rows.from_event(Event(float("nan"), "odd", {"ratio": float("inf")}))) == Event(
        0.0, "odd", {"ratio": 0.0}
    )


def test_what_json_does_not_know_is_written_in_words() -> None:
    """A detail of any type never keeps a worker from telling the rest."""
    detail: dict[Any, Any] = {1: {"set"}, "tuple": (1, None, True), "odd": Operation("task", "x")}

    assert rows.to_event(rows.from_event(Event(1.0, "odd", detail))).detail == {
        "1": ["set"],
        "tuple": [1, None, True],
        "odd": "Operation(kind='task', name='x')",
    }


def test_a_finding_of_another_version_is_read_as_far_as_it_is_known() -> None:
    """Fields that a later one added are passed over; what an earlier one did not write has its default."""
    body = json.loads(rows.from_finding(finding())[2])
    later = {**body, "mood": "grave", "pattern": {**body["pattern"], "page": "x"}}
    later["holder"] = {**body["holder"], "since": 3, "chain": [{**body["holder"]["chain"][0], "at": 1}]}
    assert rows.to_finding(json.dumps(later)) == finding()

    del body["attribution"], body["sites"][0]["library"], body["sites"][0]["through"]
    body["holder"] = {"path": "shop.views._cache", "chain": []}
    assert rows.to_finding(json.dumps(body)) == finding(attribution="", holder=None)
    del body["holder"]
    assert rows.to_finding(json.dumps(body)) == finding(attribution="", holder=None)
