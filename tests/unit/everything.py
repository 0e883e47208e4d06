"""A store that holds something of everything that the API can show."""

from dataclasses import replace

from memguard.allocations import Allocations, Group, packed
from memguard.commands import Command, FollowedFunction, FollowedLine, Following, Outcome
from memguard.evidence import TypeCount
from memguard.inspection import Cycle, DeepSize, Edge, Graph, Inspection, Node, ObjectSize, Question
from memguard.model import WorkerId
from memguard.snapshots import Kept, SiteSize, Snapshot, TypeGrowth, TypeSize
from memguard.store import Store
from tests.unit.telling import event, finding, point, stats, told, unit

FINGERPRINT, OTHER_FINGERPRINT = finding().fingerprint, "0a"
SNAPSHOT, EARLIER = "5a5a5a5a5a5a5a5a", "4b4b4b4b4b4b4b4b"
GRAPHED = "0123456789abcdec"
QUESTION = Question("chain", "shop.Order")
FOLLOWED = FollowedFunction("show", "/srv/shop/views.py", (FollowedLine(7, 1, 0, 8, 9, "x = 1"), FollowedLine(8)))
FOUND = Inspection(
    QUESTION, 3, 9, (ObjectSize("a.B", 3, None, "x.y[…]"),), DeepSize("dict", 1, 2, 3, "estimate", 0.5),
    Graph("x.y[…]", "module x", 3, 2, 1, (Node(0, "dict", 5, 1, "root", "module x"),), (Edge(0, 0, ".y"),)),
    (Cycle("a.B.c", 1, 2, 3, (TypeCount("a.B", 1),)),), (TypeCount("a.B", 1),), False, ("Not all.",),
)  # fmt: skip


def fill(store: Store, now: float) -> WorkerId:
    """Write it, as two workers that tell it at a moment; return the one that tells most."""
    me, other = WorkerId("here", 4711, now - 60), WorkerId("there", 9, now - 9)
    seen = {"first_seen": now - 50, "last_seen": now}
    store.flush(
        told(
            me, at=now, operations=(stats(last_seen=now),), findings=(finding(FINGERPRINT, **seen),),
            units=(unit(now - 3),), timeline=(point(now - 3),), events=(event(now - 3, "ceiling", rss_bytes=1),),
        )
    )  # fmt: skip
    store.flush(told(other, at=now, findings=(finding(OTHER_FINGERPRINT, holder=None, sites=(), **seen),)))
    store.add_commands(_commands(me, now))
    largest, grown = TypeSize("a.B", 3, None), TypeGrowth("a.B", 1, 3)
    store.add_snapshot(me, Snapshot(now, None, 3, (largest,), (grown,), (SiteSize("a", 1, "f", 8, 1, 8),)))
    for name, count in ((SNAPSHOT, 3), (EARLIER, 1)):
        taken = Allocations(now, (Group((("/srv/shop/views.py", 85), ("/srv/shop/wsgi.py", 9)), 100 * count, count),))
        store.add_allocations(me, Kept(name, now, "asked", taken.bytes, taken.count, 1), packed(taken), most=9)
    return me


def _commands(me: WorkerId, now: float) -> list[Command]:
    outcome = Outcome(1, 2, 3, 0.5, "Freed 3 objects.", "")
    followed, seen = replace(outcome, functions=(FOLLOWED,)), replace(outcome, inspection=FOUND)
    following = Following("request", "GET /a", 3, ("a.b:c",))
    return [
        Command("0123456789abcdef", "collect", me, now, now, 0.0, "done", outcome),
        Command("0123456789abcdee", "trace", me, now, now, 30.0),
        Command("0123456789abcded", "lines", me, now, now, 60.0, "done", followed, following),
        Command(GRAPHED, "inspect", me, now, now, 10.0, "done", seen, None, QUESTION),
    ]
