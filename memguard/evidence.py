"""What an accusation rests on: where residue was allocated, of which types it is, what keeps it, what leak that makes.

Frozen, plain data that crosses rooms, as in `memguard.model`.
"""

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class TypeCount:
    """Survivors of one type: its qualified name (`shop.views.Context`) and how many."""

    type: str
    count: int


@dataclass(frozen=True, slots=True)
class Site:
    """Where residue was allocated: a line of the host's code.

    Attributes:
        file, line, function: The innermost frame of the traceback that is the host's own code; a library's where no
            frame is the host's.
        source: The text of that line, stripped; empty where it cannot be read.
        objects, bytes: Survivors allocated there, and their traced size.
        library: Name and version of the library the line belongs to, empty where it is the host's own code.
        through: The library frame under it that allocated, like `sqlalchemy 2.0.51, orm/session.py:310`; empty where
            the line itself did.
    """

    file: str
    line: int
    function: str
    source: str
    objects: int
    bytes: int
    library: str = ""
    through: str = ""


RootKind = Literal[
    "module", "class", "closure", "thread", "thread-local", "context-variable", "coroutine", "frame", "exception",
    "interpreter", "unknown",
]  # fmt: skip


@dataclass(frozen=True, slots=True)
class Link:
    """One object of the chain that keeps residue alive.

    Attributes:
        type: Its type: `dict`, `shop.views.Registry`.
        via: How the link before it (the root, for the first) refers to it, in words: `attribute _cache of module
            shop.views`, `item`, `key`, `closure variable handlers of shop.views.connect`, `local variable rows of ...`.
        size: Its `len()`, where it is a container.
        grows: It is the container that gets an entry for each residue.
    """

    type: str
    via: str
    size: int | None = None
    grows: bool = False


@dataclass(frozen=True, slots=True)
class Holder:
    """What keeps residue alive: a chain of references from a root to the residue.

    Attributes:
        path: As a person would write it, without values of the host's: `shop.views._request_caches[...]`; a key only
            as its type (`[str]`) unless `show_keys` is set.
        root: The root in words: `module shop.views`, `thread-local of shop.db`, `unknown`.
        root_kind: What kind of root that is.
        chain: From the object the root refers to down to the residue itself, which is the last.
        size: `len()` of the container that grows, None where there is none.
        growth_per_unit: Entries it gains for each unit of the operation, 0.0 while that is not known.
    """

    path: str
    root: str
    root_kind: RootKind
    chain: tuple[Link, ...]
    size: int | None = None
    growth_per_unit: float = 0.0


@dataclass(frozen=True, slots=True)
class Pattern:
    """The known kind of leak a finding is: its id (design §10), a title and what to do about it."""

    id: str
    title: str
    advice: str
