"""What is alive in a worker: by type, what grew between two moments, and where it was allocated while tracing."""

from collections.abc import Sequence
from typing import Any

from memguard.dashboard.merging import moment
from memguard.dashboard.screens.buttons import command_button
from memguard.dashboard.screens.cards import place
from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag
from memguard.dashboard.screens.pieces import ago, empty, quiet, section, unseen
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.model import WorkerId
from memguard.snapshots import SiteSize, Snapshot, TypeGrowth, TypeSize
from memguard.units import format_bytes, format_change, format_seconds

SHOWN = 25
BAR = 100

_Told = tuple[WorkerId, Snapshot]


def objects(visit: Visit) -> Screen:
    """Return the screen."""
    alive = {worker_key(each) for each in visit.report["workers"] if each["alive"]}
    told = sorted(visit.source.store.snapshots(), key=lambda each: (key_of(each[0]) in alive, each[1].at), reverse=True)
    if not told:
        how = "A snapshot counts all objects of a worker by type; a second one says which types have grown since."
        again = "While a worker is traced, it also says on which lines they were allocated."
        none = empty("No snapshot has been taken yet.", how, again, command_button(visit, "snapshot"))
        return Screen("Objects", joined([tag("h1", "Objects"), none]))
    chosen = next((each for each in told if key_of(each[0]) == visit.query.get("worker")), told[0])
    worker = chosen[0] if key_of(chosen[0]) in alive else None
    return Screen("Objects", joined([
        tag("h1", "Objects"),
        tag("div", _workers(visit, told, chosen), command_button(visit, "snapshot", worker), class_="tools"),
        _summary(visit, chosen[1]),
        tag(
            "div",
            tag(
                "div",
                section("Grown since the snapshot before", _growth(chosen[1]), key="growth"),
                section("Allocation sites", _sites(visit, worker, chosen[1]), key="sites"),
            ),
            section("Alive", _types(chosen[1].types), key="types"),
            class_="halves",
        ),
    ]))  # fmt: skip


def key_of(worker: WorkerId) -> str:
    """Return what a worker is called in an address."""
    return f"{worker.host}/{worker.pid}/{moment(worker.started_at)}"


def worker_key(worker: dict[str, Any]) -> str:
    """Return the same of a worker of the report."""
    return f"{worker['host']}/{worker['pid']}/{worker['started_at']}"


def _workers(visit: Visit, told: Sequence[_Told], chosen: _Told) -> Html:
    links = [
        tag(
            "li",
            tag(
                "a", f"{worker.pid}", quiet(f" on {worker.host}, "),
                ago(moment(taken.at), max(0.0, visit.now - taken.at)),
                href=visit.link("objects", worker=key_of(worker)), data_soft=True,
                aria_current="true" if worker == chosen[0] else None,
            ),
        )
        for worker, taken in told
    ]  # fmt: skip
    return tag("ul", *links, class_="chips", aria_label="Workers with a snapshot")


def _summary(visit: Visit, taken: Snapshot) -> Html:
    at = moment(taken.at)
    before = f", {format_seconds(taken.at - taken.before)} after the one before" if taken.before is not None else ""
    return tag(
        "p", f"{taken.objects:,} objects that Python's collector tracks, counted ",
        ago(at, max(0.0, visit.now - taken.at)), before, ".", class_="quiet",
    )  # fmt: skip


def _growth(taken: Snapshot) -> Html:
    if taken.before is None:
        return empty(
            "This worker's first snapshot.", "Take another one after some traffic: what has grown stands here."
        )
    grown = [each for each in taken.growth if each.after > each.before][:SHOWN]
    fewer = sum(each.after < each.before for each in taken.growth)
    told = f"{fewer} types have become fewer." if fewer > 1 else "One type has become fewer." if fewer else ""
    if not grown:
        return empty("Nothing has grown.", "There are no more objects of any type than at the snapshot before.", told)
    most = max(each.after - each.before for each in grown)
    columns = (
        Column("Type"),
        Column("More", "number"),
        Column("", "bar", unseen("Drawn")),
        Column("Before", "number"),
        Column("Now", "number"),
    )
    listed = table(
        "Types that have grown since the snapshot before", columns, [_grown(each, most) for each in grown], kind="dense"
    )
    return joined([listed, tag("p", told, class_="quiet") if told else None])


def _grown(each: TypeGrowth, most: int) -> Row:
    more = each.after - each.before
    cells = [
        tag("span", each.type, class_="name"),
        tag("strong", f"+{more:,}", class_="grows"),
        _bar(more, most, "grown"),
        f"{each.before:,}",
        f"{each.after:,}",
    ]
    return Row(cells, key=each.type)


def _types(types: Sequence[TypeSize]) -> Html:
    shown = types[:SHOWN]
    most = max((each.bytes or 0 for each in shown), default=0) or 1
    columns = (
        Column("Type"),
        Column("Objects", "number"),
        Column("Themselves", "number"),
        Column("", "bar", unseen("Drawn")),
    )
    rows = [
        Row(
            [
                tag("span", each.type, class_="name"),
                f"{each.count:,}",
                format_bytes(each.bytes) if each.bytes is not None else quiet("not known"),
                _bar(each.bytes or 0, most, "size"),
            ],
            key=each.type,
        )
        for each in shown
    ]
    told = tag("p", "Bytes are those of the objects themselves, without what they refer to.", class_="quiet")
    return joined([table("Types that are alive", columns, rows, kind="dense"), told])


def _sites(visit: Visit, worker: WorkerId | None, taken: Snapshot) -> Html:
    if not taken.sites:
        why = "Lines are known of what is allocated while the worker is traced: trace it, then take a snapshot."
        return empty("Nothing was traced.", why, command_button(visit, "trace", worker))
    columns = (
        Column("Line"), Column("Bytes", "number"), Column("Grew by", "number"), Column("Objects", "number"),
    )  # fmt: skip
    rows = [_site(each) for each in taken.sites[:SHOWN]]
    estimate = "There were too many to look at all; the figures are an estimate." if taken.is_sampled else None
    sites = table("Lines that allocated what is alive", columns, rows, kind="dense")
    return joined([sites, tag("p", estimate, class_="quiet") if estimate else None])


def _site(each: SiteSize) -> Row:
    told = joined([
        place({"file": each.file, "line": each.line}),
        joined([" in ", tag("code", f"{each.function}()")]) if each.function else None,
        tag("span", f"{each.file}:{each.line}", class_="why"),
    ])  # fmt: skip
    growth = each.bytes_growth
    grew = quiet("not known") if growth is None else format_change(growth)
    return Row([told, format_bytes(each.bytes), grew, f"{each.count:,}"], key=f"{each.file}:{each.line}")


def _bar(size: int, most: int, kind: str) -> Html | None:
    if not size:
        return None
    rect = tag("rect", width=f"{size / most * BAR:.1f}", y=1, height=8, class_=kind)
    return tag(
        "svg", rect, viewBox=f"0 0 {BAR} 10", preserveAspectRatio="none", class_="delta", aria_hidden="true",
        focusable="false",
    )  # fmt: skip
