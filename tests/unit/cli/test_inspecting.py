import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from memguard.commands import Command, Outcome
from memguard.evidence import TypeCount
from memguard.inspection import (
    Cycle,
    DeepSize,
    Edge,
    Graph,
    Inspection,
    Node,
    ObjectSize,
    Question,
)
from memguard.model import WorkerId
from memguard.store.connection import Database
from memguard.store.sqlite import SqliteStore
from tests.unit.cli.conftest import Run
from tests.unit.telling import told

SECONDS_MOST = 30.0
BEGAN = time.time() - 60
GRAPH = Graph(
    "shop._orders[…]", "module shop", 20, 16, 15,
    nodes=(
        Node(0, "dict", 4_000, 30, "root", "module shop"),
        Node(1, "dict", 640, 20, "chain"),
        Node(2, "shop.Order", 56, None, "target"),
        Node(3, "list", 56, 1, "below"),
    ),
    edges=(Edge(0, 1, "._orders"), Edge(1, 2, "[str]"), Edge(2, 3, ".lines")),
)  # fmt: skip


@contextmanager
def answering(path: str, *pids: int, **found: object) -> Iterator[list[Command]]:
    """Have workers of another host answer every question with this; give what they were asked."""
    asked: list[Command] = []
    stop = threading.Event()
    now = time.time()
    workers = [WorkerId("far", pid, BEGAN) for pid in pids]
    store = SqliteStore(Database(path), "shop")
    for each in workers:
        store.flush(told(each, at=now))

    def work() -> None:
        while not stop.wait(0.02):
            for each in workers:
                for command in store.take_commands(each, time.time()):
                    asked.append(command)
                    assert command.question is not None
                    inspection = Inspection(command.question, **found)  # type: ignore[arg-type]
                    outcome = Outcome(message="Looked.", inspection=inspection)
                    store.update_command(replace(command, state="done", outcome=outcome))

    thread = threading.Thread(target=work)
    thread.start()
    try:
        yield asked
    finally:
        stop.set()
        thread.join(SECONDS_MOST)
        store.close()


def lines(out: str) -> list[str]:
    """Return what was printed, without the space between columns."""
    return [" ".join(line.split()) for line in out.splitlines()]


def test_the_largest_of_a_type(store: SqliteStore, run: Run) -> None:
    """With their own size, entries and who holds them; what was given before the way holds, too."""
    sizes = (ObjectSize("shop.Order", 4_000, 30, "shop._orders[…]"), ObjectSize("shop.Order", 56, None))
    with answering(store.place, 7, objects=20, bytes=9_000, sizes=sizes, notes=("Not all.",)) as asked:
        code, out, _ = run("objects", "--store", store.place, "largest", "shop.Order", "--top", "2", "--seconds", "20")

    assert code == 0
    assert [(each.action, each.question, each.seconds) for each in asked] == [
        ("inspect", Question("largest", "shop.Order", 2), 20.0)
    ]
    assert lines(out) == [
        "7 on far done Looked.", "", "THEMSELVES ENTRIES HELD BY", "4.00 kB 30 shop._orders[…]", "56 B - -",
        "20 objects, 9.00 kB themselves", "Not all.", "",
    ]  # fmt: skip


def test_the_deep_size_of_a_container(store: SqliteStore, run: Run) -> None:
    """It says whether it was measured or estimated."""
    for method, words in (
        ("pympler", "as pympler's asizeof measures it"),
        ("estimate", "an estimate: memguard's own sum"),
    ):
        deep = DeepSize("dict", 20, 9_000, 61, method)  # type: ignore[arg-type]  # one of the two
        with answering(store.place, 7, deep=deep):
            out = lines(run("objects", "size", "shop._orders", "--store", store.place)[1])
        assert out[2:4] == ["shop._orders, a dict with 20 entries", f"9.00 kB in 61 objects, {words}"]


