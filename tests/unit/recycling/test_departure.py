"""The drain, and what is told of a recycle."""

import json
from dataclasses import dataclass, field

from memguard.model import Judgement, Operation, OperationStats
from memguard.readings import Share
from memguard.recycling.departure import drain
from memguard.recycling.record import Recycle, grown
from memguard.recycling.relief import Yield
from memguard.recycling.servers import Refusing

MB = 1_000_000


@dataclass(frozen=True)
class Emptying(Refusing):
    """A server whose connections end one by one, each time that they are asked about."""

    open: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def stop_accepting(self) -> None:
        self.asked.append("stop")

    def connections(self) -> int:
        self.asked.append("count")
        return self.open.pop(0) if len(self.open) > 1 else self.open[0]


def test_a_drain() -> None:
    """It stops accepting first, and ends with the last connection."""
    server = Emptying(open=[3, 2, 2, 1, 0])
    drained = drain(server, 60.0)

    assert server.asked == ["stop", *["count"] * 5]
    assert drained.left == 0


def test_a_drain_that_takes_too_long() -> None:
    """It is bounded: what is left is the server's, and is told."""
    server = Emptying(open=[3, 2])
    drained = drain(server, 0.1)

    assert drained.left == 2
    assert drained.seconds >= 0.1


def stats(name: str, units: int, size: float, kind: str = "request") -> OperationStats:
    """Return what is known of an operation."""
    return OperationStats(Judgement(Operation(kind, name), "leak", (), 1.0, 1.0, size), units, 0, units, 0.0)


def test_what_has_grown() -> None:
    """The operations that RSS has grown with most since the start; what shrinks is not among them."""
    shares = [
        Share(Operation("request", "GET /a"), 40, 61.2e6), Share(Operation("task", "bill"), 3, 9e6),
        Share(Operation("request", "GET /b"), 3, -9e6),
    ]  # fmt: skip

    assert grown(shares, [stats("GET /c", 500, 4000.0)]) == (
        "GET /a (about 61.2 MB in 40 units)", "task bill (about 9.00 MB in 3 units)",
    )  # fmt: skip


def test_what_has_grown_by_verdicts() -> None:
    """Where nobody knows whose the growth of RSS is, what a verdict says that each unit leaves."""
    told = [
        stats("GET /a", 10, 1000.0),
        stats("GET /b", 500, 4000.0),
        stats("bill", 3, 9e6, "task"),
        stats("GET /c", 9, 0),
    ]

    assert grown([], told) == (
        "task bill (about 27.0 MB in 3 units)", "GET /b (about 2.00 MB in 500 units)", "GET /a (about 10.0 kB in 10 units)",
    )  # fmt: skip


def test_what_has_grown_is_not_known() -> None:
    """Where nothing is known of what stays, those that ran most often are named, and that it is not known."""
    assert grown([], [stats("GET /a", 10, 0), stats("GET /b", 500, 0)]) == (
        "GET /b (not known how much, in 500 units)", "GET /a (not known how much, in 10 units)",
    )  # fmt: skip
    assert grown([], []) == ()


def recycle(**changed: object) -> Recycle:
    """Return why a worker leaves."""
    known: dict[str, object] = {
        "used_bytes": 530 * MB, "ceiling_bytes": 512 * MB, "is_hard": False, "floor_bytes": 20 * MB,
        "given_back": (Yield("collect", 3 * MB, 0.2), Yield("trim", -4096, 0.01)), "grown": ("GET /b (about 2 MB)",),
        "units_total": 12_345, "in_flight": 3, "uptime": 7201.0,
    }  # fmt: skip
    return Recycle(**{**known, **changed})  # type: ignore[arg-type]  # names of fields


def test_why_in_words() -> None:
    """One sentence says what was used, the ceiling, how long it took, what relief gave, and who left most."""
    assert recycle().sentence() == (
        "it used 530 MB, over the ceiling of 512 MB, after 2 h and 12,345 units; relief gave back: collect 3.00 MB, trim 0 B; "
        "grew most with: GET /b (about 2 MB)"
    )
    assert recycle(now_bytes=980 * MB, given_back=(), grown=()).sentence() == (
        "it used 530 MB, over the ceiling of 512 MB, and 980 MB by now, after 2 h and 12,345 units"
    )
    assert recycle(is_hard=True, given_back=(), grown=()).sentence() == (
        "it used 530 MB, over the hard ceiling of 512 MB, after 2 h and 12,345 units"
    )
    assert recycle(wished=True, given_back=(), grown=()).sentence() == (
        "somebody has asked for it; it used 530 MB, after 2 h and 12,345 units"
    )


def test_why_in_figures() -> None:
    """The event has all of it as plain data, with the time that each phase took."""
    detail = recycle().detail({"relief": 0.2, "draining": 1.5})

    assert json.loads(json.dumps(detail)) == detail
    assert detail["collect_gave_bytes"] == 3 * MB
    assert detail["trim_gave_bytes"] == -4096
    assert (detail["relief_seconds"], detail["draining_seconds"]) == (0.2, 1.5)
    assert (detail["used_bytes"], detail["ceiling_bytes"], detail["floor_bytes"]) == (530 * MB, 512 * MB, 20 * MB)
    assert (detail["units_total"], detail["in_flight"], detail["hard"], detail["asked_for"]) == (
        12_345,
        3,
        False,
        False,
    )
