"""What is particular of a store in Redis: its keys, and what happens while it is away."""

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
import redis

from example_apps import commands
from example_apps.servers import Server, Servers, free_port
from memguard.model import WorkerId
from memguard.settings import Settings, SettingsError
from memguard.store import Bounds, open_store, redis_keys, redis_origin
from memguard.store.connection import MEMORY
from memguard.store.places import examine_place
from memguard.store.redis import KNOWN_SECONDS, RedisStore
from memguard.store.redis_keys import PREFIX
from memguard.store.redis_origin import RETRY_SECONDS, RedisOrigin, connect, without_password
from memguard.store.resilient import ResilientStore
from tests.unit.store.children import ended_well, forked, until
from tests.unit.telling import ME, NOW, event, finding, point, stats, told, unit

OTHER = WorkerId("there", 9, NOW - 60)


class Clock:
    """Seconds that a test lets pass."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


class Away:
    """A Redis of a test's own, which it starts, stops and holds up."""

    def __init__(self, servers: Servers, directory: Path) -> None:
        self._servers = servers
        self._directory = directory
        self._server: Server | None = None
        self.port = free_port()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.clock = Clock()
        self.store = ResilientStore(RedisOrigin(self.url, "shop", Bounds()), "shop", clock=self.clock)

    def start(self) -> None:
        """Start it, empty."""
        command = commands.redis(self.port, self._directory)
        self._server = self._servers.start("redis", command, environ={}, log=self._directory / "redis.log")
        self._server.wait_until(lambda: commands.redis_answers(self.port), seconds=30)

    def stop(self) -> None:
        """End it."""
        assert self._server is not None
        self._servers.stop(self._server)

    def send(self, number: int) -> None:
        """Send it a signal."""
        assert self._server is not None
        os.kill(self._server.pid, number)

    def reread(self) -> RedisStore:
        """Return the store as another process sees it."""
        return RedisOrigin(self.url, "shop", Bounds()).open()


@pytest.fixture
def away(tmp_path: Path) -> Iterator[Away]:
    """Return a Redis that is not there yet, and a store in it."""
    with Servers() as servers:
        made = Away(servers, tmp_path)
        yield made
        with suppress(AssertionError, ProcessLookupError):
            made.send(signal.SIGCONT)
        made.store.close()


def full(turn: int) -> dict[str, Any]:
    """Return a row of each kind."""
    return {
        "operations": (stats(units=turn + 10),),
        "findings": (finding(f"{turn:016x}"),),
        "units": (unit(NOW + turn),),
        "timeline": (point(NOW + 2 * turn),),
        "events": (event(NOW + turn, "odd"),),
        "at": NOW + 2 * turn,
    }


def test_while_it_works_it_says_nothing(away: Away) -> None:
    """Its place is its address."""
    away.start()
    away.store.flush(told(**full(0)))

    assert away.store.notes == ()
    assert away.store.place == away.url
    assert len(away.reread().read().findings) == 1


def test_one_that_is_not_there_is_said_and_found_later(away: Away) -> None:
    """The worker goes on in memory and says why; when Redis comes, all that was missed is there."""
    away.store.flush(told(**full(0)))
    away.store.flush(told(**full(1)))
    (note,) = away.store.notes

    assert note.startswith(f"The Redis store {away.url} cannot be used (Error 111 connecting to 127.0.0.1:{away.port}")
    assert note.endswith("other workers are not shown here, and it is tried again every 5 seconds.")
    assert away.store.place == MEMORY
    assert len(away.store.read().findings) == 2

    away.start()
    away.clock.now += RETRY_SECONDS
    away.store.flush(told(**full(2)))
    found = away.reread()

    assert away.store.notes == ()
    assert {each.fingerprint for _, each in found.read().findings} == {f"{turn:016x}" for turn in range(3)}
    assert [ended.at - NOW for _, ended in found.units()] == [0, 1, 2]
    assert [moment.at - NOW for _, moment in found.timeline()] == [0, 2, 4]
    assert [happened.type for _, happened in found.read().events] == ["store", "odd", "odd", "odd", "store"]


def test_one_that_was_emptied_by_a_restart_is_filled_again(away: Away) -> None:
    """What does not change is told anew, because it is not there any more."""
    away.start()
    away.store.flush(told(**full(0)))
    away.stop()
    away.store.flush(told(**full(1)))
    assert len(away.store.read().workers) == 1
    assert "cannot be used" in away.store.notes[0]

    away.start()
    away.clock.now += RETRY_SECONDS
    away.store.flush(told(operations=(stats(units=11),), at=NOW + 9))
    found = away.reread().read()

    assert [counted.units for _, counted in found.operations] == [11]
    assert {each.fingerprint for _, each in found.findings} == {f"{turn:016x}" for turn in range(2)}
    assert [happened.detail.get("state") for _, happened in found.events] == ["memory", None, "redis"]


