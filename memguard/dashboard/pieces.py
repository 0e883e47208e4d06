"""Small pieces that several parts of the page show."""

from memguard.dashboard.markup import Html, tag
from memguard.dashboard.words import VERDICT_WORDS


def badge(verdict: str) -> Html:
    """Return a verdict as a word with a shape of its own, so that it does not depend on colour."""
    return tag("span", VERDICT_WORDS.get(verdict, verdict), class_=f"badge {verdict}")


def when(at: str) -> Html:
    """Return a moment of the report to the second; its zone is UTC, as everywhere in the report."""
    return tag("time", f"{at[:10]} {at[11:19]}", datetime=at)


def quiet(text: str) -> Html:
    """Return words that stand back."""
    return tag("span", text, class_="quiet")
