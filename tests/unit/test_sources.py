import linecache
from pathlib import Path

import pytest

from memguard.evidence import Site
from memguard.explain import sites
from memguard.sources import line_of, lines_of

TEXT = "first = 1\n\n\ndef function():\n    return first\n"


@pytest.fixture
def file(tmp_path: Path) -> str:
    """Return a source file that nobody has looked at."""
    path = tmp_path / "shop.py"
    path.write_text(TEXT)
    return str(path)


def test_lines_are_read_and_not_kept(file: str) -> None:
    """As `linecache` has them; its cache is as it was."""
    assert lines_of(file) == TEXT.splitlines(keepends=True)
    assert [line_of(file, number) for number in (-1, 0, 1, 4, 6)] == ["", "", "first = 1\n", "def function():\n", ""]
    assert lines_of(file + ".missing") == []
    assert file not in linecache.cache


def test_what_the_host_has_there_stays(file: str) -> None:
    """What it has read, and what it has only said how to read."""
    linecache.getlines(file)
    known = linecache.cache[file]
    lines_of(file)
    assert linecache.cache[file] is known
    del linecache.cache[file]

    class Loader:
        def get_source(self, name: str) -> str:
            return "made = 'by a loader'\n"

    made = "made/by a template.py"
    assert linecache.lazycache(made, {"__name__": "made", "__loader__": Loader()})
    lazily = linecache.cache[made]
    try:
        assert line_of(made, 1) == "made = 'by a loader'\n"
        assert linecache.cache[made] is lazily
    finally:
        del linecache.cache[made]


def test_a_site_that_is_described_leaves_nothing(file: str) -> None:
    """Function and source come from the file, and the process does not keep it."""
    told = sites.describe(Site(file, 5, "", "", 1, 1))

    assert (told.function, told.source) == ("function", "return first")
    assert file not in linecache.cache
