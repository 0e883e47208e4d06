import gzip
import json
import tracemalloc
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest

import memguard
from memguard import cli
from memguard.allocations import (
    Allocations,
    Group,
    WrongSnapshotError,
    bounded,
    chosen,
    difference,
    grouped,
    read,
    write,
)
from memguard.export.flames.formats import FORMATS
from memguard.export.flames.naming import Names
from memguard.instruments import raw
from memguard.snapshotting import Periodic

HERE = __file__
VIEW, LOOP, LIBRARY = ("/srv/shop/views.py", 12), ("/srv/shop/main.py", 3), ("/lib/site-packages/orm/session.py", 7)
TAKEN = Allocations(
    5.0, (Group((VIEW, LOOP), 3000, 30), Group((LIBRARY, VIEW, LOOP), 1000, 2), Group((LOOP,), 500, 1, domain=9))
)


@pytest.fixture
def _traced() -> Iterator[None]:
    tracemalloc.start(5)
    yield
    tracemalloc.stop()


@pytest.mark.usefixtures("_traced")
def test_a_snapshot_has_what_is_alive_by_the_calls_that_made_it() -> None:
    """As tracemalloc itself says; what was freed is not in it, nor what memguard needs for it."""
    kept = [bytes(1000) for _ in range(50)]
    [bytes(5000) for _ in range(50)].clear()
    taken = raw.take()
    of_this_test = [group for group in taken.groups if group.frames[:1] and group.frames[0][0] == HERE]
    theirs = tracemalloc.take_snapshot().filter_traces([tracemalloc.Filter(True, HERE)]).statistics("traceback")

    mine, same = of_this_test[0], max(theirs, key=lambda each: each.size)
    assert 50 <= mine.count <= 51, "and the list that holds them"
    assert (mine.bytes, mine.frames[0][1]) == (same.size, same.traceback[-1].lineno)
    assert mine.bytes >= sum(map(len, kept))
    assert len(mine.frames) > 1
    assert not any(group.frames[0][0] == raw.__file__ for group in taken.groups if group.frames)


def test_without_tracing_there_is_none() -> None:
    """It says how to have one."""
    with pytest.raises(RuntimeError, match="tracemalloc is off: start it, or run the service with MEMGUARD_MODE=trace"):
        raw.take()


def test_two_snapshots_are_compared() -> None:
    """What grew, what shrank, and nothing of what stayed as it was."""
    before = Allocations(
        1.0, (Group((VIEW, LOOP), 1000, 10), Group((LIBRARY, VIEW, LOOP), 1000, 2), Group((("a", 1),), 7, 1))
    )

    assert difference(before, TAKEN) == Allocations(
        5.0, (Group((VIEW, LOOP), 2000, 20), Group((LOOP,), 500, 1, domain=9), Group((("a", 1),), -7, -1))
    )
    assert difference(TAKEN, TAKEN).groups == ()


def test_groups_are_chosen_and_put_together() -> None:
    """By files with wildcards and by domain; by line, by file or as they are."""
    assert [group.bytes for group in chosen(TAKEN, include=["*/shop/*"]).groups] == [3000, 500]
    assert [group.bytes for group in chosen(TAKEN, exclude=["*/site-packages/*"]).groups] == [3000, 500]
    assert [group.bytes for group in chosen(TAKEN, domain=9).groups] == [500]
    assert [(group.frames, group.bytes) for group in grouped(TAKEN, "file").groups] == [
        ((("/srv/shop/views.py", 0),), 3000), ((("/lib/site-packages/orm/session.py", 0),), 1000), ((("/srv/shop/main.py", 0),), 500),
    ]  # fmt: skip
    assert grouped(TAKEN, "traceback").groups[0].frames == (VIEW, LOOP)
    assert grouped(TAKEN, "line").groups[1].frames == (LIBRARY,)


def test_a_snapshot_is_bounded_and_loses_no_byte() -> None:
    """Of too many groups the smallest become one."""
    small = bounded(1.0, [Group(((f"f{number}", 1),), number, 1) for number in range(1000)], most=10)

    assert len(small.groups) == 11
    assert small.bytes == sum(range(1000))
    assert small.groups[-1].frames == ()


