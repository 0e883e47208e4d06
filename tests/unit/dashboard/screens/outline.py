"""Screens as a strict reader sees them."""

from html.parser import HTMLParser
from typing import Any

from tests.unit.dashboard.asking import Teller, asked, with_token

VOID = {"meta", "link", "input", "br", "img"}


class Outline(HTMLParser):
    """Reads a page strictly: every element is closed where it belongs. Keeps its text and what it links to."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.words: list[str] = []
        self.attributes: list[tuple[str, str, str | None]] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.attributes += [(tag, name, value) for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """All words, in order."""
        return " ".join(" ".join(self.words).split())

    def values(self, tag: str, name: str) -> list[str]:
        """What an attribute says, in each element that has it."""
        return [value or "" for each, key, value in self.attributes if (each, key) == (tag, name)]


def body(guard: Teller, below: str = "", query: str = "", **changed: Any) -> str:
    """Return the markup of a screen that a guard's store makes."""
    return asked(with_token(f"/_memguard{below}", query=query, **changed), guard).body.decode()


def shown(guard: Teller, below: str = "", query: str = "") -> Outline:
    """Return a screen that a guard's store makes."""
    return Outline(body(guard, below, query))


def in_order(text: str, *wanted: str) -> None:
    """Fail unless a text has all of these words, one after the other."""
    place = 0
    for words in wanted:
        assert words in text[place:], f"{words!r} is missing, or stands too early"
        place = text.index(words, place) + len(words)
