import re
from dataclasses import replace
from pathlib import Path

import pytest

from memguard.export import dot
from memguard.export.dot import NoDotError, as_dot, as_svg
from memguard.inspection import Edge, Graph, Node

GRAPH = Graph(
    "shop._orders[…]", "module shop", 20, 16, 15,
    nodes=(
        Node(0, "dict", 4_000, 30, "root", "module shop"),
        Node(1, "dict", 640, 20, "chain"),
        Node(2, "shop.Order", 56, None, "target"),
    ),
    edges=(Edge(0, 1, "._orders"), Edge(1, 2, "[str]")),
)  # fmt: skip


def test_a_graph_as_dot() -> None:
    """A node for each object with its type, size and entries, an edge for each reference with its name."""
    text = as_dot(GRAPH)

    assert text.startswith("digraph objects {\n")
    assert text.endswith("}\n")
    assert r'n0 [label="module shop\ndict\n4.00 kB, 30 entries", fillcolor="#cfe8cf", penwidth=1];' in text
    assert r'n2 [label="shop.Order\n56 B", fillcolor="#f6c9c4", penwidth=2];' in text
    assert 'n1 -> n2 [label="[str]"];' in text
    assert 'label="shop._orders[…]: 15 of 16 that were looked at, of 20";' in text


def test_no_name_means_anything_to_dot_or_a_terminal() -> None:
    """Names of classes may hold whatever somebody wrote into them."""
    odd = 'x"]; node [label="\\ \x1b[2J\ud800'
    text = as_dot(replace(GRAPH, nodes=(replace(GRAPH.nodes[0], type=odd),), edges=()))
    (line,) = [line for line in text.splitlines() if "n0 [" in line]

    assert "\x1b" not in text
    assert text.encode()
    assert len(re.findall(r'(?<!\\)(?:\\\\)*"', line)) == 4


def test_where_dot_is_missing_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """So that whoever asked knows what to install."""
    monkeypatch.setenv("PATH", str(tmp_path))

    with pytest.raises(NoDotError, match="^Graphviz's program dot is not installed here$"):
        as_svg(as_dot(GRAPH))


def test_what_dot_cannot_draw_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """In its own words, one line of them; or that it takes too long."""
    program = tmp_path / "dot"
    program.write_text("#!/bin/sh\ncat > /dev/null\necho 'Error: no such font' >&2\necho more >&2\nexit 1\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/bin:/usr/bin")
    with pytest.raises(NoDotError, match="^dot cannot draw it: Error: no such font$"):
        as_svg(as_dot(GRAPH))

    program.write_text("#!/bin/sh\nexec sleep 60\n")
    monkeypatch.setattr(dot, "SECONDS_MOST", 0.2)
    with pytest.raises(NoDotError, match="within 0 s"):
        as_svg(as_dot(GRAPH))