def test_one_that_somebody_empties_is_filled_again_within_a_minute(redis_url: str) -> None:
    """No connection breaks then, so that nothing tells; all is told anew once a minute."""
    store = RedisOrigin(redis_url, "shop", Bounds()).open()
    store.flush(told(operations=(stats(),), findings=(finding(),)))
    client = connect(redis_url)
    client.flushall()
    store.flush(told(operations=(stats(),), findings=(finding(),), at=NOW + 61))

    assert (len(store.read().operations), len(store.read().findings)) == (1, 1)
    client.close()
    store.close()


def test_one_that_hangs_is_given_up_soon(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes connections and answers nothing, as when its machine swaps: after a moment memory takes over."""
    monkeypatch.setattr(redis_origin, "ANSWER_SECONDS", 0.2)
    away.start()
    away.store.flush(told(**full(0)))
    away.send(signal.SIGSTOP)
    away.store.flush(told(**full(1)))
    assert "Timeout" in away.store.notes[0]
    assert len(away.store.read().findings) == 2

    away.send(signal.SIGCONT)
    away.clock.now += RETRY_SECONDS
    away.store.flush(told(**full(2)))

    assert len(away.reread().read().findings) == 3


def test_no_unit_waits_for_one_that_hangs(away: Away, monkeypatch: pytest.MonkeyPatch) -> None:
    """While the keeper waits for an answer that does not come, units begin and end."""
    from memguard.wiring import keeper
    from tests.unit.wiring.driving import unit_of

    monkeypatch.setattr(redis_origin, "ANSWER_SECONDS", 60.0)
    monkeypatch.setattr(keeper, "SECONDS_BETWEEN_ROUNDS", 0.05)
    away.start()
    from memguard.wiring.guard import Guard

    guard = Guard.for_process(Settings.load({"store": away.url, "service": "shop"}, environ={}), server=None)
    with unit_of(guard, "GET /"):
        pass
    until(lambda: len(away.reread().read().workers) == 1, "the worker's first word")
    away.send(signal.SIGSTOP)
    until(lambda: _is_waiting(guard), "the keeper to wait")
    for _ in range(2_000):
        with unit_of(guard, "GET /"):
            pass

    assert _is_waiting(guard), "all units were served while the keeper went on waiting"
    away.send(signal.SIGCONT)
    until(lambda: sum(each.units for _, each in away.reread().read().operations) == 2_001, "all units to be counted")


def _is_waiting(guard: Any) -> bool:
    """Tell whether the keeper is in the middle of a flush."""
    (keeper,) = [thread for thread in threading.enumerate() if thread.name == "memguard-keeper"]
    import sys

    frame = sys._current_frames().get(keeper.ident or 0)
    names = set()
    while frame is not None:
        names.add(frame.f_code.co_name)
        frame = frame.f_back
    return {"flush", "read_response"} <= names


def test_a_child_has_connections_of_its_own(redis_url: str) -> None:
    """Forked in the middle of a conversation, parent and child go on with one each."""
    store = ResilientStore(RedisOrigin(redis_url, "shop", Bounds()), "shop")
    store.flush(told())

    def child() -> None:
        mine = WorkerId("here", os.getpid(), NOW)
        for turn in range(50):
            store.flush(told(mine, units_total=turn))
            assert len(store.read().workers) == 2
        assert store.notes == ()

    pid = forked(child)
    for turn in range(50):
        store.flush(told(units_total=turn))
    assert ended_well(pid)

    assert store.notes == ()
    assert sorted(state.units_total for state in store.read().workers) == [49, 49]
    store.close()


def test_all_keys_have_the_prefix_and_expire(redis_url: str) -> None:
    """The prefix names memguard, the version of what is in the keys, and the service; nothing stays for ever."""
    bounds = Bounds(retention=86400.0)
    store = RedisOrigin(redis_url, "shop", bounds).open()
    store.flush(told(**full(0)))
    store.flush(told(OTHER, **full(1)))
    from tests.unit.store.test_asking import LIMIT, SNAPSHOT, command

    store.add_commands([command(1), command(2, OTHER)])
    store.take_commands(ME, NOW)
    store.add_snapshot(ME, SNAPSHOT)
    store.allow_login("203.0.113.9", NOW, LIMIT)
    client = connect(redis_url)
    lives = {str(key): int(client.ttl(key)) for key in client.scan_iter()}

    assert len(lives) > 10
    assert all(key.startswith(f"{PREFIX}:shop:") for key in lives if key != PREFIX)
    assert all(0 < life <= 86400 for key, life in lives.items() if not key.endswith((":known", PREFIX)))
    assert 0 < lives[f"{PREFIX}:shop:known"] <= KNOWN_SECONDS
    assert 0 < lives[PREFIX] <= KNOWN_SECONDS
    client.close()
    store.close()


def test_a_worker_whose_keys_have_expired_is_forgotten(redis_url: str) -> None:
    """Time is that of Redis then, not of a worker whose clock may be wrong; what is known of its finding stays."""
    store = RedisOrigin(redis_url, "shop", Bounds()).open()
    store.flush(told(**full(0)))
    store.flush(told(OTHER, **{**full(0), "at": NOW + 10 * 365 * 86400}))
    assert len(store.read().workers) == 2
    client = connect(redis_url)
    for key in client.scan_iter(match=f"*{ME.host}|{ME.pid}|*"):
        client.delete(key)
    found = store.read()

    assert [state.id for state in found.workers] == [OTHER]
    assert {of for of, _ in found.findings} == {OTHER}
    assert len(found.known) == 1
    client.close()
    store.close()


def test_a_workers_timeline_is_packed(redis_url: str) -> None:
    """A full tier is kept in Redis's most compact form, so that a thousand workers fit."""
    store = RedisOrigin(redis_url, "shop", Bounds()).open()
    for start in range(0, 20_000, 500):
        points = tuple(point(NOW + second) for second in range(start, start + 500, 2))
        store.flush(told(at=NOW + start + 499, timeline=points))
    client = connect(redis_url)
    curves = list(client.scan_iter(match="*curve*"))

    assert {client.object("encoding", key) for key in curves} <= {"ziplist", "listpack"}
    assert sum(client.memory_usage(key) or 0 for key in curves) < 200_000
    client.close()
    store.close()


def test_what_somebody_else_wrote_there_is_no_reason_to_fail(redis_url: str) -> None:
    """Values that are not memguard's, and keys of another type: it goes on in memory and says why."""
    for plant in ("value", "type"):
        store = ResilientStore(RedisOrigin(redis_url, "shop", Bounds()), "shop")
        store.flush(told(findings=(finding(),)))
        client = connect(redis_url)
        workers = f"{PREFIX}:shop:workers"
        if plant == "value":
            client.zadd(workers, {"someone's": NOW})
        else:
            client.delete(workers)
            client.set(workers, "someone's")

        assert [state.id for state in store.read().workers] == [ME]
        assert ("not memguard's" if plant == "value" else "WRONGTYPE") in store.notes[0]
        client.flushall()
        client.close()
        store.close()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("redis://localhost:6379/1", "redis://localhost:6379/1"),
        ("redis://:secret@localhost", "redis://:…@localhost"),
        ("rediss://me:secret@example.org:1/2?ssl_cert_reqs=none", "rediss://me:…@example.org:1/2"),
        ("unix:///run/redis.sock?db=3&password=secret", "unix:///run/redis.sock"),
        ("redis://me@localhost", "redis://me@localhost"),
    ],
)
def test_passwords_are_not_shown(url: str, shown: str) -> None:
    """Neither in notes nor on the page, nor in what settings say of themselves."""
    origin = RedisOrigin(url, "shop", Bounds())

    assert without_password(url) == origin.place == shown
    assert "secret" not in repr(Settings.load({"store": url}, environ={}))


