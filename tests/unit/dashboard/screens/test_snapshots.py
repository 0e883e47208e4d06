"""The screen of snapshots of allocations, over a store that holds two of one worker."""

from pathlib import Path

import pytest

from memguard.allocations import Allocations, Group, packed
from memguard.dashboard.screens.flame import path_of
from memguard.dashboard.screens.snapshots import _drawn
from memguard.snapshots import Kept
from tests.unit.dashboard.asking import Teller, asked, with_token
from tests.unit.dashboard.screens.outline import in_order, shown
from tests.unit.telling import ME, NOW, told

NEW, OLD = "00000000000000aa", "00000000000000bb"
SERVE = ("/srv/wsgi.py", 9)


@pytest.fixture(autouse=True)
def _nothing_is_remembered() -> None:
    _drawn.clear()


def guard(file: str = "/srv/shop/views.py") -> Teller:
    """Return a guard whose store holds an early and a late one."""
    made = Teller(told())
    for name, at, size in ((OLD, NOW - 360, 10_000), (NEW, NOW - 60, 90_000)):
        groups = (
            Group(((file, 2), SERVE), size, 9),
            Group((("/lib/json.py", 5), SERVE), 30_000, 3),
            Group((), 1_000, 70),
        )
        taken = Allocations(at, groups)
        kept = Kept(name, at, "periodic", taken.bytes, taken.count, 3)
        made.store.add_allocations(ME, kept, packed(taken), most=9)
    return made


def test_the_newest_is_drawn_and_listed(tmp_path: Path) -> None:
    """Most first; a function has its name where its source is here; what narrows and what downloads is a link."""
    file = tmp_path / "views.py"
    file.write_text("def show():\n    return [0] * 9\n")
    outline = shown(guard(str(file)), "/snapshots")

    in_order(
        outline.text, "121 kB alive in 82 allocations", "60 s ago", "worker 4711",
        "srv/wsgi.py:9", "show (", "views.py:2)", "lib/json.py:5", "Download:", "speedscope",
        "Most", "show (", "90.0 kB", "9", "lib/json.py:5", "30.0 kB", "many small groups", "1.00 kB",
    )  # fmt: skip
    assert outline.values("svg", "class")[0] == "flame"
    assert "/_memguard/snapshots?zoom=0.0" in outline.values("a", "href")
    assert f"/_memguard/api/snapshots/{NEW}/pprof" in outline.values("a", "href")


def test_two_are_compared() -> None:
    """Of what came between them only what has grown is drawn; the downloads are of the same."""
    outline = shown(guard(), "/snapshots", f"id={NEW}&since={OLD}&by=file&exclude=*/nothing/*")

    in_order(
        outline.text, "+80.0 kB in +0 allocations came in the 5 min up to the snapshot taken", "shop/views.py:2", "Most",
        "shop/views.py", "80.0 kB",
    )  # fmt: skip
    assert "json.py" not in outline.text
    assert f"/_memguard/api/snapshots/{NEW}/svg?since={OLD}&exclude=%2A%2Fnothing%2F%2A" in outline.values("a", "href")
    assert "Nothing of it has grown." in shown(guard(), "/snapshots", f"id={OLD}&since={NEW}").text
    assert "Nothing is in these files." in shown(guard(), "/snapshots", "include=/x/*").text


def test_it_is_narrowed_to_a_call_and_widened_again() -> None:
    """A way that leads nowhere is followed as far as it goes."""
    outline = shown(guard(), "/snapshots", "zoom=0.1")

    assert outline.values("rect", "class")[:2] == [each for each in outline.values("rect", "class") if "above" in each]
    assert "/_memguard/snapshots?zoom=0" in outline.values("a", "href")
    assert "Show all" in outline.text
    assert shown(guard(), "/snapshots", "zoom=0.1.7").values("rect", "class") == outline.values("rect", "class")
    assert [path_of(text) for text in ("", "0.12", "x", "1..2", "-1", "1" * 9)] == [(), (0, 12), (), (), (), ()]


def test_one_that_is_gone_is_said_to_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where none was ever taken; what to do stands there."""
    assert "This snapshot is not kept any more." in shown(guard(), "/snapshots", "id=ffffffffffffffff").text
    text = shown(Teller(told()), "/snapshots").text
    assert "No snapshot of allocations is kept." in text
    assert "snapshot_interval" in text


def test_a_name_is_text() -> None:
    """Whatever a file is called."""
    page = asked(with_token("/_memguard/snapshots"), guard("/srv/<script>x</script>.py")).body.decode()

    assert "<script>x" not in page
    assert "&lt;script&gt;x" in page


def test_it_is_drawn_once() -> None:
    """The screen comes again and again, and a worker that traces draws slowly."""
    made = guard()
    first = shown(made, "/snapshots").text
    drawn = dict(_drawn)

    assert shown(made, "/snapshots").text == first
    assert drawn == _drawn
    assert len(drawn) == 1
