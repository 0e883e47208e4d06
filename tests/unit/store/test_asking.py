"""Commands, snapshots and login attempts: what goes through the store besides what workers tell."""

import threading
from dataclasses import replace

import pytest

from memguard.commands import WAITING_SECONDS, Command, Outcome
from memguard.model import WorkerId
from memguard.snapshots import SiteSize, Snapshot, TypeGrowth, TypeSize
from memguard.store import Limit, Store, asked, attempts, redis_asked
from memguard.store.connection import MEMORY, Database
from memguard.store.sqlite import SqliteStore
from tests.unit.store.kinds import Make
from tests.unit.telling import ME, NOW, point, told

OTHER = WorkerId("there", 4711, NOW - 60)
LIMIT = Limit(seconds=300.0, of_one=3, of_all=5)


def command(number: int = 1, of: WorkerId = ME, at: float = NOW) -> Command:
    """Return something that a worker is asked to do."""
    return Command(f"{number:016x}", "trace", of, at, at, 12.5)


def test_a_command_comes_to_its_worker_once(store: Store) -> None:
    """Then it is running, as of that moment; another worker's waits on."""
    store.add_commands([command(1), command(2, OTHER), command(3)])
    taken = store.take_commands(ME, NOW + 1)

    assert taken == [replace(command(number), state="running", changed_at=NOW + 1) for number in (1, 3)]
    assert store.take_commands(ME, NOW + 2) == []
    assert [(each.id[-1], each.state) for each in store.commands()] == [
        ("3", "running"), ("2", "waiting"), ("1", "running"),
    ]  # fmt: skip


@pytest.mark.parametrize("late", [replace(ME, started_at=NOW), replace(ME, pid=1), replace(ME, host="x")])
def test_another_worker_takes_nothing(store: Store, late: WorkerId) -> None:
    """One with the same pid that started later is another one."""
    store.add_commands([command()])

    assert store.take_commands(late, NOW) == []


def test_an_old_command_is_not_taken(store: Store) -> None:
    """A worker that was away for long does not do what was wanted then."""
    store.add_commands([command()])

    assert store.take_commands(ME, NOW + WAITING_SECONDS + 1) == []


def test_what_came_of_a_command_is_kept(store: Store) -> None:
    """Whatever the worker says."""
    store.add_commands([command()])
    answered = replace(command(), state="done", changed_at=NOW + 3, outcome=Outcome(1, 2, 3, 0.5, "It is done.", ""))
    store.update_command(answered)
    store.update_command(replace(answered, id="never asked"))

    assert store.commands() == [answered]


def test_commands_are_bounded(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest are kept, and as many of them are read as are asked for."""
    monkeypatch.setattr(asked, "KEPT", 5)
    monkeypatch.setattr(redis_asked, "KEPT", 5)
    for number in range(9):
        store.add_commands([command(number, at=NOW + number)])

    assert [int(each.id, 16) for each in store.commands()] == [8, 7, 6, 5, 4]
    assert [int(each.id, 16) for each in store.commands(limit=2)] == [8, 7]


@pytest.mark.parametrize("make", ["file", "redis"], indirect=True)
def test_workers_that_ask_at_once_get_each_command_once(make: Make) -> None:
    """Eight connections, of which two ask for the same worker's."""
    stores = [make() for _ in range(8)]
    workers = [WorkerId("here", number % 4, NOW) for number in range(8)]
    stores[0].add_commands([command(number, workers[number % 4]) for number in range(40)])
    taken: list[str] = []
    start = threading.Barrier(8)

    def take(number: int) -> None:
        start.wait()
        taken.extend(each.id for each in stores[number].take_commands(workers[number], NOW))

    threads = [threading.Thread(target=take, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(taken) == sorted(command(number).id for number in range(40))


SNAPSHOT = Snapshot(
    NOW, NOW - 60, 7, (TypeSize("a.B", 3, 168), TypeSize("c", 4, None)), (TypeGrowth("a.B", 1, 3),),
    (SiteSize("views.py", 8, "show", 80, 2, None),), is_sampled=True,
)  # fmt: skip


def test_the_latest_snapshot_of_each_worker_is_kept(store: Store) -> None:
    """As it was taken; the newest first."""
    store.flush(told())
    store.flush(told(OTHER))
    store.add_snapshot(ME, replace(SNAPSHOT, at=NOW - 99))
    store.add_snapshot(ME, SNAPSHOT)
    store.add_snapshot(OTHER, replace(SNAPSHOT, at=NOW + 1))

    assert store.snapshots() == [(OTHER, replace(SNAPSHOT, at=NOW + 1)), (ME, SNAPSHOT)]


@pytest.mark.parametrize("make", ["memory", "file"], indirect=True)
def test_a_snapshot_goes_with_its_worker(store: Store) -> None:
    """One of a worker that nobody knows is not kept, one of a worker that is forgotten is forgotten."""
    store.add_snapshot(ME, SNAPSHOT)
    assert store.snapshots() == []
    store.flush(told())
    store.add_snapshot(ME, SNAPSHOT)
    for seconds in (0, 600):
        store.flush(told(OTHER, at=NOW + 8 * 86400 + seconds))

    assert store.snapshots() == []


def test_logins_are_counted_by_address_and_in_all(store: Store) -> None:
    """Of one address after three attempts no more are allowed, of all after five; later there are new ones."""
    assert [store.allow_login("a", NOW, LIMIT) for _ in range(4)] == [True, True, True, False]
    assert [store.allow_login(peer, NOW + 1, LIMIT) for peer in "bcd"] == [True, True, False]
    assert store.allow_login("a", NOW + 300, LIMIT)


def test_a_right_login_is_no_attempt(store: Store) -> None:
    """Whoever mistyped and then got it right starts anew; others do not."""
    for peer in ("a", "a", "b", "b", "b"):
        store.allow_login(peer, NOW, LIMIT)
    store.forget_logins("a")

    assert [store.allow_login(peer, NOW, LIMIT) for peer in ("a", "b")] == [True, False]


def test_a_clock_that_was_set_back_locks_nobody_out(store: Store) -> None:
    """Attempts of a moment that is yet to come do not count."""
    for _ in range(3):
        store.allow_login("a", NOW + 86400, LIMIT)

    assert store.allow_login("a", NOW, LIMIT)


def test_attempts_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million guesses do not fill the disk."""
    monkeypatch.setattr(attempts, "KEPT", 10)
    store = SqliteStore(Database(MEMORY), "shop")
    for number in range(30):
        store.allow_login(str(number), NOW, Limit(1.0, 100, 100))
    with store._database.session() as connection:
        assert connection.execute("SELECT count(*) FROM attempt").fetchone() == (10,)
    store.close()


def test_services_do_not_hear_of_each_others(make: Make) -> None:
    """Neither of commands nor of snapshots nor of logins."""
    shop, blog = (make(service) for service in ("shop", "blog"))
    shop.flush(told())
    blog.flush(told(timeline=(point(),)))
    shop.add_commands([command()])
    shop.add_snapshot(ME, SNAPSHOT)
    for _ in range(3):
        shop.allow_login("a", NOW, LIMIT)

    assert (blog.commands(), blog.snapshots(), blog.take_commands(ME, NOW)) == ([], [], [])
    assert blog.allow_login("a", NOW, LIMIT)
    assert shop.take_commands(ME, NOW) != []
