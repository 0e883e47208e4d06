import re
from hashlib import sha256
from pathlib import Path

import pytest

import memguard.dashboard
from memguard.dashboard.assets import asset

STATIC = Path(memguard.dashboard.__file__).parent / "static"
VENDOR = STATIC / "vendor"
LINES_MOST = 200
OURS = sorted(path for path in STATIC.iterdir() if path.suffix in {".js", ".css"})


def name_of(path: Path) -> str:
    """Return a file's name, for the test's."""
    return path.name


@pytest.mark.parametrize("path", OURS, ids=name_of)
def test_file_sizes(path: Path) -> None:
    """A script or a style sheet says one thing, and says first what."""
    text = path.read_text()

    assert text.count("\n") <= LINES_MOST
    assert text.startswith(("// ", "/* "))


@pytest.mark.parametrize("path", [path for path in OURS if path.suffix == ".js"], ids=name_of)
def test_scripts_make_no_markup_out_of_text(path: Path) -> None:
    """Nodes are made one by one and get text; the one parser takes what the server rendered, whole."""
    assert not re.findall(
        r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\b|new Function", path.read_text()
    )


@pytest.mark.parametrize("path", [path for path in OURS if path.suffix == ".js"], ids=name_of)
def test_scripts_import_files_that_are_there(path: Path) -> None:
    """By a relative path, so that they come from the same version as the one that imports them."""
    for target in re.findall(r'(?:from|import\() ?"([^"]+)"', path.read_text()):
        assert target.startswith("./")
        assert asset(target.removeprefix("./")) is not None


def test_no_asset_comes_from_elsewhere() -> None:
    """Neither a font nor a picture nor a script."""
    for path in OURS:
        assert not re.findall(r"https?://(?!www\.w3\.org/2000/svg)|@import|url\(", path.read_text()), path.name


def test_what_is_vendored_is_what_its_page_says() -> None:
    """Unchanged since it was fetched, and every file of it is listed, the licence too."""
    listed = dict(
        re.findall(r"^\| `([^`]+)` \| `([0-9a-f]{64})` \|$", (VENDOR / "README.md").read_text(), re.MULTILINE)
    )
    files = {path.relative_to(VENDOR).as_posix(): path for path in VENDOR.rglob("*") if path.is_file()}
    files.pop("README.md")

    assert {name: sha256(path.read_bytes()).hexdigest() for name, path in files.items()} == listed
    assert any(name.endswith("/LICENSE") for name in listed)
