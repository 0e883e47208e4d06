import os
import tempfile
from pathlib import Path

import pytest

from memguard.settings import Settings, SettingsError
from memguard.store.places import default_file, explicit_file, require_private, runtime_directory


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the directory that is used where there is no runtime directory."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.delenv("XDG_RUNTIME_DIR")
    return tmp_path / f"memguard-{os.geteuid()}"


def test_the_users_runtime_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The file is named after the service, in a directory that only the user can enter."""
    tmp_path.chmod(0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(tmp_path))

    assert default_file("shop") == str(tmp_path / "memguard" / "shop.sqlite")
    assert (tmp_path / "memguard").stat().st_mode & 0o777 == 0o700
    assert default_file("shop") == str(tmp_path / "memguard" / "shop.sqlite")


@pytest.mark.parametrize("value", ["", "relative/dir", "/nonexistent-runtime-directory"])
def test_a_runtime_directory_that_is_none_gives_way_to_the_temporary_one(
    value: str, temporary: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Services have none, and containers name some that are not there."""
    monkeypatch.setenv("XDG_RUNTIME_DIR", value)

    assert runtime_directory() == temporary
    assert temporary.stat().st_mode & 0o777 == 0o700


def test_a_runtime_directory_that_is_open_to_others_gives_way_too(
    temporary: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only a private one is what it should be."""
    shared = tmp_path / "shared"
    shared.mkdir(0o755)
    shared.chmod(0o755)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(shared))

    assert runtime_directory() == temporary
    assert list(shared.iterdir()) == []


def test_a_link_in_the_temporary_directory_is_refused(temporary: Path, tmp_path: Path) -> None:
    """Whoever planted it would choose where memguard writes."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir(0o700)
    temporary.symlink_to(elsewhere)

    with pytest.raises(OSError, match="is a symbolic link"):
        default_file("shop")


def test_a_file_of_that_name_is_refused(temporary: Path) -> None:
    """It is not a directory."""
    temporary.touch()

    with pytest.raises(OSError, match="is not a directory"):
        default_file("shop")


def test_a_directory_that_others_can_enter_is_refused(temporary: Path) -> None:
    """It was made by someone else, or opened by mistake: both are a person's to look at."""
    temporary.mkdir(0o755)
    temporary.chmod(0o750)

    with pytest.raises(OSError, match=r"is open to others \(mode 0750, not 0700\)"):
        default_file("shop")


def test_a_directory_of_another_user_is_refused(tmp_path: Path) -> None:
    """Its owner could read all that is written there."""
    tmp_path.chmod(0o700)
    with pytest.raises(OSError, match=rf"belongs to another user \(uid {os.geteuid()}\)"):
        require_private(tmp_path, user=os.geteuid() + 1)


def test_a_store_that_is_set_is_a_file_or_a_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A directory, or a path that ends like one, holds a file named after the service."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/ada")

    def asked(store: str | Path) -> str:
        return explicit_file(Settings.load({"store": store, "service": "shop"}, environ={}))

    assert asked("/var/lib/shop.db") == "/var/lib/shop.db"
    assert asked(tmp_path) == str(tmp_path / "shop.sqlite")
    assert asked(str(tmp_path / "new") + "/") == str(tmp_path / "new" / "shop.sqlite")
    assert asked("relative.sqlite") == str(tmp_path / "relative.sqlite")
    assert asked("~/shop.sqlite") == "/home/ada/shop.sqlite"


def test_a_store_that_is_something_else_is_an_error_at_start(tmp_path: Path) -> None:
    """It names the setting, the value, what is wrong with it and what is allowed; the file stays as it is."""
    diary = tmp_path / "diary.txt"
    diary.write_text("dear diary, " * 100)
    with pytest.raises(SettingsError) as raised:
        explicit_file(Settings.load({"store": str(diary)}, environ={}))

    assert str(raised.value) == (
        f"memguard setting store={str(diary)!r}: it is not a SQLite database; expected the path of a file that "
        "memguard made, of one that does not exist yet, or of a directory"
    )
    assert diary.read_text() == "dear diary, " * 100


def test_a_wrong_file_inside_a_directory_is_an_error_too(tmp_path: Path) -> None:
    """It is the file that counts, however it was named."""
    (tmp_path / "shop.sqlite").write_text("x")

    with pytest.raises(SettingsError, match="it is not a SQLite database"):
        explicit_file(Settings.load({"store": str(tmp_path), "service": "shop"}, environ={}))


def test_a_file_where_a_directory_should_be_is_an_error(tmp_path: Path) -> None:
    """No worker could ever write there."""
    (tmp_path / "file").touch()

    with pytest.raises(SettingsError, match="its directory is a file"):
        explicit_file(Settings.load({"store": str(tmp_path / "file" / "shop.sqlite")}, environ={}))
