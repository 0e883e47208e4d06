"""One look at the page: who looks, at what, and where its links lead."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode

from memguard.dashboard.messages import Source
from memguard.dashboard.screens.markup import Html
from memguard.settings import Settings

FIELDS_MOST = 16
PERIOD = 2.0


@dataclass(frozen=True, slots=True)
class Visit:
    """A request for a screen, by somebody who may see it.

    Attributes:
        base: The endpoint's own path, percent-encoded.
        name: The screen below it, empty for the first one.
        query: What the address asks for; a screen takes what it knows and leaves the rest.
        report: As `report.build` makes it.
        now: The moment of the report, in seconds since 1970.
    """

    base: str
    name: str
    query: Mapping[str, str]
    settings: Settings
    source: Source
    report: dict[str, Any]
    now: float

    def link(self, name: str, **query: object) -> str:
        """Return the address of a screen; of the query what is None or empty is left out."""
        asked = urlencode({key: value for key, value in query.items() if value not in {None, ""}}, errors="replace")
        return f"{self.base}{'/' if name else ''}{quote(name)}{'?' if asked else ''}{asked}"

    def seconds_since(self, at: str) -> float:
        """Return how long ago a moment of the report was; 0 for one that is still to come by another host's clock."""
        return max(0.0, self.now - datetime.fromisoformat(at).timestamp())


def query_of(text: str) -> dict[str, str]:
    """Return the fields of a query; none of one that is malformed, because a screen is shown all the same."""
    try:
        return dict(parse_qsl(text, max_num_fields=FIELDS_MOST, errors="strict"))
    except ValueError:
        return {}


@dataclass(frozen=True, slots=True)
class Screen:
    """What is shown: its title, empty for the first one; what is in it; after how many seconds it is asked for again."""

    title: str
    inside: Html
    period: float = PERIOD
