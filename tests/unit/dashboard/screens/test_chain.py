import re
from dataclasses import asdict

import pytest

from memguard.dashboard.screens.chain import LETTERS_MOST, NODES_MOST, WIDTH, chain, shortened, wrapped
from memguard.evidence import Holder, Link

LINKS = (Link("dict", "attribute by_user of module shop.views", 41_240, grows=True), Link("shop.views.Context", "item"))


def drawn(*links: Link, residue: str = "", growth: float = 1.0) -> str:
    """Return the chain of a holder with these links."""
    holder = Holder("shop.views.by_user[…]", "module shop.views", "module", links, 41_240, growth)
    return chain(asdict(holder), "request", residue)


def items(made: str) -> list[str]:
    """Return what the list says that goes with the picture."""
    return [" ".join(re.sub("<[^>]*>", " ", item).split()) for item in re.findall("<li>.*?</li>", made)]


def test_root_on_top_residue_at_the_bottom_and_the_growing_edge_marked() -> None:
    """Between them every link with how it is referred to."""
    made = drawn(*LINKS)
    nodes = re.findall(r'<g class="(node[^"]*)">', made)
    edges = re.findall(r'<g class="(edge[^"]*)">', made)

    assert nodes == ["node root", "node container", "node residue"]
    assert edges == ["edge", "edge growing"]
    assert "grows · 41,240 entries" in made
    assert "▲ +1 per request" in made
    heights = [float(y) for y in re.findall(r'<rect [^>]*y="([\d.]+)"[^>]*class="box"', made)]
    assert heights == sorted(heights)


def test_read_out_it_makes_sense_without_the_picture() -> None:
    """Each item says how the one before holds it, and which one grows."""
    assert items(drawn(*LINKS)) == [
        "module shop.views (the root)",
        "attribute by_user: dict, 41,240 entries (grows)",
        "item (+1 per request): shop.views.Context (what stays)",
    ]
    assert 'aria-label="From the root to what stays"' in drawn(*LINKS)
    assert 'aria-hidden="true"' in drawn(*LINKS)


def test_a_chain_that_ends_at_the_container_is_drawn_to_what_stays() -> None:
    """Its type is known from the survivors, or it is at least said that something is left."""
    assert items(drawn(LINKS[0], residue="shop.views.Context"))[-1] == (
        "entry (+1 per request): shop.views.Context (what stays)"
    )
    assert items(drawn(LINKS[0]))[-1] == "entry (+1 per request): what units leave (what stays)"


def test_growth_that_is_not_known_is_said_in_words() -> None:
    """The edge is marked all the same."""
    assert "▲ more and more" in drawn(*LINKS, growth=0.0)


def test_everything_stays_within_the_picture() -> None:
    """Names of any length, and more links than anybody reads."""
    long = Link("shop." + "very_long_name." * 30, "attribute " + "x" * 300)
    made = drawn(*([long] * 40), *LINKS)

    assert made.count('<g class="node') == NODES_MOST
    assert "32 more in between" in made
    height = int(re.findall(r'viewBox="0 0 \d+ (\d+)"', made)[0])
    for x, y, width, tall in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="([\d.]+)" height="([\d.]+)"', made):
        assert float(x) + float(width) <= WIDTH
        assert float(y) + float(tall) <= height


def test_hostile_names_are_text() -> None:
    """In the picture and in the list."""
    assert "<script>" not in drawn(Link("<script>", "<script>", grows=True), residue="<script>")


@pytest.mark.parametrize(
    ("name", "lines"),
    [
        ("dict", ["dict"]),
        ("", [""]),
        ("a" * LETTERS_MOST, ["a" * LETTERS_MOST]),
        ("shop.views." + "a" * (LETTERS_MOST - 5), ["shop.views." + "a" * (LETTERS_MOST - 11), "aaaaaa"]),
        ("shop.views.contexts.long_name." + "a" * 30, ["shop.views.contexts.long_name.", "a" * 30]),
    ],
)
def test_long_names_are_broken_after_dots(name: str, lines: list[str]) -> None:
    """Where none is in reach, anywhere."""
    assert wrapped(name, LETTERS_MOST) == lines


def test_a_name_that_is_far_too_long_loses_its_middle() -> None:
    """Three lines at most, each of them within its width."""
    lines = wrapped("x" * 1000 + "end", LETTERS_MOST)

    assert [len(line) for line in lines] == [LETTERS_MOST] * 3
    assert lines[-1].endswith("end")
    assert shortened("abcdefghij", 5) == "ab…ij"