def test_the_chain(store: SqliteStore, run: Run, tmp_path: Path) -> None:
    """As lines; the graph as DOT, printed or in a file."""
    with answering(store.place, 7, objects=20, graph=GRAPH):
        out = run("objects", "chain", "shop.Order", "--store", store.place)[1]
        assert lines(out)[2:] == [
            "held by shop._orders[…] (module shop)",
            "15 of 16 that were looked at, of 20 in all, are held in this way",
            "", "module shop: dict, 30 entries", "._orders dict, 20 entries", "[str] shop.Order", "",
        ]  # fmt: skip
        code, printed, complaints = run("objects", "chain", "shop.Order", "--dot", "--store", store.place)
        assert (code, complaints) == (0, "")
        assert printed.startswith("digraph objects {\n")
        file = tmp_path / "graph.dot"
        assert run("objects", "chain", "shop.Order", "--dot", file, "--store", store.place)[0] == 0
        assert file.read_text() == printed


def test_each_of_several_workers_has_a_file_of_its_own(store: SqliteStore, run: Run, tmp_path: Path) -> None:
    """By its number."""
    with answering(store.place, 7, 8, graph=GRAPH):
        assert run("objects", "chain", "x.Y", "--all", "--dot", tmp_path / "a.dot", "--store", store.place)[0] == 0

    assert sorted(each.name for each in tmp_path.glob("*.dot")) == ["a-7.dot", "a-8.dot"]


def test_cycles_and_what_is_uncollectable(store: SqliteStore, run: Run) -> None:
    """Kinds of cycles with their rings, and what the garbage is made of."""
    cycles = (Cycle("shop.Node.children[…].parent", 5, 20, 1_000, (TypeCount("shop.Node", 2),)),)
    types = (TypeCount("shop.Node", 10), TypeCount("list", 5))
    for way in ("cycles", "uncollectable"):
        with answering(store.place, 7, objects=21, bytes=1_100, cycles=cycles, types=types):
            out = lines(run("objects", way, "--store", store.place)[1])
        assert out[2:] == [
            "21 objects, 1.10 kB themselves", "made of 10 shop.Node, 5 list", "", "THEMSELVES OBJECTS CYCLES RING",
            "1.00 kB 20 5 shop.Node.children[…].parent", "",
        ]  # fmt: skip


def test_programs_get_json(store: SqliteStore, run: Run) -> None:
    """The same as from the API."""
    with answering(store.place, 7, objects=0):
        said = json.loads(run("objects", "cycles", "--json", "--store", store.place)[1])

    assert said["commands"][0]["result"]["inspection"]["objects"] == 0
    assert said["commands"][0]["question"] == {"way": "cycles", "name": "", "most": 15}


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("largest", "dict", "--seconds", "3m"), "--seconds 3m: expected 1 s to 2"),
        (("largest", "dict", "--top", "101"), "--top 101: at most 100 are told"),
        (("--take", "cycles"), "--take and cycles are two things; ask for one after the other"),
        (("chain", "dict", "--json", "--dot"), "--json and --dot are both printed; give --dot a file"),
    ],
)
def test_wrong_arguments_are_one_line(store: SqliteStore, run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    """Before anybody is asked."""
    code, out, said = run("objects", "--store", store.place, *arguments)

    assert (code, out) == (2, "")
    assert said.startswith(f"memguard: {complaint}")
    assert said.count("\n") == 1


def test_where_nothing_can_be_drawn_nobody_is_asked(
    store: SqliteStore, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It says what is missing, and what can be done without it."""
    monkeypatch.setenv("PATH", str(tmp_path))
    with answering(store.place, 7, graph=GRAPH) as asked:
        code, out, complaint = run("objects", "chain", "x.Y", "--svg", "a.svg", "--store", store.place)

    assert (code, out) == (2, "")
    assert complaint == (
        "memguard: --svg a.svg: Graphviz's program dot is not installed here; "
        "--dot FILE writes the graph for a machine that has it\n"
    )
    assert asked == []
