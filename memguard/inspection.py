"""What a person wants to know of a worker's objects, and what is found: frozen, plain data that crosses rooms.

Types, names of modules and attributes, counts and sizes; values of the host's only where `show_keys` is set.
"""

from dataclasses import dataclass
from typing import Literal

from memguard.evidence import TypeCount

Way = Literal["largest", "size", "chain", "cycles", "uncollectable"]
WAYS: tuple[Way, ...] = ("largest", "size", "chain", "cycles", "uncollectable")
NAMED: frozenset[Way] = frozenset({"largest", "size", "chain"})
"""Ways that need a name: of a type, or of a container."""
INSPECT_SECONDS, INSPECT_SECONDS_MOST = 20.0, 120.0
MOST, MOST_MOST = 15, 100

Role = Literal["root", "chain", "target", "above", "below"]
Method = Literal["pympler", "estimate"]


@dataclass(frozen=True, slots=True)
class Question:
    """What is wanted of one worker's objects.

    Attributes:
        way: `largest` objects of a type, the deep `size` of a container, the `chain` from a root to an object of a type,
            unreachable `cycles`, or what is `uncollectable`.
        name: The type, like `shop.Order`, or the container, like `shop.views._request_caches`; empty for other ways.
        most: How many rows are told.
    """

    way: Way
    name: str = ""
    most: int = MOST


@dataclass(frozen=True, slots=True)
class ObjectSize:
    """One object.

    Attributes:
        bytes: Of the object itself with its headers, without what it refers to.
        entries: How many it has, None for what is no container.
        holder: The path by which it is held, empty where none was found in time.
        shown: The beginning of a text or a number, where `show_keys` is set; else empty.
    """

    type: str
    bytes: int
    entries: int | None = None
    holder: str = ""
    shown: str = ""


@dataclass(frozen=True, slots=True)
class DeepSize:
    """A container with all that can be reached from it, each object once, also what others hold as well.

    Attributes:
        objects: How many objects were looked at.
        method: `pympler` where its asizeof has measured it; `estimate` for memguard's own sum.
        share: Of the container's entries that were looked at, from 0.0 to 1.0; `bytes` is scaled up by it.
    """

    type: str
    entries: int | None
    bytes: int
    objects: int
    method: Method
    share: float = 1.0


@dataclass(frozen=True, slots=True)
class Node:
    """One object of a graph.

    Attributes:
        number: Names it within the graph, from 0 on.
        text: What it is called where it has a name: a root, a module.
    """

    number: int
    type: str
    bytes: int
    entries: int | None
    role: Role
    text: str = ""


@dataclass(frozen=True, slots=True)
class Edge:
    """One reference: numbers of two nodes, and how the one refers to the other, like `.orders` or `[str]`."""

    holder: int
    held: int
    via: str


@dataclass(frozen=True, slots=True)
class Graph:
    """The chain from a root to an object, and what is around it.

    Attributes:
        path, root: As in `memguard.evidence.Holder`.
        instances: How many objects of the type there are.
        searched, alike: For how many of them a chain was searched, and how many have this very path.
    """

    path: str
    root: str
    instances: int
    searched: int
    alike: int
    nodes: tuple[Node, ...]
    edges: tuple[Edge, ...]


@dataclass(frozen=True, slots=True)
class Cycle:
    """Cycles of one kind: objects of the same types that refer to each other in a ring.

    Attributes:
        path: The ring as a person would write it, from one of its objects back to it: `shop.Node.children[…].parent`.
        count: How many such cycles there are.
        objects, bytes: Of all of them.
        types: What is in one of them.
    """

    path: str
    count: int
    objects: int
    bytes: int
    types: tuple[TypeCount, ...]


@dataclass(frozen=True, slots=True)
class Inspection:
    """What was found; of `sizes`, `deep`, `graph` and `cycles` what the question asks for.

    Attributes:
        objects: How many objects there are of what was asked for: of the type, or in garbage; None where not counted.
        bytes: Of those themselves.
        types: In garbage: what it is made of, most first.
        is_complete: Everything was looked at that there is to look at within the question.
        notes: What was not looked at, and what limits the answer, in sentences.
    """

    question: Question
    objects: int | None = None
    bytes: int | None = None
    sizes: tuple[ObjectSize, ...] = ()
    deep: DeepSize | None = None
    graph: Graph | None = None
    cycles: tuple[Cycle, ...] = ()
    types: tuple[TypeCount, ...] = ()
    is_complete: bool = True
    notes: tuple[str, ...] = ()
