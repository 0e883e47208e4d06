"""What was found among objects, back from the JSON that a command is kept as."""

from typing import Any

from memguard.evidence import TypeCount
from memguard.inspection import Cycle, DeepSize, Edge, Graph, Inspection, Node, ObjectSize, Question
from memguard.store import rows


def to_question(found: dict[str, Any]) -> Question:
    """Return a question, also one that a memguard with fewer or more fields asked."""
    return rows.made(Question, found)


def to_inspection(found: dict[str, Any]) -> Inspection:
    """Return what was found, also what a memguard with fewer or more fields wrote."""
    return rows.made(
        Inspection,
        {
            **found,
            "question": to_question(found["question"]),
            "sizes": tuple(rows.made(ObjectSize, each) for each in found.get("sizes", ())),
            "deep": rows.made(DeepSize, found["deep"]) if found.get("deep") else None,
            "graph": _to_graph(found["graph"]) if found.get("graph") else None,
            "cycles": tuple(_to_cycle(each) for each in found.get("cycles", ())),
            "types": _to_types(found),
            "notes": tuple(found.get("notes", ())),
        },
    )


def _to_graph(found: dict[str, Any]) -> Graph:
    nodes = tuple(rows.made(Node, each) for each in found.get("nodes", ()))
    edges = tuple(rows.made(Edge, each) for each in found.get("edges", ()))
    return rows.made(Graph, {**found, "nodes": nodes, "edges": edges})


def _to_cycle(found: dict[str, Any]) -> Cycle:
    return rows.made(Cycle, {**found, "types": _to_types(found)})


def _to_types(found: dict[str, Any]) -> tuple[TypeCount, ...]:
    return tuple(rows.made(TypeCount, each) for each in found.get("types", ()))
