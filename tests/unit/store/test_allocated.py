"""Snapshots of allocations in every store: kept by age and number, within a share of it."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from memguard import allocations
from memguard.allocations import Allocations, Group
from memguard.model import WorkerId
from memguard.snapshots import Kept
from memguard.store import Bounds, Store, allocated, open_file
from memguard.store.connection import Database
from memguard.store.pruning import prune_if_due
from memguard.store.sqlite import SqliteStore
from tests.unit.store.kinds import Make
from tests.unit.telling import ME, NOW, told

OTHER = WorkerId("there", 9, NOW - 60)
BODY = allocations.packed(Allocations(NOW, (Group((("/srv/a.py", 3),), 100, 2),)))


def kept(number: int = 1, at: float = NOW) -> Kept:
    """Return what is said of a snapshot."""
    return Kept(f"{number:016x}", at, "asked", 100, 2, 1)


def names(store: Store) -> list[int]:
    """Return which are kept, newest first."""
    return [int(each.id, 16) for _, each in store.allocations()]


def test_what_was_kept_is_there(store: Store) -> None:
    """With its worker, for any other process; its stacks byte for byte."""
    store.flush(told())
    store.flush(told(OTHER))
    store.add_allocations(ME, kept(1), BODY, most=9)
    store.add_allocations(OTHER, kept(2, NOW + 1), b"\x00\xff", most=9)

    assert store.allocations() == [(OTHER, kept(2, NOW + 1)), (ME, kept(1))]
    assert store.allocations_of(kept(1).id) == BODY
    assert store.allocations_of(kept(2).id) == b"\x00\xff"
    assert store.allocations_of("never") is None


def test_each_worker_has_so_many(store: Store) -> None:
    """Its oldest goes, and no other worker's; the stacks go with it."""
    store.flush(told())
    store.flush(told(OTHER))
    store.add_allocations(OTHER, kept(9, NOW - 9), BODY, most=2)
    for number in range(1, 5):
        store.add_allocations(ME, kept(number, NOW + number), BODY, most=2)

    assert names(store) == [4, 3, 9]
    assert store.allocations_of(kept(1).id) is None


def test_all_of_them_have_a_share_of_the_store(make: Make) -> None:
    """Whatever a person asks for, the oldest go before the store is full of them."""
    store = make(bounds=Bounds(size=4_000_000))
    store.flush(told())
    for number in range(1, 9):
        store.add_allocations(ME, kept(number, NOW + number), os.urandom(200_000), most=99)

    assert names(store)[0] == 8
    assert 3 <= len(names(store)) <= 5


def test_no_more_are_kept_than_can_be_looked_through(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of all workers together."""
    for module in (allocated, __import__("memguard.store.redis_allocated", fromlist=["KEPT_MOST"])):
        monkeypatch.setattr(module, "KEPT_MOST", 3)
    store.flush(told())
    for number in range(1, 6):
        store.add_allocations(ME, kept(number, NOW + number), BODY, most=99)

    assert names(store) == [5, 4, 3]


def test_of_a_worker_that_nobody_knows_nothing_is_kept(store: Store) -> None:
    """As with everything else that it tells."""
    store.add_allocations(ME, kept(), BODY, most=9)

    assert store.allocations() == []


def test_another_services_are_not_shown(make: Make) -> None:
    """Neither in the list nor by their names."""
    shop, blog = make("shop"), make("blog")
    shop.flush(told())
    blog.flush(told())
    shop.add_allocations(ME, kept(), BODY, most=9)

    assert blog.allocations() == []
    if isinstance(blog, SqliteStore):
        assert blog.allocations_of(kept().id) is None


def test_old_ones_and_those_of_forgotten_workers_go(tmp_path: Path) -> None:
    """A memguard of the version before forgets workers without knowing of this table."""
    database = Database(str(tmp_path / "a.sqlite"))
    with closing(SqliteStore(database, "shop")) as store:
        store.flush(told())
        store.flush(told(OTHER))
        store.add_allocations(ME, kept(1, NOW - 8 * 86400), BODY, most=9)
        store.add_allocations(ME, kept(2), BODY, most=9)
        store.add_allocations(OTHER, kept(3), BODY, most=9)
        with database.session() as connection:
            connection.execute("DELETE FROM worker WHERE host = 'there'")
            connection.execute("UPDATE pruned SET at = ?", (NOW - 3_600,))
            assert prune_if_due(connection, NOW, Bounds())
            left = connection.execute("SELECT id FROM allocation").fetchall()

    assert left == [(kept(2).id,)]


def test_a_file_of_the_version_before_is_read_and_upgraded(tmp_path: Path) -> None:
    """Who only reads it sees none; who writes adds the table, and the version before can go on."""
    path = tmp_path / "a.sqlite"
    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        store.flush(told())
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DROP TABLE allocation")
        connection.execute("PRAGMA user_version = 3")
    with closing(open_file(path, "shop")) as reader:
        assert reader.allocations() == []
        assert reader.allocations_of("x") is None
    with closing(SqliteStore(Database(str(path)), "shop")) as store:
        store.add_allocations(ME, kept(), BODY, most=9)
        assert len(store.allocations()) == 1
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT oldest FROM format").fetchone() == (3,)
