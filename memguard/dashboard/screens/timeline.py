"""Memory over time: the charts that a script draws, and the same in figures; with what happened meanwhile."""

from collections import defaultdict
from dataclasses import dataclass
from math import isfinite

from memguard.dashboard.merging import moment
from memguard.dashboard.report import event_row
from memguard.dashboard.screens.happenings import happenings
from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag
from memguard.dashboard.screens.pieces import ago, empty, quiet, section, when
from memguard.dashboard.screens.spark import Limits, Point, sparkline
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.dashboard.succession import events_of
from memguard.model import WorkerId
from memguard.units import format_bytes, format_change

RANGES = {600: "10 min", 3600: "1 h", 21600: "6 h", 86400: "24 h", 604800: "7 days"}
SECONDS_LEAST, SECONDS_MOST = 60, 604800
STEPS = 60
STEP_LEAST = 5
POINTS_READ = 100_000
EVENTS_SHOWN = 100
WORKERS_SHOWN = 100

_SIGNS = (
    ("▲", "clean", "started"), ("■", "", "stopped"), ("↻", "link", "replaced"), ("✕", "leak", "died"),
    ("‼", "leak", "an operation keeps killing"), ("!", "leak", "leak found"), ("⚑", "suspect", "over its ceiling, and stays"),
    ("◆", "suspect", "alert"), ("◇", "clean", "alert over"),
)  # fmt: skip
"""The same as the script draws."""


@dataclass(frozen=True, slots=True)
class _Span:
    """The part of time that is shown; `follows` tells whether it ends now and goes on."""

    since: float
    until: float
    follows: bool

    @property
    def seconds(self) -> float:
        return self.until - self.since


def timeline(visit: Visit) -> Screen:
    """Return the screen."""
    span = _span(visit)
    lines = _lines(visit, span)
    told = events_of(visit.source.store, since=span.since, until=span.until, limit=EVENTS_SHOWN)
    events = [event_row(worker, event) for worker, event in reversed(told)]
    nothing = empty("Nothing happened in this time.", "No worker started, stopped or was accused.")
    happened = happenings(events, visit) if events else nothing
    return Screen(
        "Timeline",
        joined([
            tag("h1", "Timeline"),
            _chart(visit, span),
            section("Each worker in this time", _figures(lines, span, visit), key="figures"),
            section("What happened", happened, key="events"),
        ]),
        period=min(60.0, max(5.0, span.seconds / 300)),
    )  # fmt: skip


def _span(visit: Visit) -> _Span:
    since, until = (_number(visit.query.get(name, "")) for name in ("since", "until"))
    if since is not None and until is not None and SECONDS_LEAST <= until - since <= SECONDS_MOST:
        return _Span(since, until, follows=False)
    seconds = _number(visit.query.get("seconds", "")) or min(RANGES)
    seconds = min(SECONDS_MOST, max(SECONDS_LEAST, seconds))
    return _Span(visit.now - seconds, visit.now, follows=True)


def _number(text: str) -> float | None:
    try:
        number = float(text)
    except ValueError:
        return None
    return number if isfinite(number) and 0 < number < 1e11 else None


