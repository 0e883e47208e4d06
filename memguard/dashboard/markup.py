"""HTML by hand: every text that did not come from this file goes through `escape`, everything else is `Html`."""

from collections.abc import Iterable, Sequence
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


def tag(name: str, *inside: object, **attributes: object) -> Html:
    """Return an element; an attribute that is None or False is left out, `class_` is `class`, `_` is `-`."""
    written = "".join(
        f" {key.rstrip('_').replace('_', '-')}" + ("" if value is True else f'="{escape(value)}"')
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    return Html(f"<{name}{written}>{joined(inside)}</{name}>")


def joined(parts: Iterable[object], between: str = "") -> Html:
    """Return the parts as markup, one after the other; what is None is left out."""
    return Html(between.join(escape(part) for part in parts if part is not None))


def table(
    caption: str, columns: Sequence[tuple[str, str]], rows: Iterable[tuple[str | None, Sequence[object]]]
) -> Html:
    """Return a table that a narrow screen may lay out as a list, because each cell carries its column's name.

    Args:
        caption: What it shows, for those who do not see it.
        columns: Name and class of each column; the first one heads its row.
        rows: Class and cells of each row.
    """
    # The roles keep it a table for screen readers where the style sheet lays it out as something else.
    head = tag(
        "tr", *(tag("th", name, scope="col", role="columnheader", class_=kind) for name, kind in columns), role="row"
    )
    body = []
    for kind, cells in rows:
        first, *others = zip(columns, cells, strict=True)
        heading = tag("th", first[1], scope="row", role="rowheader", class_=first[0][1])
        rest = [tag("td", cell, role="cell", class_=column[1], data_label=column[0]) for column, cell in others]
        body.append(tag("tr", heading, *rest, role="row", class_=kind))
    return tag(
        "table",
        tag("caption", caption),
        tag("thead", head, role="rowgroup"),
        tag("tbody", *body, role="rowgroup"),
        role="table",
    )
