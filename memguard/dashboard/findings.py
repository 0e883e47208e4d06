"""One finding as a card: what leaks, how much, why that is certain, where it comes from, what to do."""

from typing import Any

from memguard.dashboard.markup import Html, joined, tag
from memguard.dashboard.pieces import badge, when
from memguard.dashboard.words import rate, sentence, title
from memguard.units import format_bytes

SITES_SHOWN = 3
TYPES_SHOWN = 6


def finding_card(finding: dict[str, Any]) -> Html:
    """Return a finding of the report as an article."""
    verdict, operation = finding["verdict"], finding["operation"]
    rates = finding["rate"]
    many = "1 worker" if finding["workers"] == 1 else f"{finding['workers']} workers"
    facts = joined([
        "Seen from ", when(finding["first_seen"]), " to ", when(finding["last_seen"]),
        f", on {finding['units_observed']:,} sampled units, by {many}",
    ])  # fmt: skip
    return tag(
        "article",
        tag(
            "header",
            tag("h3", title(operation)),
            badge(verdict),
            tag("strong", rate(operation["kind"], rates["objects_per_unit"], rates["bytes_per_unit"]), class_="rate"),
        ),
        tag("ul", *(tag("li", sentence(reason)) for reason in finding["reasons"]), class_="reasons")
        if finding["reasons"]
        else None,
        *(_site(site) for site in finding["sites"][:SITES_SHOWN]),
        _types(finding["types"]),
        _holder(finding["holder"]),
        tag("p", tag("strong", f"{finding['pattern']['title']}. "), finding["pattern"]["advice"], class_="advice"),
        tag("p", facts, class_="quiet"),
        class_=f"finding {verdict}",
        id=f"finding-{finding['fingerprint']}",
    )


def _site(site: dict[str, Any]) -> Html:
    file, line = site["file"], site["line"]
    counted = [f"{site['objects']:,} objects"] if site["objects"] else []
    counted += [format_bytes(site["bytes"])] if site["bytes"] else []
    return tag(
        "figure",
        tag(
            "figcaption",
            "Allocated at ",
            tag("code", f"{file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{line}", title=f"{file}:{line}"),
            joined([" in ", tag("code", f"{site['function']}()")]) if site["function"].isidentifier() else None,
            f", {' and '.join(counted)}" if counted else "",
            tag("span", f"{file}:{line}", class_="why"),
        ),
        tag("pre", tag("code", site["source"]), tabindex="0") if site["source"] else None,
        class_="site",
    )


def _types(types: list[dict[str, Any]]) -> Html | None:
    if not types:
        return None
    items = [
        tag("li", tag("code", each["type"]), f" \N{MULTIPLICATION SIGN} {each['count']:,}")
        for each in types[:TYPES_SHOWN]
    ]
    more = len(types) - len(items)
    return tag(
        "div",
        tag("span", "What stays: "),
        tag("ul", *items, tag("li", f"{more} more types") if more else None),
        class_="types",
    )


def _holder(holder: dict[str, Any] | None) -> Html | None:
    if not holder:
        return None
    return tag(
        "p",
        "Held by ",
        tag("code", holder.get("path", "")),
        f", {holder['size']:,} entries" if isinstance(holder.get("size"), int) else "",
        class_="holder",
    )
