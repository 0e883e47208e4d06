import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from memguard.export.alerts import post
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
from tests.unit.wiring.driving import started

YOUNGER = WorkerId("here", 5000, NOW - 10)
SECONDS_MOST = 60.0


@pytest.fixture
def soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have alerts looked for and sent at once."""
    monkeypatch.setattr(alerting, "SECONDS_BETWEEN", 0.05)
    monkeypatch.setattr(alerting, "SECONDS_BETWEEN_ATTEMPTS", 0.01)


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


def test_whoever_told_something_in_the_future_is_not_there(monkeypatch: pytest.MonkeyPatch) -> None:
    """The clock was set back by an hour after a worker died: the next oldest tells for all. Other hosts may be ahead."""
    got: list[dict[str, Any]] = []
    store = SqliteStore(Database(MEMORY), "shop")
    accused: dict[str, Any] = {"operations": (stats(judged("GET /leak", "leak")),), "findings": (finding(),)}
    store.flush(told(ME, worker=worker(ME, last_seen=NOW + 3600)))
    store.flush(told(YOUNGER, **accused))
    one = watched(monkeypatch, got, store, YOUNGER)
    one.look(NOW)
    one.deliver()
    assert [each["rule"] for each in got] == ["finding"]

    elsewhere = WorkerId("there", 1, NOW - 60)
    store.flush(told(elsewhere, worker=worker(elsewhere, last_seen=NOW + 3600)))
    another = watched(monkeypatch, got, store, YOUNGER)
    another.look(NOW)
    another.deliver()
    assert len(got) == 1


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


def test_an_action_is_carried_out_by_the_process_itself(soon: None) -> None:
    """From the rule to what the worker has found: a snapshot, and a second of tracing, without anybody who asks."""
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


def go_on(guard: Guard, done: threading.Event) -> int:
    """Run units until that is enough, a hundred at least; return how many."""
    count = 0
    while count < 100 or not done.is_set():
        guard.end(guard.begin("request", "GET /"))
        count += 1
    return count


def counted(guard: Guard) -> int:
    """Return how many units the store knows of."""
    guard.flush()
    return sum(each.units for _, each in guard.store.read().operations)


def alerts_in(guard: Guard, kind: str = "alert") -> list[dict[str, Any]]:
    """Return the details of such events in the store."""
    guard.flush()
    return [event.detail for _, event in guard.store.read().events if event.type == kind]


def test_a_process_under_load_tells_a_real_receiver(soon: None) -> None:
    """Off the units' path, in a thread that ends with the guard; what was told is an event in the store."""
    done = threading.Event()
    with receivers.http() as got, ThreadPoolExecutor(2) as pool:
        guard = Guard.for_process(Settings.load(service="alerted", alerts=got.address, alert_rules="rss > 1MB"))
        load = [pool.submit(go_on, guard, done) for _ in range(2)]
        try:
            until(lambda: bool(alerts_in(guard)) and bool(got.bodies), "an alert")
        finally:
            done.set()
        begun = sum(each.result() for each in load)
        assert counted(guard) == begun
        told = alerts_in(guard)
        guard.close()

    assert got.bodies[0]["rule"] == "rss > 1MB"
    assert got.bodies[0]["service"] == "alerted"
    assert [each["rule"] for each in told] == ["rss > 1MB"]


def test_a_receiver_that_never_answers_holds_nobody_up(soon: None) -> None:
    """Units go on while it is waited for, and the guard ends without it; what was to be told is in the store."""
    enough = threading.Event()
    enough.set()
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(SECONDS_MOST)
        address = f"http://127.0.0.1:{listening.getsockname()[1]}"
        guard = Guard.for_process(Settings.load(service="unanswered", alerts=address, alert_rules="rss > 1MB"))
        begun = go_on(guard, enough)
        guard.flush()
        connection, _ = listening.accept()
        with connection:
            connection.settimeout(SECONDS_MOST)
            assert connection.recv(4) == b"POST"
            begun += go_on(guard, enough)
            assert counted(guard) == begun
            assert [each["state"] for each in alerts_in(guard)] == ["firing"]
            sender = next(each for each in threading.enumerate() if each.name == "memguard-alerts")
            closing = threading.Thread(target=guard.close)
            closing.start()
            closing.join(SECONDS_MOST)
            assert not closing.is_alive()
    sender.join(SECONDS_MOST)
    assert not sender.is_alive()


def test_a_receiver_that_is_away_is_an_event(soon: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """After a few more attempts, in the store, without the address."""
    monkeypatch.setattr(post, "PAUSES", (0.01, 0.01))
    address = f"http://127.0.0.1:{receivers.free_port()}/token"
    guard = Guard.for_process(Settings.load(service="away", alerts=address, alert_rules="rss > 1MB"))
    guard.end(guard.begin("request", "GET /"))
    until(lambda: bool(alerts_in(guard, "undelivered")), "an alert that is given up")
    (undelivered,) = alerts_in(guard, "undelivered")
    guard.close()

    assert (undelivered["channel"], undelivered["attempts"], undelivered["rule_of"]) == (
        "http://127.0.0.1",
        3,
        "rss > 1MB",
    )
    assert "refused" in undelivered["why"]
    assert "token" not in str(undelivered)


def test_without_a_wish_nothing_runs(tmp_path: Path) -> None:
    """No thread, no look: a new finding is told to the log by the worker that has it."""
    guard = started(tmp_path)

    assert guard._reporter is not None
    assert guard._reporter.alerting is None
    assert "memguard-alerts" not in {each.name for each in threading.enumerate()}