def test_a_bad_address_is_an_error_at_start() -> None:
    """It is named, without its password."""
    for url in ("redis://localhost:port", "redis://x:secret@localhost:6379/0?socket_timeout=soon"):
        with pytest.raises(SettingsError, match="the address of Redis cannot be read") as raised:
            examine_place(Settings.load({"store": url}, environ={}))
        assert "secret" not in str(raised.value)
    with pytest.raises(SettingsError, match="expected the path of a SQLite file, or the address of a Redis") as raised:
        Settings.load({"store": "memcached://me:secret@localhost"}, environ={})
    assert "secret" not in str(raised.value)


def test_without_the_client_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra, by name."""
    import sys

    monkeypatch.setitem(sys.modules, "memguard.store.redis_origin", None)
    with pytest.raises(SettingsError, match=r"install memguard-web\[redis\]"):
        examine_place(Settings.load({"store": "redis://localhost"}, environ={}))


def test_settings_open_it(redis_url: str) -> None:
    """With `store="redis://…"` the store is there, for the service that was set."""
    store = open_store(Settings.load({"store": redis_url, "service": "blog"}, environ={}))
    store.flush(told())

    assert store.place == redis_url
    assert connect(redis_url).exists(f"{PREFIX}:blog:workers")
    store.close()


def test_a_fault_of_the_client_has_words() -> None:
    """Even one that says nothing."""
    assert RedisOrigin("redis://localhost", "shop", Bounds()).words(redis.TimeoutError()) == "TimeoutError"


def test_two_versions_on_one_redis_see_their_own(redis_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """While a deploy rolls out, old and new workers share it: neither reads, bounds or empties what the other wrote."""
    from tests.unit.store.test_asking import command

    ours = RedisOrigin(redis_url, "shop", Bounds()).open()
    with monkeypatch.context() as later:
        later.setattr(redis_keys, "PREFIX", f"memguard:{redis_keys.VERSION + 1}")
        theirs = RedisOrigin(redis_url, "shop", Bounds()).open()
    ours.flush(told(**full(0)))
    theirs.flush(told(OTHER, **full(1)))
    theirs.add_commands([command(1)])

    assert [state.id for state in ours.read().workers] == [ME]
    assert [state.id for state in theirs.read().workers] == [OTHER]
    assert [found.fingerprint for _, found in ours.read().findings] == [f"{0:016x}"]
    assert (len(ours.units()), len(ours.events()), ours.commands()) == (1, 1, [])
    assert ours.take_commands(ME, NOW) == []
    assert len(theirs.take_commands(ME, NOW)) == 1
    for each in (ours, theirs):
        each.close()
