"""A finding in short: what leaks, how much, where, and what keeps it; the whole of it is one click away."""

from typing import Any

from memguard.dashboard.api import reproduction_path
from memguard.dashboard.proof import growth, holder_facts, marks, much
from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.screens.pieces import badge
from memguard.dashboard.screens.visit import Visit
from memguard.dashboard.words import title


def card(finding: dict[str, Any], visit: Visit) -> Html:
    """Return a finding of the report as an article that leads to its screen."""
    verdict, operation, left = finding["verdict"], finding["operation"], much(finding)
    facts = [
        ("Allocated at", _site(finding["sites"])),
        ("Held by", _holder(finding["holder"], operation["kind"])),
        ("Pattern", finding["pattern"]["title"]),
    ]
    name = tag("a", title(operation), href=address(finding, visit)) if address(finding, visit) else title(operation)
    return tag(
        "article",
        tag(
            "header",
            tag("h3", name),
            badge(verdict),
            *(tag("span", words, class_="mark") for words in marks(finding)),
        ),
        tag("p", left, class_="rate") if left else None,
        tag("dl", *(tag("div", tag("dt", name), tag("dd", told)) for name, told in facts if told)),
        class_=f"card {verdict}",
        data_key=finding["fingerprint"],
    )


def address(finding: dict[str, Any], visit: Visit) -> str | None:
    """Return where a finding's screen is; None for what is no fingerprint."""
    fingerprint = finding["fingerprint"]
    return visit.link(f"findings/{fingerprint}") if reproduction_path(fingerprint) else None


def place(site: dict[str, Any]) -> Html:
    """Return a site as its file's name and line, with the whole path behind it."""
    file, line = site["file"], site["line"]
    return tag("code", f"{file.replace(chr(92), '/').rsplit('/', 1)[-1]}:{line}", title=f"{file}:{line}")


def _site(sites: list[dict[str, Any]]) -> Html | None:
    if not sites:
        return None
    function = sites[0]["function"]
    inside = joined([" in ", tag("code", f"{function}()")]) if function.isidentifier() else None
    return joined([place(sites[0]), inside])


def _holder(holder: dict[str, Any] | None, kind: str) -> Html | None:
    if holder is None:
        return None
    gains = growth(holder, kind)
    facts = holder_facts({**holder, "growth_per_unit": 0.0}, kind)
    return joined([
        tag("code", holder["path"]),
        f", {facts}" if facts else None,
        tag("strong", f" \N{BLACK UP-POINTING TRIANGLE} {gains}", class_="grows") if gains else None,
    ])  # fmt: skip
