import pytest

from memguard.dashboard.screens.markup import Column, Html, Row, escape, joined, table, tag, void


def test_text_is_escaped_and_markup_is_not() -> None:
    """What is `Html` was escaped where it was made."""
    assert escape("<b> & \" '") == "&lt;b&gt; &amp; &quot; &#x27;"
    assert escape(Html("<b>")) == "<b>"
    assert escape(7) == "7"
    assert tag("p", "<b>", tag("b", "&"), None, Html("<br>")) == "<p>&lt;b&gt;<b>&amp;</b><br></p>"


@pytest.mark.parametrize("character", ["\x00", "\x1b", "\x7f", "\x9b", "\u202e", "\u2066", "\ud800"])
def test_what_cannot_be_seen_is_shown_as_foreign(character: str) -> None:
    """Controls, marks that turn the text around, and halves of characters."""
    assert escape(f"a{character}b") == "a\N{REPLACEMENT CHARACTER}b"
    escape(character).encode()


def test_attributes_are_escaped_too() -> None:
    """A value cannot end its quotes; True is an attribute alone, None and False are none."""
    made = tag("a", "x", href='"><script>', class_="c", data_label="d", hidden=True, title=None, lang=False)

    assert made == '<a href="&quot;&gt;&lt;script&gt;" class="c" data-label="d" hidden>x</a>'


def test_parts_are_joined_as_markup() -> None:
    """Text among them is escaped."""
    assert joined(["<", None, Html("<i>")], ", ") == "&lt;, <i>"


def test_an_element_without_an_inside_has_no_end() -> None:
    """Its attributes are escaped like any others; one may be called `name`."""
    assert void("input", name="q", value='"', required=True) == '<input name="q" value="&quot;" required>'


def test_a_tables_cells_know_their_column() -> None:
    """So that a narrow screen can name them; the first cell heads its row."""
    columns = (Column("Name", head=tag("a", "Name", href="?"), sorted="ascending"), Column("Age", "number"))
    made = table("Pets", columns, [Row(["<Rex>", 9], "old", "rex")], kind="small")

    assert made.startswith('<table role="table" class="small"><caption>Pets</caption>')
    assert '<th scope="col" role="columnheader" aria-sort="ascending"><a href="?">Name</a></th>' in made
    assert '<th scope="row" role="rowheader">&lt;Rex&gt;</th>' in made
    assert '<td role="cell" class="number" data-label="Age">9</td>' in made
    assert '<tr role="row" class="old" data-key="rex">' in made
