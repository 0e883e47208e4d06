"""A foreign package of the same name is told, and told of by name."""

import sys
from pathlib import Path

import pytest

from memguard.ownership import clash


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on the path, as site-packages is one."""
    monkeypatch.setattr(sys, "path", [*sys.path, str(tmp_path)])
    return tmp_path


def plant(site: Path, name: str, **files: str) -> None:
    """Install a distribution as far as its metadata go: METADATA and whichever other files are given."""
    folder = site / f"{name.replace('-', '_')}-1.0.dist-info"
    folder.mkdir()
    (folder / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    for filename, text in files.items():
        (folder / filename.replace("_txt", ".txt")).write_text(text)


def test_alone() -> None:
    """In an environment where nobody else owns `memguard` there is nothing to say."""
    assert clash() is None


@pytest.mark.parametrize(
    "files",
    [
        {"RECORD": "memguard/__init__.py,sha256=x,10\nmemguard/core.py,,\nother-1.0.dist-info/RECORD,,\n"},
        {"RECORD": "other/__init__.py,,\nmemguard/extra.py,,\n"},
        {"RECORD": "memguard.py,sha256=x,10\n"},
        {"top_level_txt": "other\nmemguard\n"},
    ],
)
def test_another_owner(site: Path, files: dict[str, str]) -> None:
    """One that installed files into the package, or a module of its name, is named, with what to do."""
    plant(site, "Other-Guard", **files)

    told = clash()

    assert told is not None
    assert "another distribution has installed its own package 'memguard': other-guard." in told
    assert "install memguard-web again" in told


@pytest.mark.parametrize(
    "files",
    [
        {},
        {"RECORD": ""},
        {"RECORD": "memguardian/__init__.py,,\nbin/memguard,,\nvendored/memguard/__init__.py,,\nmemguard.pyi.txt,,\n"},
        {"RECORD": "memguard-1.0.dist-info/RECORD,,\n", "top_level_txt": "memguardian\n"},
    ],
)
def test_no_owner(site: Path, files: dict[str, str]) -> None:
    """A similar name, a script, a vendored copy inside another package: none of them touches ours."""
    plant(site, "memguardian", **files)

    assert clash() is None


@pytest.mark.parametrize("name", ["memguard-web", "memguard_web", "Memguard.Web"])
def test_ourselves(site: Path, name: str) -> None:
    """A second record of our own distribution is no other owner, however its name is written."""
    plant(site, name, RECORD="memguard/__init__.py,,\n")

    assert clash() is None


def test_several_owners(site: Path) -> None:
    """All others are named, each once."""
    for name in ("second", "first"):
        plant(site, name, RECORD="memguard/__init__.py,,\n")

    assert "'memguard': first, second." in str(clash())


def test_an_owner_without_a_name(site: Path) -> None:
    """What lost its metadata still counts by its list of files."""
    folder = site / "broken-1.0.dist-info"
    folder.mkdir()
    (folder / "RECORD").write_text("memguard/__init__.py,,\n")

    assert "'memguard': one without a name." in str(clash())