def _lines(visit: Visit, span: _Span) -> dict[WorkerId, list[Point]]:
    lines: defaultdict[WorkerId, list[Point]] = defaultdict(list)
    step = max(STEP_LEAST, int(span.seconds // STEPS))
    told = visit.source.store.timeline(since=span.since, until=span.until, step=step, limit=POINTS_READ)
    for worker, point in told:
        lines[worker].append((point.at, point.rss_bytes))
    return lines


def _chart(visit: Visit, span: _Span) -> Html:
    ranges = [
        tag(
            "li",
            tag(
                "a", words, href=visit.link("timeline", seconds=seconds), data_follow=seconds,
                aria_current="true" if span.follows and span.seconds == seconds else None,
            ),
        )
        for seconds, words in RANGES.items()
    ]  # fmt: skip
    moves = [
        tag("button", sign, type="button", data_key=key, aria_label=words, title=words)
        for sign, key, words in (
            ("\N{LEFTWARDS ARROW}", "ArrowLeft", "Earlier"), ("\N{RIGHTWARDS ARROW}", "ArrowRight", "Later"),
            ("+", "+", "Zoom in"), ("\N{MINUS SIGN}", "-", "Zoom out"),
        )
    ]  # fmt: skip
    signs = [
        tag("li", tag("span", sign, aria_hidden="true"), words, class_=kind or None) for sign, kind, words in _SIGNS
    ]
    drawn = tag(
        "div",
        tag("p", tag("span", data_part="readout"), quiet(tag("span", data_part="width")), class_="readout"),
        tag("h2", "All workers, summed"), tag("div", data_part="sum", class_="chart"),
        tag("h2", "Each worker"), tag("div", data_part="each", class_="chart"),
        tag("div", data_part="legend", class_="legend", role="group", aria_label="Workers that are drawn"),
        tag("ul", *signs, class_="signs", aria_label="Signs"),
        tag("p", data_part="trouble", role="status", class_="complaint"),
        tag("p", "Nothing is known of this time.", data_part="nothing", class_="quiet", hidden=True),
        class_="scripted drawn", tabindex="0", role="group",
        aria_label="RSS over time. Arrow keys move, plus and minus zoom, a drag chooses. The figures stand below.",
    )  # fmt: skip
    ceilings = {
        f"{name}:{size}"
        for worker in visit.report["workers"]
        if worker["alive"]
        for name, size in Limits.of(worker).known
        if name != "floor"
    }
    tools = tag(
        "div",
        tag("ul", *ranges, class_="chips", aria_label="How much time is shown"),
        tag("div", *moves, class_="buttons tight scripted", role="group", aria_label="Move and zoom"),
        class_="tools",
    )
    return tag(
        "div", tools, drawn,
        id="timeline", class_="timeline", data_own=True, data_source=f"{visit.base}/api/timeline",
        data_seconds=round(span.seconds), data_since=None if span.follows else round(span.since),
        data_until=None if span.follows else round(span.until),
        data_ceilings=" ".join(sorted(ceilings)) or None,
    )  # fmt: skip


def _figures(lines: dict[WorkerId, list[Point]], span: _Span, visit: Visit) -> Html:
    if not lines:
        return empty("No worker reported in this time.", "Choose another, or look whether workers run at all.")
    columns = (
        Column("Worker"), Column("RSS", "spark"), Column("First", "number"), Column("Least", "number"),
        Column("Most", "number"), Column("Last", "number"), Column("Grew by", "number"), Column("Last seen", "number"),
    )  # fmt: skip
    oldest = min(points[0][0] for points in lines.values())
    seconds = min(span.seconds, max(SECONDS_LEAST, span.until - oldest)) if span.follows else span.seconds
    newest = sorted(lines, key=lambda worker: (-lines[worker][-1][0], worker.pid))[:WORKERS_SHOWN]
    return table(
        "RSS of each worker", columns, [_figure(worker, lines[worker], span.until, seconds, visit) for worker in newest]
    )


def _figure(worker: WorkerId, points: list[Point], until: float, seconds: float, visit: Visit) -> Row:
    sizes = [size for _, size in points]
    grown, last = sizes[-1] - sizes[0], points[-1][0]
    name = joined([
        tag("span", f"{worker.pid}", class_="name"),
        tag("span", f"on {worker.host}, started ", when(moment(worker.started_at)), class_="why"),
    ])  # fmt: skip
    line = sparkline(points, now=until, limits=Limits(), seconds=seconds)
    cells = [
        name,
        line,
        format_bytes(sizes[0]),
        format_bytes(min(sizes)),
        format_bytes(max(sizes)),
        format_bytes(sizes[-1]),
        format_change(grown),
        ago(moment(last), max(0.0, visit.now - last)),
    ]
    return Row(cells, key=f"{worker.host}/{worker.pid}/{worker.started_at}")
