"""Workers, with their memory: the living, and those that were there within the hour."""

from typing import Any

from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag
from memguard.dashboard.screens.pieces import ago, section
from memguard.dashboard.screens.spark import SECONDS, Limits, Points, meter, sparkline
from memguard.dashboard.screens.visit import Visit
from memguard.dashboard.words import percent
from memguard.units import format_bytes, format_seconds

SILENT_SECONDS = 6.0
"""A worker writes at least every three seconds; one that has not for this long is stuck, or its store is."""
GONE_SHOWN = 5
SECONDS_LEAST = 60.0

Worker = dict[str, Any]


def workers(visit: Visit, points: Points) -> Html | None:
    """Return all workers; None where there are none."""
    told = visit.report["workers"]
    if not told:
        return None
    alive = [each for each in told if each["alive"]]
    gone = [each for each in told if not each["alive"]]
    gone.sort(key=lambda each: each["last_seen"], reverse=True)
    shown, rest = gone[:GONE_SHOWN], gone[GONE_SHOWN:]
    seconds = _seconds(points, visit.now)
    columns = _columns(seconds)
    rows = [_row(each, visit, points, seconds) for each in (*alive, *shown)]
    more = None
    if rest:
        words = f"{len(rest)} more {'is' if len(rest) == 1 else 'are'} gone within the hour"
        listed = table("Workers that are gone", columns, [_row(each, visit, points, seconds) for each in rest])
        more = tag("details", tag("summary", words), listed, id="more-workers")
    return section("Workers", table("Workers and their memory", columns, rows), more, key="workers")


def _seconds(points: Points, now: float) -> float:
    """Return how much time the lines show: as much as is known of any worker, so that they can be compared."""
    oldest = min((line[0][0] for line in points.values() if line), default=now)
    return min(SECONDS, max(SECONDS_LEAST, now - oldest))


def _columns(seconds: float) -> tuple[Column, ...]:
    return (
        Column("Worker"), Column("State"), Column("RSS", "number rss"), Column(f"Last {format_seconds(seconds)}", "spark"),
        Column("Uptime", "number"), Column("Units", "number"), Column("In flight", "number"), Column("Overhead", "number"),
    )  # fmt: skip


def standing(worker: Worker, seconds: float) -> tuple[str, str]:
    """Return what a worker is doing, as a class and in a word; `seconds` ago it was last heard of."""
    if not worker["alive"]:
        if worker["state"] == "stopped":
            return "stopped", "stopped"
        return "gone", "died" if worker["state"] == "died" else "gone"
    if seconds > SILENT_SECONDS:
        return "silent", "silent"
    return ("recycling" if worker["state"] == "recycling" else "serving"), worker["state"]


def _row(worker: Worker, visit: Visit, points: Points, seconds: float) -> Row:
    quiet_for, limits = visit.seconds_since(worker["last_seen"]), Limits.of(worker)
    kind, _ = standing(worker, quiet_for)
    name = joined([
        tag("span", f"{worker['kind']} {worker['pid']}", class_="name"),
        tag("span", f"{worker['server']} on {worker['host']}, {worker['mode']} mode", class_="why"),
    ])  # fmt: skip
    # The line is of steps, each of which stands at its begin; what the worker said last is its end.
    line = [*points.get((worker["host"], worker["pid"], worker["started_at"]), ())]
    line += [(visit.now - quiet_for, worker["rss_bytes"])] if line else []
    lived = visit.seconds_since(worker["started_at"]) - (0 if worker["alive"] else quiet_for)
    cells = [
        name,
        _state(worker, quiet_for),
        _rss(worker, limits),
        joined([sparkline(line, now=visit.now, limits=limits, seconds=seconds), meter(worker["rss_bytes"], limits)]),
        format_seconds(max(1.0, lived)),
        f"{worker['units_total']:,}",
        f"{worker['in_flight']:,}",
        percent(worker["overhead_ratio"]),
    ]
    return Row(cells, kind if kind != "serving" else None, f"{worker['host']}/{worker['pid']}/{worker['started_at']}")


def _state(worker: Worker, quiet_for: float) -> Html:
    kind, word = standing(worker, quiet_for)
    heard = {
        "silent": "has not reported for " + format_seconds(quiet_for),
        "gone": joined(["without a word, ", ago(worker["last_seen"], quiet_for)]),
        "stopped": ago(worker["last_seen"], quiet_for),
    }.get(kind)
    return joined([tag("span", word, class_=f"state {kind}"), tag("span", heard, class_="why") if heard else None])


def _rss(worker: Worker, limits: Limits) -> Html:
    rss, baseline, told = worker["rss_bytes"], worker["rss_baseline_bytes"], []
    ceiling = limits.soft or limits.hard
    if ceiling:
        told.append(f"{percent(rss / ceiling)} of {format_bytes(ceiling)}")
    if baseline is not None:
        told.append(f"{'+' if rss >= baseline else ''}{format_bytes(rss - baseline)} since the first unit")
    if limits.floor:
        told.append(f"floor {format_bytes(limits.floor)}")
    return joined([format_bytes(rss), *(tag("span", words, class_="why") for words in told)])
