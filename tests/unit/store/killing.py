"""`python -m tests.unit.store.killing PATH ROUNDS VICTIMS`: workers that are killed while they write, again and again.

A process of its own, because each victim is forked, which takes a process as large as a test run's many times as long.
It fails where the store does not hold what had been flushed.
"""

import itertools
import os
import random
import signal
import struct
import sys

from memguard.model import WorkerId
from memguard.store import connection
from memguard.store.connection import Database
from memguard.store.sqlite import SqliteStore
from tests.unit.telling import NOW, judged, point, stats, told, unit


def work(path: str, victim: int, turns: int, out: int) -> None:
    """Tell one thing after the other, and acknowledge each; until killed."""
    store = SqliteStore(Database(path), "shop")
    of = WorkerId("here", victim, NOW)
    for turn in itertools.count(turns + 1):
        operations = tuple(stats(judged(f"GET /{number}"), units=turn) for number in range(8))
        store.flush(told(of, units_total=turn, operations=operations, units=(unit(),) * 2, timeline=(point(),)))
        os.write(out, struct.pack("<q", turn))


def one_round(path: str, turns: list[int], chance: random.Random) -> None:
    """Start the victims, kill them in any order at some moment, and note what each has acknowledged."""
    pipes = [os.pipe() for _ in turns]
    children = []
    for victim, (_, out) in enumerate(pipes):
        child = os.fork()
        if not child:
            signal.alarm(60)
            work(path, victim, turns[victim], out)
        children.append(child)
    for _, out in pipes:
        os.close(out)
    os.read(pipes[chance.randrange(len(pipes))][0], 8)  # some time after one of them has written
    for child in chance.sample(children, len(children)):
        os.kill(child, signal.SIGKILL)
    for victim, child in enumerate(children):
        os.waitpid(child, 0)
        said = os.read(pipes[victim][0], 1 << 16)
        turns[victim] = max([turns[victim], *(turn for (turn,) in struct.iter_unpack("<q", said))])
        os.close(pipes[victim][0])


def check(path: str, turns: list[int]) -> None:
    """Fail where the file is not sound, where it has less than was acknowledged, or half a flush."""
    store = SqliteStore(Database(path), "shop")
    found = store.read()
    with store._database.session() as opened:
        assert opened.execute("PRAGMA quick_check").fetchone() == ("ok",)
    totals = {state.id.pid: state.units_total for state in found.workers}
    assert all(totals.get(victim, 0) >= acknowledged for victim, acknowledged in enumerate(turns)), (totals, turns)
    assert all(counted.units == totals[of.pid] for of, counted in found.operations)
    for victim, told_ in totals.items():
        turns[victim] = told_
    store.close()


def main() -> None:
    """Kill, and check each time."""
    path, rounds, victims = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    connection.BUSY_SECONDS = 20.0
    turns, chance = [0] * victims, random.Random(7)
    for _ in range(rounds):
        one_round(path, turns, chance)
        check(path, turns)
    print(sum(turns))


if __name__ == "__main__":
    main()
