"""Small pieces that several screens show."""

import re
from collections.abc import Iterable

from memguard.dashboard.screens.markup import Html, joined, tag
from memguard.dashboard.words import VERDICT_WORDS
from memguard.units import format_seconds


def badge(verdict: str) -> Html:
    """Return a verdict as a word with a shape of its own, so that it does not depend on colour."""
    return tag("span", VERDICT_WORDS.get(verdict, verdict), class_=f"badge {verdict}")


def when(at: str) -> Html:
    """Return a moment of the report to the second; its zone is UTC, as everywhere in the report."""
    return tag("time", f"{at[:10]} {at[11:19]}", datetime=at)


def ago(at: str, seconds: float) -> Html:
    """Return how long ago a moment was, with the moment itself behind it."""
    told = "now" if seconds < 2 else f"{format_seconds(seconds)} ago"
    return tag("time", told, datetime=at, title=f"{at[:10]} {at[11:19]} UTC")


def quiet(*text: object) -> Html:
    """Return words that stand back."""
    return tag("span", *text, class_="quiet")


def coded(text: str) -> Html:
    """Return prose with what stands in `backticks` as code."""
    parts = re.split(r"`([^`]+)`", text)
    return joined(tag("code", part) if place % 2 else part for place, part in enumerate(parts))


def unseen(*text: object) -> Html:
    """Return words for those alone who do not see the page."""
    return tag("span", *text, class_="unseen")


def section(name: str, *inside: object, key: str, more: Html | None = None) -> Html:
    """Return a part of a screen under its heading, with a link beside it where there is more."""
    heading = tag("div", tag("h2", name, id=key), more, class_="heading")
    return tag("section", heading, *inside, aria_labelledby=key)


def empty(name: str, *told: object) -> Html:
    """Return what stands where there is nothing to show: why, and what to do about it."""
    return tag("div", tag("p", tag("strong", name)), *(tag("p", words) for words in told), class_="empty")


def notice(kind: str, name: str, told: Iterable[object]) -> Html:
    """Return something worth knowing, as a list under a heading; `kind` says how grave it is."""
    return tag("aside", tag("h2", name), tag("ul", *(tag("li", words) for words in told)), class_=f"notice {kind}")
