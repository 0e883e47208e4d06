"""The generated file is filled in as a reader would do it, and run by pytest on an application that leaks and on its mend."""

from pathlib import Path
from typing import Any

import pytest

from memguard.explain.patterns import ENTRIES
from memguard.explain.reproduction import reproduction
from tests.reproductions.applications import on_flask
from tests.unit.explain.accusing import finding

PATTERNS = {entry.id: entry.pattern for entry in ENTRIES}
LEAKING, MENDED = "_caches.append(context)", "pass"
SITE = ("/srv/web/shop.py", 20, "context = Context(number + 10)")


@pytest.mark.parametrize(
    "seen",
    [
        {"types": ("shop.Context",)},
        {"held": "shop._caches[…]"},
    ],
    ids=["types", "holder"],
)
def test_flask(tmp_path: Path, seen: dict[str, Any]) -> None:
    """On a Flask application the file fails while it leaks, by each kind of evidence, and passes when it is mended."""
    text = reproduction(finding(**seen), "flask")
    leaking, said = on_flask(tmp_path, text, KEEP=LEAKING)
    mended, also_said = on_flask(tmp_path, text, KEEP=MENDED)

    assert (leaking, mended) == (1, 0), said + also_said
    assert (
        "memguard: request GET /users/<int:number>/orders (unknown, finding 0123456789abcdef) leaves something" in said
    )


def test_the_message(tmp_path: Path) -> None:
    """The failure is that of the plugin: what stays of a unit, where it was allocated, who holds it, and what to do."""
    text = reproduction(finding(types=("shop.Context",), site=SITE, held="shop._caches[…]"), "flask")
    code, said = on_flask(tmp_path, text, KEEP=LEAKING)

    assert code == 1
    for expected in (
        "1 list, 1 shop.Context", f"allocated   {tmp_path / 'shop.py'}:", " in show: context = Context(number + 10)",
        "shop._caches[", "unbounded-container: ", "what to do",
    ):  # fmt: skip
        assert expected in said


def test_nothing_but_growth(tmp_path: Path) -> None:
    """Where the finding names no type, no holder and a line that is not there any more, the application tells it all."""
    text = reproduction(finding(site=("/srv/web/gone.py", 3, "x = 1")), "flask")
    leaking, said = on_flask(tmp_path, text, KEEP=LEAKING)
    mended, also_said = on_flask(tmp_path, text, KEEP=MENDED)

    assert (leaking, mended) == (1, 0), said + also_said
    assert "1 shop.Context" in said


def test_rare(tmp_path: Path) -> None:
    """A leak of one unit in twenty has rounds so long that it shows."""
    text = reproduction(finding(types=("shop.Context",), objects=0.05), "flask")
    leaking, said = on_flask(tmp_path, text, KEEP=LEAKING, EVERY=20)
    mended, also_said = on_flask(tmp_path, text, KEEP=MENDED, EVERY=20)

    assert (leaking, mended) == (1, 0), said + also_said


def test_cache(tmp_path: Path) -> None:
    """A cache gets new values with each unit; with a cap that is full after the warm-up, it is mended."""
    accused = finding(
        "GET /loaded/<int:number>",
        types=("shop.Context",),
        held="shop.load.cache[…]",
        pattern=PATTERNS["unbounded-cache"],
    )
    text = reproduction(accused, "flask")
    leaking, said = on_flask(tmp_path, text)
    mended, also_said = on_flask(tmp_path, text, MAXSIZE=30)

    assert (leaking, mended) == (1, 0), said + also_said
    assert "unbounded-cache: " in said


def test_bytes_without_objects(tmp_path: Path) -> None:
    """Where nothing that the collector tracks stays, the size of the holder tells; a POST is sent as one."""
    text = reproduction(finding("POST /bytes", held="shop._buffer", objects=0.0), "flask")
    leaking, said = on_flask(tmp_path, text, BYTES="_buffer.extend(b'x' * 100)")
    mended, also_said = on_flask(tmp_path, text)

    assert (leaking, mended) == (1, 0), said + also_said


def test_descriptors(tmp_path: Path) -> None:
    """A number that stands for an open file is no object: open files are counted besides."""
    text = reproduction(finding(pattern=PATTERNS["file-descriptor"]), "flask")
    leaking, said = on_flask(tmp_path, text, KEEP="__import__('os').open('/dev/null', 0)")
    mended, also_said = on_flask(tmp_path, text)

    assert (leaking, mended) == (1, 0), said + also_said
    assert "descriptors more are open" in said


@pytest.mark.parametrize(("name", "answer"), [("GET /nothing/here", "404"), ("GET /secret", "403")])
def test_not_reached(tmp_path: Path, name: str, answer: str) -> None:
    """A request that does not do what it does in production fails at once and says what to fill in; it never passes."""
    code, said = on_flask(tmp_path, reproduction(finding(name, types=("shop.Context",)), "flask"))

    assert code == 1
    assert f"request {name} answered {answer}: fill in what it needs" in said
