"""Snapshots of allocations: one of them, or what came between two, as a flame graph, as a list, and for other tools."""

from collections.abc import Sequence
from functools import partial

from memguard import allocations
from memguard.allocations import Allocations, By, Group
from memguard.dashboard.merging import moment
from memguard.dashboard.picturing import FILES, GROUPINGS, PATTERN_MOST, Choice, MissingError, chosen
from memguard.dashboard.screens.buttons import command_button
from memguard.dashboard.screens.flame import flame_graph, path_of
from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag, void
from memguard.dashboard.screens.pieces import ago, empty, section
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.export.flames.naming import Names
from memguard.model import WorkerId
from memguard.snapshots import Kept
from memguard.units import format_bytes, format_change, format_seconds

SHOWN = 40
PERIOD = 6.0
"""To read one and to draw it takes some hundredths of a second, and it never changes."""
NAMING_SECONDS = 0.3
_WORDS = {"asked": "asked for", "traced": "after a trace", "periodic": "periodic"}
_BY = {"line": "line", "file": "file", "traceback": "whole call"}
_TOOLS = {
    "svg": "flame graph (SVG)", "pprof": "pprof", "speedscope": "speedscope", "collapsed": "collapsed stacks",
    "mgs": "memguard snapshot",
}  # fmt: skip
_FIELDS = ("id", "since", "by", "include", "exclude", "zoom")

DRAWN_MOST = 8
"""Drawings are remembered for the next looks: a snapshot never changes."""
_drawn: dict[tuple[str, ...], tuple[int, int, Html]] = {}
_Told = tuple[WorkerId, Kept]


def snapshots(visit: Visit) -> Screen:
    """Return the screen."""
    told = visit.source.store.allocations()
    if not told:
        return Screen("Snapshots", joined([tag("h1", "Snapshots"), _nothing(visit)]))
    wanted = visit.query.get("id", "")
    one = next((each for each in told if each[1].id == wanted), None if wanted else told[0])
    parts = [tag("h1", "Snapshots"), tag("div", _form(visit, told, one), _button(visit), class_="tools")]
    if one is None:
        parts.append(_gone(visit))
    else:
        parts += _shown(visit, told, one)
    return Screen("Snapshots", joined(parts), period=PERIOD)


def _shown(visit: Visit, told: Sequence[_Told], one: _Told) -> list[Html]:
    before = next((each for each in told if each[1].id == visit.query.get("since")), None)
    include, exclude = (visit.query.get(name, "")[:PATTERN_MOST] for name in ("include", "exclude"))
    choice = Choice(before[1].id if before else "", include, exclude)
    key = (visit.base, one[1].id, *(visit.query.get(name, "")[:PATTERN_MOST] for name in _FIELDS))
    found = _drawn.get(key)
    if found is None:
        try:
            found = _draw(visit, one[1], choice)
        except MissingError:
            return [_gone(visit)]
        if len(_drawn) >= DRAWN_MOST:
            _drawn.clear()
        _drawn[key] = found
    size, count, drawn = found
    return [_summary(visit, one, before, size, count), drawn]


def _draw(visit: Visit, kept: Kept, choice: Choice) -> tuple[int, int, Html]:
    """Return bytes and number of the allocations that are shown, and the drawing and the list of them."""
    taken = chosen(visit.source.store, kept.id, choice)
    names = Names(NAMING_SECONDS)
    by: By = next((each for each in GROUPINGS if each == visit.query.get("by")), "line")
    narrowed = path_of(visit.query.get("zoom", ""))
    if any(group.bytes > 0 for group in taken.groups):
        drawing = flame_graph(taken, names, narrowed, partial(_narrowed, visit))
    else:
        drawing = empty(
            "Nothing to draw.", "Nothing of it has grown." if choice.since else "Nothing is in these files."
        )
    wide = tag("a", "Show all", href=_here(visit, zoom=""), data_soft=True) if narrowed else None
    name = "By the calls that allocated it"
    return taken.bytes, taken.count, joined([
        section(name, drawing, _downloads(visit, kept, choice), key="flame", more=wide),
        section("Most", _table(taken, by, names), key="most"),
    ])  # fmt: skip


def _here(visit: Visit, **changed: str) -> str:
    return visit.link("snapshots", **{**{name: visit.query.get(name, "") for name in _FIELDS}, **changed})


def _narrowed(visit: Visit, path: tuple[int, ...]) -> str:
    return _here(visit, zoom=".".join(map(str, path)))


