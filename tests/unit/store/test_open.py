"""The doors of the store: `open_store` for workers, `open_file` for those who only look."""

import os
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from memguard.settings import Settings, SettingsError
from memguard.store import WrongFileError, open_file, open_store
from tests.unit.telling import told, worker


def settings(**values: object) -> Settings:
    """Return settings of the service `shop`."""
    return Settings.load({"service": "shop", **values}, environ={})


def test_nothing_is_made_and_nothing_is_open_before_the_first_flush(tmp_path: Path) -> None:
    """A parent that prepares its workers hands them no connection and no file of its own user."""
    store = open_store(settings(store=str(tmp_path / "deep" / "shop.sqlite")))
    assert list(tmp_path.iterdir()) == []
    assert store.notes == ()

    store.flush(told())

    assert store.read().workers == (worker(),)
    assert (tmp_path / "deep").stat().st_mode & 0o777 == 0o700
    store.close()


def test_without_a_setting_it_is_the_services_file_in_the_runtime_directory(tmp_path: Path) -> None:
    """Workers of one service find each other, those of another have a file of their own."""
    shop, again = open_store(settings()), open_store(settings())
    shop.flush(told())

    assert again.read().workers == (worker(),)
    assert again.place == os.environ["XDG_RUNTIME_DIR"] + "/memguard/shop.sqlite"
    for store in (shop, again):
        store.close()


def test_a_wrong_file_in_the_default_place_lets_the_host_start() -> None:
    """No one named it, so no one is told at start; the note says it."""
    place = Path(os.environ["XDG_RUNTIME_DIR"]) / "memguard" / "shop.sqlite"
    place.parent.mkdir(0o700)
    place.write_text("x" * 5000)
    store = open_store(settings())
    store.flush(told())

    assert store.read().workers == (worker(),)
    assert f"The store file {place} cannot be used (file is not a database)" in store.notes[0]
    store.close()


def test_another_programs_database_is_an_error_at_start(tmp_path: Path) -> None:
    """The application's own database given by mistake is not written into, and not even locked."""
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path)) as hosts:
        hosts.execute("CREATE TABLE auth_user (name)")
        hosts.execute("BEGIN IMMEDIATE")
        with pytest.raises(SettingsError, match="it is a SQLite database of something else"):
            open_store(settings(store=str(path)))
        hosts.execute("COMMIT")
        assert hosts.execute("SELECT name FROM sqlite_master").fetchall() == [("auth_user",)]


def test_another_programs_database_that_was_locked_at_start_is_not_written_later(tmp_path: Path) -> None:
    """Start could not look into it, so the first flush finds out and goes to memory."""
    path = tmp_path / "db.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None)) as hosts:
        hosts.execute("CREATE TABLE auth_user (name)")
        hosts.execute("BEGIN EXCLUSIVE")
        store = open_store(settings(store=str(path)))
        hosts.execute("COMMIT")
    before = path.read_bytes()
    store.flush(told())

    assert "it is a SQLite database of something else" in store.notes[0]
    assert path.read_bytes() == before
    assert store.read().workers == (worker(),)
    store.close()


def test_a_file_is_looked_into_without_being_changed(tmp_path: Path) -> None:
    """Reading the store of a service that runs leaves its tables and rows alone."""
    path = tmp_path / "shop.sqlite"
    store = open_store(settings(store=str(path)))
    store.flush(told())
    reader = open_file(path, "shop")

    assert reader.read().workers == (worker(),)
    with pytest.raises(sqlite3.OperationalError):
        reader.flush(told())
    reader.close()
    store.close()


def test_a_file_that_is_missing_or_wrong_is_not_looked_into(tmp_path: Path) -> None:
    """The two are told apart."""
    (tmp_path / "empty").touch()
    (tmp_path / "diary").write_text("dear diary")

    for name in ("missing", "empty"):
        with pytest.raises(FileNotFoundError, match=f"there is no memguard store at {tmp_path}/{name}"):
            open_file(tmp_path / name, "shop")
    with pytest.raises(WrongFileError, match="it is not a SQLite database"):
        open_file(tmp_path / "diary", "shop")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["diary", "empty"]
