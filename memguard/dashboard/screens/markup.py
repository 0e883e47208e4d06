"""HTML by hand: every text that did not come from this file goes through `escape`, everything else is `Html`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from html import escape as _escape

_INVISIBLE = dict.fromkeys(
    [*range(0x20), 0x7F, *range(0x80, 0xA0), *range(0x202A, 0x202F), *range(0x2066, 0x206A), *range(0xD800, 0xE000)],
    "\N{REPLACEMENT CHARACTER}",
) | {0x09: " ", 0x0A: "\n", 0x0D: " "}
"""Controls, surrogates, and marks that would turn the text around them: shown as something that does not belong."""


class Html(str):
    """Text that is markup already."""

    __slots__ = ()


def escape(text: object) -> Html:
    """Return any text as markup that shows it; markup stays what it is."""
    return text if isinstance(text, Html) else Html(_escape(str(text).translate(_INVISIBLE)))


def tag(name: str, /, *inside: object, **attributes: object) -> Html:
    """Return an element; an attribute that is None or False is left out, `class_` is `class`, `_` is `-`."""
    return Html(f"<{name}{_written(attributes)}>{joined(inside)}</{name}>")


def void(name: str, /, **attributes: object) -> Html:
    """Return an element that has no inside and no end, like `input`."""
    return Html(f"<{name}{_written(attributes)}>")


def joined(parts: Iterable[object], between: str = "") -> Html:
    """Return the parts as markup, one after the other; what is None is left out."""
    return Html(between.join(escape(part) for part in parts if part is not None))


def _written(attributes: dict[str, object]) -> str:
    return "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: What a narrow screen shows beside each cell.
        kind: Class of its cells.
        head: What stands at its top, the name where it is None.
        sorted: `ascending` or `descending` where the table is sorted by it.
    """

    name: str
    kind: str | None = None
    head: Html | None = None
    sorted: str | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """A row of a table: its cells, the first one of which heads it; its class; what it is, for the page to keep it."""

    cells: Sequence[object]
    kind: str | None = None
    key: str | None = None


def table(caption: str, columns: Sequence[Column], rows: Iterable[Row], *, kind: str | None = None) -> Html:
    """Return a table that a narrow screen may lay out as a list, because each cell carries its column's name."""
    # The roles keep it a table for screen readers where the style sheet lays it out as something else.
    heads = (
        tag("th", each.head or each.name, scope="col", role="columnheader", class_=each.kind, aria_sort=each.sorted)
        for each in columns
    )
    body = []
    for row in rows:
        first, *others = zip(columns, row.cells, strict=True)
        heading = tag("th", first[1], scope="row", role="rowheader", class_=first[0].kind)
        rest = [tag("td", cell, role="cell", class_=each.kind, data_label=each.name) for each, cell in others]
        body.append(tag("tr", heading, *rest, role="row", class_=row.kind, data_key=row.key))
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", tag("tr", *heads, role="row"), role="rowgroup"),
        tag("tbody", *body, role="rowgroup"),
        role="table", class_=kind,
    )  # fmt: skip
