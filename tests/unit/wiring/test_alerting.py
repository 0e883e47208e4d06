from typing import Any

import pytest

from memguard.model import WorkerId
from memguard.settings import Settings
from memguard.store.connection import MEMORY, Database
from memguard.store.sqlite import SqliteStore
from memguard.wiring import alerting
from memguard.wiring.alerting import Alerting
from memguard.wiring.guard import Guard
from tests.unit.export import receivers
from tests.unit.store.children import until
from tests.unit.telling import ME, NOW, finding, judged, stats, told, worker

YOUNGER = WorkerId("here", 5000, NOW - 10)


def watched(
    monkeypatch: pytest.MonkeyPatch, got: list[dict[str, Any]], store: SqliteStore, of: WorkerId, **more: Any
) -> Alerting:
    """Return one worker's alerting, whose thread does not run."""
    settings = Settings.load({"service": "shop", "alerts": [got.append], **more}, environ={})
    monkeypatch.setattr(alerting.Alerting, "_run", lambda _: None)
    return Alerting(settings, store, of)


def test_one_worker_tells_for_all_and_another_goes_on_when_it_has_gone(monkeypatch: pytest.MonkeyPatch) -> None:
    """What two workers have found is told once; the next one tells what the first had told only when it is over."""
    got: list[dict[str, Any]] = []
    store = SqliteStore(Database(MEMORY), "shop")
    accused: dict[str, Any] = {
        "operations": (stats(judged("GET /leak", "leak")),),
        "findings": (finding(first_seen=NOW - 50),),
    }
    first, second = (watched(monkeypatch, got, store, each) for each in (ME, YOUNGER))
    store.flush(told(ME, **accused))
    store.flush(told(YOUNGER, **accused))
    for each in (second, first, second, first):
        each.look(NOW)
        each.deliver()
    assert [(each["state"], each["rule"], each["key"]) for each in got] == [("firing", "finding", "00112233aabbccdd")]

    store.flush(told(ME, worker=worker(ME, state="stopped"), events=tuple(first.take_events())))
    well: dict[str, Any] = {"operations": (stats(judged("GET /leak", "clean")),)}
    for moment in (NOW + 1, NOW + 100):
        store.flush(told(YOUNGER, at=moment, **well))
        second.look(moment)
        second.deliver()
    assert [each["state"] for each in got] == ["firing", "resolved"]
    assert got[1]["text"].startswith("GET /leak leaks: ")


def test_an_action_has_the_worker_look_at_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """A snapshot, or tracing for some seconds, of the worker that the alert is about; nothing once it is over."""
    store = SqliteStore(Database(MEMORY), "shop")
    one = watched(monkeypatch, [], store, ME, alerts="snapshot,trace:20s", alert_rules="rss > 90MB")
    monkeypatch.setattr("memguard.wiring.alerting.time", lambda: NOW)
    store.flush(told(ME, worker=worker(ME, rss_bytes=80_000_000)))
    store.flush(told(YOUNGER, worker=worker(YOUNGER, rss_bytes=95_000_000)))
    one.look(NOW)
    one.deliver()

    given = sorted((each.action, each.seconds, each.worker) for each in store.commands(limit=10))
    assert given == [("snapshot", 0.0, YOUNGER), ("trace", 20.0, YOUNGER)]


def test_an_action_is_carried_out_by_the_process_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """From the rule to what the worker has found: a snapshot, and a second of tracing, without anybody who asks."""
    monkeypatch.setattr(alerting, "SECONDS_BETWEEN", 0.05)
    monkeypatch.setattr(alerting, "SECONDS_BETWEEN_ATTEMPTS", 0.01)
    guard = Guard.for_process(Settings.load(service="acting", alerts="snapshot,trace:1s", alert_rules="rss > 1MB"))

    def are_done() -> bool:
        guard.end(guard.begin("request", "GET /"))
        guard._keep()
        return sorted((each.action, each.state) for each in guard.store.commands()) == [
            ("snapshot", "done"), ("trace", "done"),
        ]  # fmt: skip

    guard.end(guard.begin("request", "GET /"))
    guard.flush()
    until(are_done, "a snapshot and a trace that an alert has asked for")
    ((worker, taken),) = guard.store.snapshots()
    guard.close()

    assert (worker, taken.objects > 0) == (guard.worker_id, True)


def test_a_process_under_load_tells_a_real_receiver(monkeypatch: pytest.MonkeyPatch) -> None:
    """Off the units' path, in a thread that ends with the guard; what was told is an event in the store."""
    monkeypatch.setattr(alerting, "SECONDS_BETWEEN", 0.05)
    monkeypatch.setattr(alerting, "SECONDS_BETWEEN_ATTEMPTS", 0.01)
    with receivers.http() as got:
        guard = Guard.for_process(Settings.load(service="alerted", alerts=got.address, alert_rules="rss > 1MB"))
        guard.end(guard.begin("request", "GET /"))
        guard.flush()
        until(lambda: bool(got.bodies), "an alert")
        guard.flush()
        events = [event.detail["rule"] for _, event in guard.store.read().events if event.type == "alert"]
        guard.close()

    assert got.bodies[0]["rule"] == "rss > 1MB"
    assert got.bodies[0]["service"] == "alerted"
    assert events == ["rss > 1MB"]


def test_without_a_wish_nothing_runs() -> None:
    """No thread, no look: a new finding is told to the log by the worker that has it."""
    one = Alerting(Settings.load(environ={}), SqliteStore(Database(MEMORY), "shop"), ME)

    assert one._thread is None
