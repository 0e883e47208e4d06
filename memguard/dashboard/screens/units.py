"""Units one by one, as they are recorded in trace mode: what each took, and whether it overlapped another."""

import time
from math import sqrt

from memguard.dashboard.merging import moment
from memguard.dashboard.screens.buttons import command_button
from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag
from memguard.dashboard.screens.pieces import ago, empty, quiet, unseen
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.dashboard.words import amount, title
from memguard.model import UnitRecord, WorkerId
from memguard.units import format_change

SHOWN, SHOWN_MOST = 100, 1000
NAME_MOST = 512
BAR = 40
"""Half the width of the bar that shows a delta: shrunk to the left, grown to the right."""

_COLUMNS = (
    Column("When"), Column("Operation", "wide"), Column("Traced", "number"), Column("", "bar", unseen("Drawn")), Column("Peak", "number"),
    Column("Objects", "number"), Column("Blocks", "number"), Column("RSS", "number"), Column("Took", "number"),
)  # fmt: skip


def units(visit: Visit) -> Screen:
    """Return the screen."""
    wanted = visit.query.get("operation", "").strip()[:NAME_MOST]
    limit = SHOWN_MOST if visit.query.get("show") == "all" else SHOWN
    told = visit.source.store.units(limit=limit, operation=wanted or None)[::-1]
    more = tag("a", f"Show the newest {SHOWN_MOST:,}", href=visit.link("units", operation=wanted, show="all"))
    return Screen("Units", joined([
        tag("h1", "Units"),
        tag("div", _filter(visit, wanted), command_button(visit, "trace") if told and not _traces(visit) else None, class_="tools"),
        _table(told) if told else _nothing(visit, wanted),
        tag("p", more) if len(told) == SHOWN else None,
    ]))  # fmt: skip


def _filter(visit: Visit, wanted: str) -> Html:
    names = sorted({each["name"] for each in visit.report["operations"]} | ({wanted} if wanted else set()))
    options = [tag("option", "All operations", value="")]
    options += [tag("option", name, value=name, selected=name == wanted) for name in names]
    return tag(
        "form",
        tag("label", "Operation", for_="operation"),
        tag("select", *options, id="operation", name="operation"),
        tag("button", "Show", type="submit", class_="unscripted"),
        action=visit.link("units"), method="get", data_soft="input",
    )  # fmt: skip


def _table(told: list[tuple[WorkerId, UnitRecord]]) -> Html:
    most = max((abs(unit.traced or 0) for _, unit in told), default=0) or 1
    overlapped = sum(unit.overlapped for _, unit in told)
    words = (
        f"{overlapped} of these {len(told)} overlapped another unit: their figures are of all units in flight together."
        if overlapped
        else f"The newest {len(told)}; none of them overlapped another, so each figure is the unit's own."
    )
    if any(unit.objects is None for _, unit in told):
        words += " Objects are counted for some units only, so that tracing leaves time for the others."
    rows = [_row(worker, unit, most) for worker, unit in told]
    return joined([tag("p", words, class_="quiet"), table("Units, newest first", _COLUMNS, rows, kind="dense")])


def _row(worker: WorkerId, unit: UnitRecord, most: int) -> Row:
    at = moment(unit.at)
    operation = {"kind": unit.operation.kind, "name": unit.operation.name}
    remarks = [
        tag("span", "overlapped", class_="mark overlap") if unit.overlapped else None,
        tag("span", "failed", class_="mark failed") if unit.error else None,
    ]
    name = joined([
        tag("span", title(operation), class_="name"), *remarks,
        tag("span", f"worker {worker.pid} on {worker.host}", class_="why"),
    ])  # fmt: skip
    cells = [
        ago(at, max(0.0, time.time() - unit.at)),
        name,
        _bytes(unit.traced),
        _bar(unit.traced, most),
        _bytes(unit.traced_peak),
        _count(unit.objects),
        _count(unit.blocks),
        _bytes(unit.rss),
        f"{amount(unit.seconds * 1000)} ms",
    ]
    return Row(cells, "overlapped" if unit.overlapped else None, f"{worker.host}/{worker.pid}/{unit.at}")


def _bytes(size: int | None) -> Html | str:
    return quiet("\N{EN DASH}") if size is None else format_change(size)


def _count(count: int | None) -> Html | str:
    return quiet("\N{EN DASH}") if count is None else f"{'+' if count > 0 else ''}{count:,}"


def _bar(size: int | None, most: int) -> Html | None:
    if not size:
        return None
    length = max(1.0, sqrt(abs(size) / most) * BAR)  # one that is a thousand times larger would hide all others
    rect = tag(
        "rect", x=f"{BAR if size > 0 else BAR - length:.1f}", width=f"{length:.1f}", y=1, height=8,
        class_="grown" if size > 0 else "shrunk",
    )  # fmt: skip
    axis = tag("line", x1=BAR, x2=BAR, y1=0, y2=10)
    return tag("svg", rect, axis, viewBox=f"0 0 {2 * BAR} 10", class_="delta", aria_hidden="true", focusable="false")


def _traces(visit: Visit) -> bool:
    return any(worker["mode"] == "trace" for worker in visit.report["workers"] if worker["alive"])


def _nothing(visit: Visit, wanted: str) -> Html:
    if wanted:
        link = tag("a", "Show those of all operations", href=visit.link("units"))
        return empty(f"No unit of “{wanted}” is recorded.", link)
    if _traces(visit):
        return empty("No unit has been recorded yet.", "Each request and task shows up here when it has ended.")
    trace = joined([
        "Units are measured one by one in ", tag("code", "trace"), " mode only, because tracemalloc makes each take ",
        "3 to 10 times as long.",
    ])  # fmt: skip
    how = joined(["Or set ", tag("code", "MEMGUARD_MODE=trace"), " in development and staging."])
    return empty("No units are recorded in watch mode.", trace, command_button(visit, "trace"), how)