def _form(visit: Visit, told: Sequence[_Told], one: _Told | None) -> Html:
    since, by = visit.query.get("since", ""), visit.query.get("by", "line")
    at = one[1].at if one else visit.now
    earlier = sorted((each for each in told if each[1].at < at), key=lambda each: one is None or each[0] != one[0])
    fields: list[tuple[str, str, list[tuple[str, str]], str]] = [
        ("Snapshot", "id", [(each[1].id, _name(visit, each)) for each in told], one[1].id if one else ""),
        ("compared with", "since", [("", "nothing"), *((each[1].id, _name(visit, each)) for each in earlier)], since),
        ("listed by", "by", [(each, _BY[each]) for each in GROUPINGS], by),
    ]
    selects = [
        tag(
            "label", words, " ",
            tag("select", *(tag("option", text, value=value, selected=value == now) for value, text in options), name=name),
        )
        for words, name, options, now in fields
    ]  # fmt: skip
    inputs = [
        tag(
            "label", words, " ",
            void(
                "input", name=name, type="search", value=visit.query.get(name, ""), placeholder=hint, autocomplete="off",
                spellcheck="false", maxlength=PATTERN_MOST,
            ),
        )
        for words, name, hint in (("only files", "include", "*/shop/*"), ("no files", "exclude", "*/site-packages/*"))
    ]  # fmt: skip
    return tag(
        "form", *selects, *inputs, tag("button", "Show", type="submit", class_="unscripted"),
        action=visit.link("snapshots"), method="get", data_soft="input", class_="choosing",
    )  # fmt: skip


def _name(visit: Visit, told: _Told) -> str:
    worker, kept = told
    at = moment(kept.at)
    day = "" if at[:10] == moment(visit.now)[:10] else f"{at[:10]} "
    return f"{day}{at[11:19]}, worker {worker.pid}, {format_bytes(kept.bytes)}, {_WORDS.get(kept.reason, kept.reason)}"


def _summary(visit: Visit, one: _Told, before: _Told | None, size: int, count: int) -> Html:
    worker, kept = one
    when = ago(moment(kept.at), max(0.0, visit.now - kept.at))
    where = f" in worker {worker.pid} on {worker.host}"
    if before is None:
        what = f"{format_bytes(size)} alive in {count:,} allocations since tracing began, taken "
        return tag("p", what, when, where, ".", class_="quiet")
    more = f"{format_change(size)} in {count:+,} allocations came in the "
    span = f"{format_seconds(max(0.0, kept.at - before[1].at))} up to the snapshot taken "
    return tag("p", more, span, when, where, ". Only what has grown is drawn.", class_="quiet")


def _downloads(visit: Visit, kept: Kept, choice: Choice) -> Html:
    links = [
        tag(
            "a", _TOOLS[form], download=True,
            href=visit.link(f"api/snapshots/{kept.id}/{form}")
            if form == "mgs"
            else visit.link(
                f"api/snapshots/{kept.id}/{form}", since=choice.since, include=choice.include, exclude=choice.exclude
            ),
        )
        for form in sorted(FILES, key=list(_TOOLS).index)
    ]  # fmt: skip
    return tag("p", "Download: ", joined(links, ", "), ".", class_="quiet")


def _table(taken: Allocations, by: By, names: Names) -> Html:
    groups = allocations.grouped(taken, by).groups[:SHOWN]
    columns = (Column("Allocated at", "wide"), Column("Bytes", "number"), Column("Allocations", "number"))
    rows = [
        Row([_place(group, names), format_bytes(group.bytes), f"{group.count:,}"], key=str(group.frames))
        for group in groups
    ]
    return table("What was allocated where, most first", columns, rows, kind="dense")


def _place(group: Group, names: Names) -> Html:
    if not group.frames:
        return tag("span", "many small groups", class_="name")
    (file, line), *outer = group.frames
    words = [tag("span", f"from {names.label(each)}", class_="why") for each in outer]
    path = tag("span", f"{file}:{line}" if line else file, class_="why")
    return joined([tag("span", names.label((file, line)), class_="name"), path, *words])


def _button(visit: Visit) -> Html:
    traces = any(each["alive"] and each["mode"] == "trace" for each in visit.report["workers"])
    return command_button(visit, "snapshot" if traces else "trace")


def _nothing(visit: Visit) -> Html:
    what = "A snapshot says what is alive of all that was allocated while a worker was traced, by the calls that allocated it."
    how = joined([
        "A trace ends with one. In trace mode one is taken with a snapshot of the objects, and by itself every so often where ",
        tag("code", "snapshot_interval"), " is set.",
    ])  # fmt: skip
    return empty("No snapshot of allocations is kept.", what, how, _button(visit))


def _gone(visit: Visit) -> Html:
    newest = tag("a", "Show the newest", href=visit.link("snapshots"))
    return empty("This snapshot is not kept any more.", "The oldest go as new ones come.", newest)
