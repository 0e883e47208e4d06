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
    well: dict[str, Any] = {
        "operations": (stats(judged("GET /leak", "plateau"), sampled_units=50),),
        "findings": (finding(judgement=judged("GET /leak", "plateau")),),
    }
    for moment in (NOW + 1, NOW + 100):
        store.flush(told(YOUNGER, at=moment, **well))
        second.look(moment)
        second.deliver()
    assert [each["state"] for each in got] == ["firing", "resolved"]
    assert got[1]["text"].startswith("GET /leak leaks: ")


def test_a_finding_that_stands_is_not_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """For two hours it is told once; it is over when the worker that accuses has found it well."""
    got: list[dict[str, Any]] = []
    store = SqliteStore(Database(MEMORY), "shop")
    one = watched(monkeypatch, got, store, ME)
    leak, well = judged("GET /leak", "leak"), judged("GET /leak", "plateau")
    for now in range(0, 7800, 30):
        verdict = leak if now < 7200 else well
        found = finding(first_seen=NOW, last_seen=NOW + now, judgement=verdict)
        store.flush(told(ME, at=NOW + now, operations=(stats(verdict),), findings=(found,)))
        one.look(NOW + now)
        one.deliver()

    assert [(each["state"], each["at"] - NOW) for each in got] == [("firing", 0), ("resolved", 7230)]


def test_a_finding_that_a_deploy_mended_is_back_with_another(monkeypatch: pytest.MonkeyPatch) -> None:
    """Within the week, as the page says it: told once, though another worker of that deploy accuses later."""
    got: list[dict[str, Any]] = []
    store = SqliteStore(Database(MEMORY), "shop")
    old, mended, back, beside = (WorkerId("here", pid, NOW + 3600 * pid) for pid in (1, 2, 3, 4))
    accused: dict[str, Any] = {"operations": (stats(judged("GET /leak", "leak", objects=2.0), sampled_units=50),)}
    store.flush(told(old, at=NOW + 7000, findings=(finding(first_seen=NOW + 4000),), **accused))
    well = (stats(judged("GET /leak"), sampled_units=50),)
    store.flush(told(mended, at=NOW + 10_000, operations=well))
    one = watched(monkeypatch, got, store, back)
    for now, who, since in ((11_000, back, 11_000), (11_005, beside, 11_003), (11_010, back, 11_000)):
        store.flush(told(who, at=NOW + now, findings=(finding(first_seen=NOW + since),), **accused))
        one.look(NOW + now)
        one.deliver()

    assert [(each["state"], each["rule"], each["about"]["pid"]) for each in got] == [("firing", "finding back", 3)]
    assert got[0]["text"].startswith("GET /leak leaks again: ")


def test_an_action_slows_one_worker(monkeypatch: pytest.MonkeyPatch) -> None:
    """The one that accuses; where it has gone, the busiest of its kind, and never all."""
    store = SqliteStore(Database(MEMORY), "shop")
    one = watched(monkeypatch, [], store, ME, alerts="trace:20s", alert_rules="finding", alert_cooldown="1s")
    celery, busy = WorkerId("here", 6000, NOW - 9), WorkerId("here", 7000, NOW - 8)
    for who, kind, units in ((ME, "web", 5), (celery, "celery", 900), (busy, "web", 50)):
        store.flush(told(who, worker=worker(who, kind=kind, units_total=units)))
    for seconds, state in ((0, "serving"), (5, "stopped")):
        monkeypatch.setattr("memguard.wiring.alerting.time", lambda now=NOW + seconds: now)
        found = finding(f"{seconds:016x}", first_seen=NOW)
        store.flush(told(YOUNGER, worker=worker(YOUNGER, state=state), findings=(found,)))
        one.look(NOW + seconds)
        one.deliver()

    assert [each.worker for each in store.commands(limit=10)] == [busy, YOUNGER]


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
