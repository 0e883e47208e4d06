"""Workers made up for the store and what reads it: what one of them would tell, with a few words changed."""

from typing import Any

from memguard.evidence import Holder, Link, Pattern, Site, TypeCount
from memguard.model import (
    Event,
    Finding,
    Flush,
    Judgement,
    Operation,
    OperationStats,
    TimelinePoint,
    UnitRecord,
    VerdictName,
    WorkerId,
    WorkerState,
)

NOW = 1_800_000_000.0
"""When most of what is told here happened; the year is 2027."""
ME = WorkerId("here", 4711, NOW - 60)


def worker(of: WorkerId = ME, **changed: Any) -> WorkerState:
    """Return what a worker says of itself."""
    said: dict[str, Any] = {
        "kind": "web", "server": "gunicorn-gthread", "mode": "watch", "state": "serving", "last_seen": NOW,
        "rss_bytes": 81_000_000, "rss_baseline_bytes": 70_000_000, "ceiling_bytes": None, "units_total": 10,
        "in_flight": 1, "windows_total": 4, "overhead_ratio": 0.004, "notes": (),
    }  # fmt: skip
    return WorkerState(of, **{**said, **changed})


def judged(
    name: str = "GET /users/<id>", verdict: VerdictName = "clean", *, kind: str = "request", objects: float = 0.0,
    reasons: tuple[str, ...] = (),
) -> Judgement:  # fmt: skip
    """Return a verdict on an operation."""
    return Judgement(Operation(kind, name), verdict, reasons, objects, objects, objects * 100)


def stats(judgement: Judgement | None = None, **changed: Any) -> OperationStats:
    """Return what a worker counted for an operation."""
    counted: dict[str, Any] = {"units": 10, "errors": 1, "sampled_units": 5, "last_seen": NOW, **changed}
    return OperationStats(judgement or judged(), **counted)


def finding(fingerprint: str = "00112233aabbccdd", **changed: Any) -> Finding:
    """Return an accusation with all of its evidence."""
    found: dict[str, Any] = {
        "judgement": judged("GET /leak", "leak", objects=2.0, reasons=("2.0 objects of every unit stay",)),
        "first_seen": NOW - 50,
        "last_seen": NOW,
        "units_observed": 40,
        "sites": (Site("/srv/shop/views.py", 85, "show", "_request_caches.append(context)", 80, 8000),),
        "types": (TypeCount("shop.views.Context", 40), TypeCount("dict", 40)),
        "pattern": Pattern("unbounded-container", "A container that only grows", "Empty it, or give it a cap."),
        "holder": Holder(
            path="shop.views._request_caches[…]", root="module shop.views", root_kind="module", size=120, growth_per_unit=1.0,
            chain=(Link("dict", "attribute _request_caches of module shop.views", 120, grows=True),),
        ),
        "attribution": "12 windows covered nothing but this operation",
    }  # fmt: skip
    return Finding(fingerprint, **{**found, **changed})


def unit(at: float = NOW, name: str = "GET /users/<id>", **changed: Any) -> UnitRecord:
    """Return one ended unit."""
    measured: dict[str, Any] = {"body_sent": 0.1, "traced": 4096, "traced_peak": 9000, "objects": 3, "blocks": 5}
    return UnitRecord(at, Operation("request", name), 0.25, False, True, **{**measured, **changed})


def point(at: float = NOW, *, rss: int = 81_000_000) -> TimelinePoint:
    """Return one moment of a worker."""
    return TimelinePoint(at, rss, None, 10)


def event(at: float = NOW, kind: str = "started", /, **detail: Any) -> Event:
    """Return something that happened."""
    return Event(at, kind, detail)


def told(of: WorkerId = ME, *, units_total: int = 10, at: float = NOW, **changed: Any) -> Flush:
    """Return what a worker tells the store at a moment."""
    return Flush(**{"worker": worker(of, units_total=units_total, last_seen=at), **changed})
