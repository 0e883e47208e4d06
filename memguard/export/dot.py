"""A graph of objects as DOT, Graphviz's language, and drawn by its program `dot`."""

import shutil
import subprocess

from memguard.inspection import Edge, Graph, Node, Role
from memguard.units import format_bytes

SECONDS_MOST = 30.0
TEXT_MOST = 120
_FILL: dict[Role, str] = {
    "root": "#cfe8cf", "chain": "#fdf3d0", "target": "#f6c9c4", "above": "#ffffff", "below": "#eeeeee",
}  # fmt: skip


class NoDotError(Exception):
    """Nothing can be drawn here; the message says why."""


def as_dot(graph: Graph) -> str:
    """Return the text of a directed graph: roots at the top, the object that was asked for in red."""
    lines = [
        "digraph objects {",
        f"  label={_quoted(f'{graph.path}: {graph.alike} of {graph.searched} that were looked at, of {graph.instances}')};",
        '  node [shape=box, style="filled,rounded", fontname="Helvetica", fontsize=10];',
        '  edge [fontname="Helvetica", fontsize=9];',
        *map(_node, graph.nodes),
        *map(_edge, graph.edges),
        "}",
    ]
    return "\n".join(lines) + "\n"


def as_svg(dot: str) -> bytes:
    """Return DOT as `dot` draws it.

    Raises:
        NoDotError: It is not installed here, or cannot draw this.
    """
    program = shutil.which("dot")
    if program is None:
        raise NoDotError("Graphviz's program dot is not installed here")
    try:
        done = subprocess.run(  # noqa: S603 - dot itself
            [program, "-Tsvg"], input=dot.encode(), capture_output=True, timeout=SECONDS_MOST, check=True
        )
    except subprocess.CalledProcessError as error:
        words = error.stderr.decode(errors="replace").strip().partition("\n")[0]
        raise NoDotError(f"dot cannot draw it: {words}") from None
    except subprocess.TimeoutExpired:
        raise NoDotError(f"dot has not drawn it within {SECONDS_MOST:.0f} s") from None
    return done.stdout


def _node(node: Node) -> str:
    facts = [format_bytes(node.bytes)] if node.bytes else []
    facts += [f"{node.entries:,} entries"] if node.entries is not None else []
    label = "\n".join(filter(None, (node.text, node.type, ", ".join(facts))))
    width = 2 if node.role == "target" else 1
    return f"  n{node.number} [label={_quoted(label)}, fillcolor={_quoted(_FILL[node.role])}, penwidth={width}];"


def _edge(edge: Edge) -> str:
    return f"  n{edge.holder} -> n{edge.held} [label={_quoted(edge.via)}];"


def _quoted(text: str) -> str:
    """Return a string of DOT's; no character in it commands a terminal, or means something to DOT."""
    lines = [
        "".join(each if each.isprintable() else "?" for each in line[:TEXT_MOST]).encode("utf-8", "replace").decode()
        for line in text.split("\n")
    ]
    return '"' + r"\n".join(line.replace("\\", "\\\\").replace('"', '\\"') for line in lines) + '"'
