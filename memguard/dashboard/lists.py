"""The API's lists: the timeline with its events, recent units, and what is alive in each worker."""

import time
from collections.abc import Iterable, Iterator
from dataclasses import asdict, replace
from typing import Any

from memguard.dashboard import queries
from memguard.dashboard.merging import moment
from memguard.dashboard.messages import Source
from memguard.dashboard.report import event_row
from memguard.dashboard.succession import events_of
from memguard.model import TimelinePoint, UnitRecord, WorkerId
from memguard.settings import Settings
from memguard.snapshots import Snapshot
from memguard.store import bounds_of
from memguard.store.bounds import highest

SECONDS_DEFAULT = 3600.0
STEP_LEAST = 5
"""Steps that the API chooses are no shorter: every worker has told something in each, so that sums over workers hold."""
STEPS_MOST, POINTS_MOST = 300, 6_000
EVENTS_MOST = 1_000
POINTS_READ = 100_000

_Points = list[tuple[WorkerId, TimelinePoint]]


def timeline(query: str, settings: Settings, source: Source) -> dict[str, Any]:
    """Return RSS of every worker over time, one point a worker and step, and what happened meanwhile."""
    found = queries.asked(query, "since", "until", "step")
    now = time.time()
    until = queries.seconds(found, "until", now)
    since = queries.seconds(found, "since", until - SECONDS_DEFAULT)
    least = max(STEP_LEAST, int(-(-(min(until, now) - since) // STEPS_MOST)))
    wanted = queries.whole_number(found, "step", min(least, queries.STEP_MOST), queries.STEP_MOST)
    span, workers = max(0.0, min(until, now) - since), source.store.count_workers(since)
    step = bounds_of(settings).step_for(now - since, max(wanted, span * workers / POINTS_MOST))
    points, step = _few(source.store.timeline(since=since, until=until, step=step, limit=POINTS_READ), step)
    events = events_of(source.store, since=since, until=until, limit=EVENTS_MOST)
    return {
        "since": moment(since),
        "until": moment(until),
        "step_seconds": step,
        "points": list(_points(points)),
        "events": [event_row(worker, event) for worker, event in events],
    }


def _points(points: _Points) -> Iterator[dict[str, Any]]:
    keys: dict[WorkerId, dict[str, Any]] = {}
    moments: dict[float, str] = {}
    for worker, point in points:
        key, at = keys.get(worker), moments.get(point.at)
        if key is None:
            key = keys[worker] = worker_key(worker)
        if at is None:
            at = moments[point.at] = moment(point.at)
        yield {
            **key,
            "at": at,
            "rss_bytes": point.rss_bytes,
            "traced_bytes": point.traced_bytes,
            "units_total": point.units_total,
        }


def _few(points: _Points, step: int) -> tuple[_Points, int]:
    """Return the points in steps so long that they are no more than `POINTS_MOST`, and the step."""
    while len(points) > POINTS_MOST:
        step *= -(-len(points) // POINTS_MOST)
        points = _longer(points, step)
    return points, step


def _longer(points: Iterable[tuple[WorkerId, TimelinePoint]], step: int) -> _Points:
    steps: dict[tuple[WorkerId, float], TimelinePoint] = {}
    for worker, point in points:
        key = worker, point.at // step * step
        steps[key] = replace(highest(steps.get(key, point), point), at=key[1])
    return [(worker, point) for (worker, _), point in sorted(steps.items(), key=lambda item: item[0][1])]


def units(query: str, _: Settings, source: Source) -> dict[str, Any]:
    """Return the units that ended last, oldest first."""
    found = queries.asked(query, "since", "limit", "operation")
    told = source.store.units(
        since=queries.seconds(found, "since", 0.0), limit=queries.limit(found), operation=queries.operation(found)
    )
    return {"units": [unit_row(worker, unit) for worker, unit in told]}


def unit_row(worker: WorkerId, unit: UnitRecord) -> dict[str, Any]:
    """Return a unit as the API tells it."""
    return {
        **worker_key(worker),
        "at": moment(unit.at),
        "operation": {"kind": unit.operation.kind, "name": unit.operation.name},
        "seconds": unit.seconds,
        "body_sent_seconds": unit.body_sent,
        "error": unit.error,
        "overlapped": unit.overlapped,
        "traced_bytes": unit.traced,
        "traced_peak_bytes": unit.traced_peak,
        "objects": unit.objects,
        "blocks": unit.blocks,
        "rss_bytes": unit.rss,
    }


def objects(query: str, _: Settings, source: Source) -> dict[str, Any]:
    """Return the latest snapshot of every worker that was asked for one."""
    queries.asked(query)
    return {"workers": [snapshot_row(worker, taken) for worker, taken in source.store.snapshots()]}


def snapshot_row(worker: WorkerId, taken: Snapshot) -> dict[str, Any]:
    """Return what is alive in a worker as the API tells it."""
    before = None if taken.before is None else moment(taken.before)
    return {**worker_key(worker), **asdict(taken), "at": moment(taken.at), "before": before}


def worker_key(worker: WorkerId) -> dict[str, Any]:
    """Return what a worker is known by, everywhere in the API."""
    return {"host": worker.host, "pid": worker.pid, "started_at": moment(worker.started_at)}
