"""What clues say, in the words detectors use: what is kept, who owns the container that grows, what survives.

The chain of a holder runs from a root to one survivor. The container that grows splits it: above stands the owner, who
says where an entry must be removed; below stands what it keeps, which says what to close, end or not to make.
"""

import re

from memguard.evidence import Link
from memguard.explain import sites
from memguard.explain.patterns.kinds import is_kind
from memguard.readings import Clues, Trace

RATE_LEAST = 0.5
"""A rate per unit that decides alone; a smaller one, as of a rare leak, must not contradict the holder."""
RATE_OF_DRIFT = 0.002
"""Counters of a process drift: connections come and go, pools fill."""
_LASTING_ROOTS = frozenset({"module", "class", "closure", "thread-local", "context-variable"})
SHARE_LEAST = 0.01
"""What is fewer than this for each survivor of the most frequent type is by the way."""


def grows_at(clues: Clues) -> int | None:
    """Return the place in the chain of the container that grows; where it is not marked, of the first container."""
    chain = clues.holder.chain if clues.holder else ()
    marked = [place for place, link in enumerate(chain) if link.grows]
    likely = [place for place, link in enumerate(chain[:-1]) if _is_container(link)]
    return next(iter(marked or likely), None)


def _is_container(link: Link) -> bool:
    is_plain = is_kind("plain", link.type) and link.type not in {"type", "tuple", "mappingproxy"}
    return (is_plain or link.size is not None) and "__dict__" not in link.via


def owner(clues: Clues) -> str:
    """Return the type of the container that grows or, where that is a plain one, of the nearest object above it."""
    place = grows_at(clues)
    if clues.holder is None or place is None:
        return ""
    return next(
        (link.type for link in reversed(clues.holder.chain[: place + 1]) if not is_kind("plain", link.type)), ""
    )


def owned_by(kind: str, clues: Clues) -> bool:
    """Tell whether the container that grows belongs to an object of a kind."""
    return is_kind(kind, owner(clues))


def keeps(kind: str, clues: Clues, share: float = SHARE_LEAST) -> bool:
    """Tell whether the growing container keeps things of a kind; by survivors' types where no container is known.

    `share` is how many of them there must be for each survivor of the most frequent type.
    """
    place = grows_at(clues)
    if clues.holder is None or place is None:
        return not clues.garbage and survives(kind, clues, share)
    below = clues.holder.chain[place + 1 :]
    first = next((link.type for link in below if not is_kind("plain", link.type) or is_kind(kind, link.type)), "")
    return is_kind(kind, first)


def kept_by(clues: Clues) -> str:
    """Return in words how the container refers to what it keeps: a chain leaves out what nobody would name."""
    place = grows_at(clues)
    if clues.holder is None or place is None:
        return ""
    said = []
    for link in clues.holder.chain[place + 1 :]:
        said.append(link.via)
        if not is_kind("plain", link.type):
            break
    return ", ".join(said)


def survives(kind: str, clues: Clues, share: float = SHARE_LEAST) -> bool:
    """Tell whether types of a kind are among the survivors, and are not a few of very many."""
    most = max((each.count for each in clues.types), default=0)
    return any(is_kind(kind, each.type) and each.count >= most * share for each in clues.types)


def is_decided(rate: float, kind: str, clues: Clues) -> bool:
    """Tell whether a counter's rate per unit is this leak: large, or nothing speaks for something that merely holds."""
    if rate >= RATE_LEAST or rate <= RATE_OF_DRIFT:
        return rate >= RATE_LEAST
    return clues.holder is None or clues.holder.root_kind not in _LASTING_ROOTS or passes(kind, clues)


def passes(kind: str, clues: Clues) -> bool:
    """Tell whether the chain passes through an object of a kind."""
    return clues.holder is not None and any(is_kind(kind, link.type) for link in clues.holder.chain)


def path_starts(clues: Clues, *starts: str) -> bool:
    """Tell whether the holder's path begins in one of some modules or classes."""
    path = clues.holder.path if clues.holder else ""
    return any(re.match(re.escape(start) + r"(?![A-Za-z0-9])", path) for start in starts)


def words(clues: Clues) -> frozenset[str]:
    """Return the words of which the names of the growing container and of its owner's class are made, in lower case."""
    if clues.holder is None:
        return frozenset()
    path = re.sub(r"\[[^\]]*\]|\([^)]*\)", "", clues.holder.path).rstrip(".")
    names = [path.rsplit(".", 1)[-1], owner(clues).rsplit(".", 1)[-1]]
    return frozenset(word.lower() for name in names for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name))


def allocated_in(clues: Clues, *files: str) -> bool:
    """Tell whether survivors were allocated inside library files, called from the host's code or from deeper ones.

    Only the frames under the host's innermost one count: a library further up merely called the host.
    """
    for frames in clues.frames:
        blamed = {(site.file, site.line) for site in sites.blame([Trace(frames, 1, 0)])}
        for frame in frames:
            if frame[0].replace("\\", "/").endswith(files):
                return True
            if frame in blamed:
                break
    return False
