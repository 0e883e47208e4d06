"""The source around a blamed line, drawn."""

from typing import Any

from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.source import around


def listing(site: dict[str, Any]) -> Html | None:
    """Return the lines around a site, or its own line where no more is known; None where not even that is."""
    lines = around(site["file"], site["line"], site["source"]) or [(site["line"], site["source"])]
    if not site["source"]:
        return None
    # Lines of a block, so that a selection copies the code without its numbers.
    told = [
        tag(
            "span", tag("span", f"{number:>4}", class_="no", aria_hidden="true"), tag("code", text or " "),
            class_="line blamed" if number == site["line"] else "line",
        )
        for number, text in lines
    ]  # fmt: skip
    name = f"Source around line {site['line']}"
    return tag("div", joined(told), class_="source", tabindex="0", role="region", aria_label=name)
