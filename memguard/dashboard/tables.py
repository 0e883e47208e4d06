"""The page's tables: operations, workers with their memory, and what happened."""

from collections.abc import Mapping, Sequence
from typing import Any

from memguard.dashboard.markup import Html, joined, table, tag
from memguard.dashboard.pieces import badge, quiet, when
from memguard.dashboard.spark import Point, sparkline
from memguard.dashboard.words import amount, left, percent, title
from memguard.units import format_bytes

EVENTS_SHOWN = 30
OPERATIONS_SHOWN = 200

Points = Mapping[tuple[str, int, str], Sequence[Point]]
"""RSS of the last minutes, by the worker's host, pid and `started_at` in the report."""


def operations(report: dict[str, Any]) -> Html | None:
    """Return all operations, gravest first; None where there are none."""
    told = report["operations"]
    if not told:
        return None
    columns = [
        ("Operation", ""), ("Verdict", ""), ("Units", "number"), ("Errors", "number"), ("Sampled", "number"),
        ("Left per unit", "wide"),
    ]  # fmt: skip
    rows = [(each["verdict"], _operation(each)) for each in told[:OPERATIONS_SHOWN]]
    more = len(told) - len(rows)
    rest = tag("p", quiet(f"{more:,} more are in the JSON report.")) if more else None
    return tag("section", tag("h2", "Operations"), table("Operations, gravest first", columns, rows), rest)


def _operation(operation: dict[str, Any]) -> list[object]:
    why = operation["reasons"][0] if operation["reasons"] else ""
    name = joined([tag("span", title(operation), class_="name"), tag("span", why, class_="why") if why else None])
    return [
        name,
        badge(operation["verdict"]),
        f"{operation['units']:,}",
        f"{operation['errors']:,}",
        f"{operation['sampled_units']:,}",
        left(operation),
    ]


def workers(report: dict[str, Any], points: Points) -> Html | None:
    """Return all workers that are alive or were within the hour; None where there are none."""
    columns = [
        ("Worker", ""), ("State", ""), ("RSS", "number rss"), ("Last 10 minutes", "spark"), ("Ceiling", "number"),
        ("Units", "number"), ("In flight", "number"), ("Overhead", "number"),
    ]  # fmt: skip
    rows = [(None if each["alive"] else "gone", _worker(each, points)) for each in report["workers"]]
    if not rows:
        return None
    return tag("section", tag("h2", "Workers"), table("Workers and their memory", columns, rows))


def _worker(worker: dict[str, Any], points: Points) -> list[object]:
    name = joined([
        tag("span", f"{worker['kind']} {worker['pid']}", class_="name"),
        tag("span", f"{worker['server']} on {worker['host']}, {worker['mode']} mode", class_="why"),
    ])  # fmt: skip
    baseline = worker["rss_baseline_bytes"]
    grown = worker["rss_bytes"] - baseline if baseline is not None else None
    sign = "+" if grown is not None and grown >= 0 else ""
    rss = joined([
        format_bytes(worker["rss_bytes"]),
        tag("span", f"{sign}{format_bytes(grown)} since the first unit", class_="why") if grown is not None else None,
    ])  # fmt: skip
    return [
        name,
        _state(worker),
        rss,
        sparkline(points.get((worker["host"], worker["pid"], worker["started_at"]), ())),
        format_bytes(worker["ceiling_bytes"]) if worker["ceiling_bytes"] is not None else "none",
        f"{worker['units_total']:,}",
        f"{worker['in_flight']:,}",
        percent(worker["overhead_ratio"]),
    ]


def _state(worker: dict[str, Any]) -> Html:
    if worker["alive"]:
        return tag("span", worker["state"], class_="state alive")
    told = "stopped" if worker["state"] == "stopped" else "gone"
    return joined(
        [tag("span", told, class_="state"), tag("span", "last seen ", when(worker["last_seen"]), class_="why")]
    )


def events(report: dict[str, Any]) -> Html | None:
    """Return the newest events; None where there are none."""
    told = report["events"][:EVENTS_SHOWN]
    if not told:
        return None
    items = [
        tag(
            "li",
            when(event["at"]),
            tag("strong", event["type"]),
            quiet(f"worker {event['pid']}"),
            tag("span", _detail(event["detail"]), class_="detail"),
        )
        for event in told
    ]
    return tag("section", tag("h2", "Events"), tag("ol", *items, class_="events"))


def _detail(detail: object) -> str:
    if not isinstance(detail, Mapping):
        return ""
    told = ((str(key), value) for key, value in detail.items() if value is not None and key != "fingerprint")
    return ", ".join(
        f"{key.removesuffix('_bytes').replace('_', ' ')} {format_bytes(value)}"
        if key.endswith("_bytes") and isinstance(value, int | float)
        else f"{key.replace('_', ' ')} {amount(value) if isinstance(value, float) else value}"
        for key, value in told
    )
