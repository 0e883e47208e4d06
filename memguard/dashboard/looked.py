"""What was found among a worker's objects, as lines of text: for a terminal, and for the page."""

from collections.abc import Iterator

from memguard.dashboard.text import aligned
from memguard.inspection import Cycle, DeepSize, Graph, Inspection
from memguard.units import format_bytes

_METHODS = {"pympler": "as pympler's asizeof measures it", "estimate": "an estimate: memguard's own sum"}


def lines_of(found: Inspection) -> Iterator[str]:
    """Yield the lines; names of the host's are in them as they are."""
    if found.sizes:
        yield from _sizes(found)
    if found.deep is not None:
        yield from _deep(found.question.name, found.deep)
    if found.graph is not None:
        yield from _chain(found.graph)
    if found.objects is not None and found.bytes is not None:
        yield f"{found.objects:,} objects, {format_bytes(found.bytes)} themselves"
    if found.types:
        yield "made of " + ", ".join(f"{each.count:,} {each.type}" for each in found.types)
    if found.cycles:
        yield from _cycles(found.cycles)
    yield from found.notes


def _sizes(found: Inspection) -> list[str]:
    rows = [
        [
            format_bytes(each.bytes), "-" if each.entries is None else f"{each.entries:,}",
            each.holder or "-", each.shown,
        ]
        for each in found.sizes
    ]  # fmt: skip
    return aligned(("THEMSELVES>", "ENTRIES>", "HELD BY", ""), rows)


def _deep(name: str, deep: DeepSize) -> list[str]:
    entries = "" if deep.entries is None else f" with {deep.entries:,} entries"
    return [
        f"{name}, a {deep.type}{entries}",
        f"{format_bytes(deep.bytes)} in {deep.objects:,} objects, {_METHODS[deep.method]}",
        "what others hold as well is in it, too",
    ]


def _chain(graph: Graph) -> Iterator[str]:
    yield f"held by  {graph.path}  ({graph.root})"
    yield f"{graph.alike:,} of {graph.searched:,} that were looked at, of {graph.instances:,} in all, are held in this way"
    yield ""
    via = {(each.holder, each.held): each.via for each in graph.edges}
    above = -1
    for deep, node in enumerate(each for each in graph.nodes if each.role in {"root", "chain", "target"}):
        if deep and (above, node.number) not in via:
            continue
        entries = "" if node.entries is None else f", {node.entries:,} entries"
        name = f"{node.text}: {node.type}" if node.text else node.type
        way = via.get((above, node.number), "")
        yield "  " * deep + "  ".join(filter(None, (way, f"{name}{entries}")))
        above = node.number


def _cycles(cycles: tuple[Cycle, ...]) -> list[str]:
    rows = [[format_bytes(each.bytes), f"{each.objects:,}", f"{each.count:,}", each.path] for each in cycles]
    return ["", *aligned(("THEMSELVES>", "OBJECTS>", "CYCLES>", "RING"), rows)]
