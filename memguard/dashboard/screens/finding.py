"""One finding with all of its evidence: how much, where it comes from, what keeps it, what to do, how it went on."""

from collections.abc import Sequence
from typing import Any

from memguard.dashboard.api import reproduction_path
from memguard.dashboard.deploys import generations
from memguard.dashboard.merging import moment
from memguard.dashboard.proof import holder_facts, marks, much, site_facts, site_remarks
from memguard.dashboard.screens.cards import place
from memguard.dashboard.screens.chain import chain
from memguard.dashboard.screens.lines import again
from memguard.dashboard.screens.markup import Column, Html, Row, joined, table, tag
from memguard.dashboard.screens.pieces import ago, badge, coded, quiet, section, when
from memguard.dashboard.screens.source import listing
from memguard.dashboard.screens.visit import Screen, Visit
from memguard.dashboard.source import SITES_MOST
from memguard.dashboard.words import left, sentence, title
from memguard.model import Operation

TYPES_SHOWN = 12

Finding = dict[str, Any]


def finding(visit: Visit, told: Finding) -> Screen:
    """Return the screen of a finding of the report."""
    operation, amount = told["operation"], much(told)
    sites = [_site(site) for site in told["sites"][:SITES_MOST]]
    residue = told["types"][0]["type"] if told["types"] else ""
    head = tag(
        "header",
        tag("p", tag("a", "Operations", href=visit.link("operations")), " / finding", class_="crumbs"),
        tag("h1", title(operation), class_="name"),
        tag(
            "p", badge(told["verdict"]), *(tag("span", words, class_="mark") for words in marks(told)), class_="badges"
        ),
        tag("p", amount, class_="rate") if amount else None,
        class_=f"lead {told['verdict']}",
    )
    main = [
        section("What to do", _advice(told["pattern"]), key="advice"),
        section("Where it is allocated", *sites, key="sites") if sites else None,
        section("What keeps it", _holder(told["holder"], operation["kind"], residue), key="holder")
        if told["holder"]
        else None,
    ]
    aside = [
        section("Why", _reasons(told["reasons"], told["attribution"]), key="why") if told["reasons"] else None,
        section("What stays", _types(told["types"]), key="types") if told["types"] else None,
        section("When", _seen(told), key="when"),
    ]
    return Screen(title(operation), joined([
        head,
        _actions(visit, told),
        tag("div", tag("div", *filter(None, main)), tag("div", *filter(None, aside)), class_="columns"),
        section("History over deploys", _history(visit, operation), key="history"),
    ]))  # fmt: skip


def _actions(visit: Visit, told: Finding) -> Html:
    fingerprint = told["fingerprint"]
    below = f"{visit.base}{reproduction_path(fingerprint)}"
    issue = below.removesuffix("reproduction") + "issue"
    return tag(
        "div",
        tag("button", "Copy as an issue", type="button", data_copy=issue, class_="scripted"),
        tag("a", "Issue in Markdown", href=issue, class_="button unscripted"),
        tag("a", "Download a test that fails while it leaks", href=below, download=True, class_="button"),
        tag("a", "Its units", href=visit.link("units", operation=told["operation"]["name"]), class_="button"),
        tag("span", role="status", class_="quiet", id="copied", data_own=True),
        again(visit, told["operation"]["kind"], told["operation"]["name"]),
        class_="buttons",
    )


def _reasons(reasons: Sequence[str], attribution: str) -> Html:
    told = [tag("li", sentence(reason)) for reason in reasons]
    told += [tag("li", "Why it is this operation's: ", attribution)] if attribution else []
    return tag("ul", *told, class_="reasons")


def _site(site: dict[str, Any]) -> Html:
    facts = site_facts(site)
    function = joined([" in ", tag("code", f"{site['function']}()")]) if site["function"].isidentifier() else None
    return tag(
        "figure",
        tag(
            "figcaption", place(site), function, f", {facts}" if facts else None,
            tag("span", f"{site['file']}:{site['line']}", class_="why"),
        ),
        listing(site),
        *(tag("p", remark, class_="remark") for remark in site_remarks(site)),
        class_="site",
    )  # fmt: skip


def _types(types: list[dict[str, Any]]) -> Html:
    most = max(each["count"] for each in types) or 1
    items = [
        tag(
            "li", tag("code", each["type"]), tag("span", f"{each['count']:,}", class_="count"),
            tag(
                "svg", tag("rect", width=f"{each['count'] / most * 100:.1f}", height=3),
                viewBox="0 0 100 3", preserveAspectRatio="none", class_="share", aria_hidden="true", focusable="false",
            ),
        )
        for each in types[:TYPES_SHOWN]
    ]  # fmt: skip
    more = len(types) - len(items)
    return tag("ul", *items, tag("li", quiet(f"{more} more types")) if more else None, class_="types")


def _holder(holder: dict[str, Any], kind: str, residue: str) -> Html:
    facts = holder_facts(holder, kind)
    return joined([
        tag("p", tag("code", holder["path"]), f", {facts}" if facts else "", class_="path"),
        chain(holder, kind, residue),
    ])  # fmt: skip


def _advice(pattern: dict[str, str]) -> Html:
    return tag("div", tag("p", tag("strong", pattern["title"])), tag("p", coded(pattern["advice"])), class_="advice")


def _history(visit: Visit, operation: dict[str, str]) -> Html | None:
    told = generations(visit.source.store.read(), Operation(**operation))
    columns = (Column("Started"), Column("Verdict"), Column("Units", "number"), Column("Left per unit", "wide"))
    rows = []
    for each in told:
        at = moment(each.started_at)
        figures = {
            "kind": operation["kind"], "verdict": each.verdict, "objects_per_unit": each.objects_per_unit,
            "bytes_per_unit": each.bytes_per_unit, "blocks_per_unit": 0.0,
        }  # fmt: skip
        many = "1 worker" if each.workers == 1 else f"{each.workers} workers"
        units = joined([f"{each.units:,}", tag("span", f"{each.sampled_units:,} sampled", class_="why")])
        name = tag("span", f"release {each.release}", class_="why") if each.release else None
        started = joined([ago(at, visit.seconds_since(at)), name, tag("span", many, class_="why")])
        rows.append(Row([started, badge(each.verdict), units, left(figures)], key=f"{at} {each.release}"))
    return table("What the workers of each deploy found", columns, rows, kind="small") if rows else None


def _seen(told: Finding) -> Html:
    many = "1 worker" if told["workers"] == 1 else f"{told['workers']} workers"
    facts = [
        ("First seen", when(told["first_seen"])),
        ("Last seen", when(told["last_seen"])),
        ("Told by", f"{many}, on {told['units_observed']:,} sampled units"),
        ("Known as", tag("code", told["fingerprint"])),
    ]
    return tag("dl", *(tag("div", tag("dt", name), tag("dd", value)) for name, value in facts), class_="small-facts")
