"""All operations: searched by name, narrowed to one verdict, sorted by any column."""

from collections.abc import Callable
from typing import Any

from memguard.dashboard.merging import GRAVITY
from memguard.dashboard.screens.cards import address
from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag, void
from memguard.dashboard.screens.pieces import ago, badge, empty, quiet
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.dashboard.words import VERDICT_WORDS, amount, left, sentence, title

SHOWN = 200

Operation = dict[str, Any]

_ORDERS: dict[str, Callable[[Operation], Any]] = {
    "verdict": lambda each: (GRAVITY.index(each["verdict"]), each["units"]),
    "name": title,
    "units": lambda each: each["units"],
    "errors": lambda each: each["errors"],
    "left": lambda each: (GRAVITY.index(each["verdict"]) > 2, each["bytes_per_unit"], each["objects_per_unit"]),
    "seen": lambda each: each.get("last_seen") or "",
}
_COLUMNS = (
    ("name", "Operation", None), ("verdict", "Verdict", None), ("units", "Units", "number"),
    ("errors", "Errors", "number"), ("left", "Left per unit", "wide"), ("seen", "Last seen", "number"),
)  # fmt: skip


def operations(visit: Visit) -> Screen:
    """Return the screen."""
    told: list[Operation] = visit.report["operations"]
    if not told:
        steps = "Send a request or run a task: its operation shows up here within two seconds."
        return Screen("Operations", joined([tag("h1", "Operations"), empty("No unit has been seen yet.", steps)]))
    wanted = visit.query.get("q", "").strip()
    verdict = visit.query.get("verdict", "")
    named = [each for each in told if wanted.lower() in title(each).lower()]
    found = [each for each in named if verdict in {"", each["verdict"]}]
    by = visit.query.get("sort", "")
    by = by if by in _ORDERS else "verdict"
    rising = visit.query.get("order") == "up" or (by == "name" and visit.query.get("order") != "down")
    found.sort(key=_ORDERS[by], reverse=not rising)
    shown = found if visit.query.get("show") == "all" else found[:SHOWN]
    return Screen("Operations", joined([
        tag("h1", "Operations"),
        tag("div", _search(visit, wanted), _verdicts(visit, named), class_="tools"),
        _found(visit, shown, by, rising=rising) if found else _nothing(visit, wanted),
        _rest(visit, len(found) - len(shown)) if len(shown) < len(found) else None,
    ]))  # fmt: skip


def _search(visit: Visit, wanted: str) -> Html:
    kept = [
        void("input", type="hidden", name=name, value=visit.query[name])
        for name in ("verdict", "sort", "order")
        if visit.query.get(name)
    ]
    return tag(
        "form",
        tag("label", "Search operations", for_="q", class_="unseen"),
        void(
            "input", id="q", name="q", type="search", value=wanted, placeholder="Search by name", autocomplete="off",
            spellcheck="false",
        ),
        *kept,
        tag("button", "Search", type="submit", class_="unscripted"),
        action=visit.link("operations"), method="get", role="search", data_soft="input",
    )  # fmt: skip


def _verdicts(visit: Visit, named: list[Operation]) -> Html:
    counts = {name: sum(each["verdict"] == name for each in named) for name in VERDICT_WORDS}
    chosen = visit.query.get("verdict", "")
    links = [
        tag(
            "li",
            tag(
                "a", words, tag("span", f"{count:,}", class_="count"),
                href=_here(visit, verdict=name), aria_current="true" if name == chosen else None, data_soft=True,
            ),
        )
        for name, words, count in [
            ("", "all", len(named)),
            *((name, VERDICT_WORDS[name], count) for name, count in counts.items() if count or name == chosen),
        ]
    ]  # fmt: skip
    return tag("ul", *links, class_="chips", aria_label="Verdicts")


def _here(visit: Visit, **changed: str) -> str:
    kept = {name: visit.query.get(name, "") for name in ("q", "verdict", "sort", "order")}
    return visit.link("operations", **{**kept, **changed})


def _found(visit: Visit, shown: list[Operation], by: str, *, rising: bool) -> Html:
    columns = []
    for key, name, kind in _COLUMNS:
        turned = "up" if (key == by and not rising) or (key != by and key == "name") else "down"
        head = tag("a", name, href=_here(visit, sort=key, order=turned), data_soft=True)
        columns.append(Column(name, kind, head, ("ascending" if rising else "descending") if key == by else None))
    accused = {(each["operation"]["kind"], each["operation"]["name"]): each for each in visit.report["findings"]}
    rows = [_row(each, visit, accused.get((each["kind"], each["name"]))) for each in shown]
    return table("Operations", columns, rows, kind="sortable")


def _row(operation: Operation, visit: Visit, finding: dict[str, Any] | None) -> Row:
    where = address(finding, visit) if finding else None
    name = title(operation)
    reasons = operation["reasons"]
    told = joined([
        tag("a", name, href=where, class_="name") if where else tag("span", name, class_="name"),
        tag("span", sentence(reasons[0]), class_="why") if reasons else None,
        _more(reasons[1:]),
    ])  # fmt: skip
    seen = operation.get("last_seen")
    units = tag(
        "a", f"{operation['units']:,}", href=visit.link("units", operation=operation["name"]), title="Its units"
    )
    cells = [
        told,
        badge(operation["verdict"]),
        joined([units, tag("span", f"{operation['sampled_units']:,} sampled", class_="why")]),
        f"{operation['errors']:,}",
        _left(operation),
        ago(seen, visit.seconds_since(seen)) if seen else quiet("not known"),
    ]
    return Row(cells, operation["verdict"], f"{operation['kind']} {name}")


def _more(reasons: list[str]) -> Html | None:
    if not reasons:
        return None
    return tag(
        "details",
        tag("summary", f"{len(reasons)} more reason{'' if len(reasons) == 1 else 's'}"),
        tag("ul", *(tag("li", sentence(each)) for each in reasons)),
        class_="why",
    )


def _left(operation: Operation) -> Html:
    error = operation.get("objects_per_unit_error")
    accused = operation["verdict"] in {"suspect", "leak"}
    words = f"\N{PLUS-MINUS SIGN} {amount(error)} objects (standard error)" if error and accused else None
    return joined([left(operation), tag("span", words, class_="why") if words else None])


def _nothing(visit: Visit, wanted: str) -> Html:
    what = f"No operation matches “{wanted}”." if wanted else "No operation has this verdict."
    return empty(what, tag("a", "Show all operations", href=visit.link("operations"), data_soft=True))


def _rest(visit: Visit, count: int) -> Html:
    link = tag("a", "Show all", href=_here(visit, show="all"), data_soft=True)
    return tag("p", f"{count:,} more are not shown. ", link, class_="quiet")