def test_a_file_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Compressed; what is something else is said."""
    path = tmp_path / "a.mgs"
    write(TAKEN, path)
    assert read(path) == TAKEN
    assert [each.name for each in tmp_path.iterdir()] == ["a.mgs"]

    told = json.loads(gzip.decompress(path.read_bytes()))
    path.write_bytes(gzip.compress(json.dumps({**told, "version": 3}).encode()))
    with pytest.raises(WrongSnapshotError, match="it is of version 3, and this memguard reads version 2"):
        read(path)
    for wrong in (b"", b"text", gzip.compress(b"{}"), gzip.compress(b"[1"), gzip.compress(b"{}")[:12]):
        path.write_bytes(wrong)
        with pytest.raises(WrongSnapshotError, match="no snapshot of memguard's"):
            read(path)


@pytest.mark.usefixtures("_traced")
def test_snapshots_are_written_every_so_often_and_the_last_are_kept(tmp_path: Path) -> None:
    """The thread ends with the block."""
    with Periodic(tmp_path, seconds=3600, keep=2) as periodic:
        written = [periodic.take() for _ in range(4)]

    assert sorted(tmp_path.iterdir()) == written[-2:]
    assert read(written[-1]).bytes > 0
    assert memguard.write_snapshot(tmp_path / "now.mgs") == tmp_path / "now.mgs"


def test_collapsed_stacks_go_from_the_outermost_call_to_the_innermost() -> None:
    """With the bytes behind them; what has shrunk is not drawn."""
    shrunk = Allocations(1.0, (*TAKEN.groups, Group((("a", 1),), -5, -1)))

    assert FORMATS["collapsed"](shrunk, Names()).decode().splitlines() == [
        "shop/main.py:3;shop/views.py:12 3000", "shop/main.py:3;shop/views.py:12;orm/session.py:7 1000", "shop/main.py:3 500",
    ]  # fmt: skip


def test_speedscope_gets_weights_in_bytes() -> None:
    """Each sample is a stack of frames by number."""
    told = json.loads(FORMATS["speedscope"](TAKEN, Names()))
    (profile,) = told["profiles"]
    names = [frame["name"] for frame in told["shared"]["frames"]]

    assert (profile["unit"], profile["weights"], profile["endValue"]) == ("bytes", [3000, 1000, 500], 4500)
    assert [names[each] for each in profile["samples"][1]] == ["shop/main.py:3", "shop/views.py:12", "orm/session.py:7"]


def test_pprof_gets_objects_and_space() -> None:
    """In protobuf's wire format, innermost call first, every number of a string, function or location there."""
    message = fields(gzip.decompress(FORMATS["pprof"](TAKEN, Names())))
    strings = [value.decode() for value in message[6]]
    samples = [fields(each) for each in message[2]]
    locations = {number(fields(each)[1][0]): fields(fields(each)[4][0]) for each in message[4]}
    functions = {number(fields(each)[1][0]): strings[number(fields(each)[4][0])] for each in message[5]}
    kinds = [tuple(strings[number(value)] for value in (fields(each)[1][0], fields(each)[2][0])) for each in message[1]]
    told = [
        (
            [
                (functions[number(locations[each][1][0])], number(locations[each][2][0]))
                for each in packed(sample[1][0])
            ],
            packed(sample[2][0]),
        )
        for sample in samples
    ]

    assert strings[0] == ""
    assert kinds == [("inuse_objects", "count"), ("inuse_space", "bytes")]
    assert told == [([VIEW, LOOP], [30, 3000]), ([LIBRARY, VIEW, LOOP], [2, 1000]), ([LOOP], [1, 500])]
    assert strings[number(message[14][0])] == "inuse_space"


def test_a_flame_graph_is_one_picture_without_a_script() -> None:
    """A call is as wide as what was allocated in it, and lies below the call that made it; names are escaped."""
    odd = Allocations(1.0, (*TAKEN.groups, Group(((("/srv/<b>&.py"), 1), LOOP), 500, 1)))
    picture = FORMATS["svg"](odd, Names()).decode()
    boxes = {
        str(each.findtext("{*}title")).partition(":")[0] + "@" + str(rect.get("y")): float(str(rect.get("width")))
        for each in ET.fromstring(picture).iter("{http://www.w3.org/2000/svg}g")
        for rect in each.iter("{http://www.w3.org/2000/svg}rect")
    }

    assert boxes["shop/main.py@40.0"] == 1180.0
    assert boxes["shop/views.py@58.0"] == pytest.approx(1180 * 4000 / 5000, abs=0.1)
    assert boxes["orm/session.py@76.0"] == pytest.approx(1180 * 1000 / 5000, abs=0.1)
    assert "<script" not in picture
    assert "&lt;b&gt;&amp;.py" in picture
    ET.fromstring(FORMATS["svg"](Allocations(1.0, ()), Names()))


def test_the_command_shows_compares_and_writes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """By line unless it is said otherwise; a file that is none is one line and exit code 2."""
    now, before, picture = tmp_path / "now.mgs", tmp_path / "before.mgs", tmp_path / "flame.svg"
    write(TAKEN, now)
    write(Allocations(1.0, (Group((VIEW, LOOP), 1000, 10),)), before)

    assert cli.main(["snapshot", str(now), "--top", "1"]) == 0
    assert capsys.readouterr().out.splitlines() == [
        "4.50 kB in 33 allocations", "     bytes      count  allocated at", "   3.00 kB         30  shop/views.py:12",
    ]  # fmt: skip
    assert cli.main(["snapshot", str(now), "--since", str(before), "--json", "--include", "*/views.py"]) == 0
    assert [group["bytes"] for group in json.loads(capsys.readouterr().out)["groups"]] == [2000]
    assert cli.main(["snapshot", str(now), "--format", "svg", "-o", str(picture)]) == 0
    ET.parse(picture)
    before.write_text("no")
    assert cli.main(["snapshot", str(before)]) == 2
    assert cli.main(["snapshot", str(tmp_path / "none")]) == 2
    assert capsys.readouterr().err.splitlines() == [
        f"memguard: {before}: it is no snapshot of memguard's", f"memguard: {tmp_path / 'none'}: No such file or directory",
    ]  # fmt: skip


def fields(message: bytes) -> dict[int, list[bytes]]:
    """Return the fields of a protobuf message by number, numbers as their varint."""
    found: dict[int, list[bytes]] = {}
    place = 0
    while place < len(message):
        key, place = varint(message, place)
        start = place
        length, after = varint(message, place)
        place = after + length if key & 7 == 2 else after
        found.setdefault(key >> 3, []).append(message[after if key & 7 == 2 else start : place])
    return found


def varint(message: bytes, place: int) -> tuple[int, int]:
    """Return a number and where the next thing begins."""
    value = shift = 0
    while True:
        byte = message[place]
        value |= (byte & 127) << shift
        place, shift = place + 1, shift + 7
        if byte < 128:
            return value, place


def number(written: bytes) -> int:
    """Return the number of a varint."""
    return varint(written, 0)[0]


def packed(written: bytes) -> list[int]:
    """Return the numbers of a packed field."""
    found, place = [], 0
    while place < len(written):
        value, place = varint(written, place)
        found.append(value)
    return found
