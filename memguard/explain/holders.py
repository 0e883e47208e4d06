"""Holders: the chain of references that keeps residue alive, from a root, as a person would write it.

Every object of the host is looked at by identity and by C-level access. Nothing is held when a call returns.
"""

from _thread import _local
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from time import thread_time
from types import ModuleType
from typing import Any

from memguard.classes import type_name
from memguard.evidence import Holder, Link, RootKind
from memguard.explain import access, anchors, steps, unseen
from memguard.explain.anchors import Anchor
from memguard.explain.choice import best_chain
from memguard.explain.containers import bound_of, newest, size_of
from memguard.explain.joining import Step
from memguard.explain.roots import Root
from memguard.explain.rows import Repeat
from memguard.explain.search import Search

__all__ = ["Anchor", "Found", "bound_of", "find", "newest", "representative", "size_of"]

TARGETS_MOST = 64


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found for one target.

    Attributes:
        holder: The chain, as it is shown.
        anchor: The way back to the container that grows, None where there is none or nothing above it lasts.
        bound: The most entries that it, or the cache it is a part of, says it will hold; None where nothing says so.
    """

    holder: Holder
    anchor: Anchor | None
    bound: int | None = None


def find(
    targets: Sequence[Any], *, seconds: float, show_keys: bool = False, growing: bool = False
) -> tuple[Found | None, ...]:
    """Return for each target the chain from a root down to it.

    None where the time was over before anything was found, and where only memguard itself holds the target.

    A heap that memguard itself froze is not searched: no window may be open. Costs some passes over the heap of about
    30 ms for a million objects, each with the GIL held.

    Args:
        targets: Residue, or containers; at most `TARGETS_MOST`, what is beyond is not looked for.
        seconds: No new pass begins after so long.
        show_keys: Keys that are text or whole numbers may be in paths.
        growing: The targets are containers that were seen to grow.
    """
    return told(searched(targets, seconds=seconds, growing=growing), targets, show_keys=show_keys, growing=growing)


def searched(targets: Sequence[Any], *, seconds: float, growing: bool = False, width: int | None = None) -> Search:
    """Return the search that `find` does, with all that was met on it; it must not outlive the caller's call.

    `width` is how many objects the first pass over the heap asks for: of a large heap fewer take less long at once.
    """
    search = Search(targets, TARGETS_MOST, thread_time() + seconds)
    if width is not None:
        search._width = width
    if growing:
        search.look_near()
    else:
        search.mark_inner()
    search.run()
    if not search.complete:
        search.look_at_running_frames()
    if not search.complete and unseen.is_frozen_by_host():
        search.look_into_modules()
    return search


def told(
    search: Search, targets: Sequence[Any], *, show_keys: bool = False, growing: bool = False
) -> tuple[Found | None, ...]:
    """Return what a search has found for each of its targets."""
    chains = [_read(search, each, show_keys=show_keys) for each in targets[:TARGETS_MOST]]
    entries = _entries(chains, search.targets)
    found = tuple(
        None if each is None else _found(each, entries, growing=growing, show_keys=show_keys) for each in chains
    )
    return found + (None,) * (len(targets) - len(found))


def representative(found: Iterable[Found | None]) -> Found | None:
    """Return the first of those whose path is the most frequent; one with a root is preferred to those without."""
    known = [each for each in found if each is not None]
    counts = Counter(each.holder.path for each in known)
    ranked = sorted(known, key=lambda each: (each.holder.root_kind == "unknown", -counts[each.holder.path]))
    return ranked[0] if ranked else None


@dataclass(frozen=True, slots=True)
class _Chain:
    root: Root | None
    raw: list[Any]
    steps: list[Step]
    module: str
    is_top_known: bool
    targets: int


def _read(search: Search, target: Any, *, show_keys: bool) -> _Chain | None:
    root, raw = best_chain(search, target)
    if root is None and (search.is_own(target) or (len(raw) == 1 and not search.has_asked_for(target))):
        return None
    module = search.namespaces.get(id(raw[0]), "")
    read = steps.read(raw, namespace=bool(module), show_keys=show_keys)
    return _Chain(root, raw, read, module, search.has_asked_for(raw[0]), search.given)


def _entries(chains: Iterable[_Chain | None], targets: Iterable[int]) -> dict[int, int]:
    """Return through how many entries of each container the chains go; containers that are residue are left out."""
    entries: dict[int, set[int]] = {}
    for chain in chains:
        for step in chain.steps if chain else ():
            if step.is_item and type(step.holder) is not tuple:
                entries.setdefault(id(step.holder), set()).add(id(step.held))
    return {each: len(held) for each, held in entries.items() if each not in set(targets)}


def _found(chain: _Chain, entries: dict[int, int], *, growing: bool, show_keys: bool) -> Found:
    target = chain.raw[-1]
    container: Any = access.MISSING
    if growing:
        container = target
    else:
        # The one that most of the residue is in; of equals the one nearest to the residue.
        among = [step.holder for step in chain.steps if id(step.holder) in entries and step.is_item]
        container = max(reversed(among), key=lambda each: entries[id(each)], default=access.MISSING)
    text, kind, prefix = _root(chain)
    links = [] if chain.root else [Link(type_name(type(chain.raw[0])), text, size_of(chain.raw[0]))]
    for number, step in enumerate(chain.steps):
        named = number == 0 and chain.root is not None and step.text.startswith(".") and ".<" not in step.text
        via = f"{step.via} of {chain.root.text}" if named and chain.root else step.via
        links.append(Link(type_name(type(step.held)), via, size_of(step.held), step.held is container))
    if not chain.root and chain.raw[0] is container:
        links[0] = Link(links[0].type, links[0].via, links[0].size, grows=True)
    return Found(
        holder=Holder(
            path=prefix + "".join(_text(step, container, show_keys=show_keys) for step in chain.steps),
            root=text,
            root_kind=kind,
            chain=tuple(links),
            size=None if container is access.MISSING else size_of(container),
        ),
        anchor=None if container is access.MISSING else anchors.anchor(_down_to(chain.raw, container), chain.module),
        bound=None if container is access.MISSING else _bound(_down_to(chain.raw, container)),
    )


def _bound(raw: list[Any]) -> int | None:
    """Return the bound of a chain's last object: its own, else that of the cache whose table it is."""
    above = [each for each in raw[-3:-1] if not access.is_a(each, type, ModuleType)]
    return next((bound for each in (raw[-1], *reversed(above)) if (bound := bound_of(each)) is not None), None)


def _text(step: Step, container: Any, *, show_keys: bool) -> str:
    """Return what a step adds to the path; in the container that grows, one kind of key is as good as another."""
    if step.holder is not container or show_keys or not step.text.startswith("["):
        return step.text
    return "[…]" + step.text.partition("]")[2]


def _root(chain: _Chain) -> tuple[str, RootKind, str]:
    """Return the root's text, its kind and how the path begins."""
    if chain.root is None:
        return unseen.root_above(chain.raw[0], chain.targets, is_top=chain.is_top_known)
    prefix = chain.root.prefix
    local = next((number for number, step in enumerate(chain.steps) if access.is_a(step.holder, _local)), None)
    if local is not None:
        name = prefix + "".join(step.text for step in chain.steps[:local])
        return f"thread-local {name}", "thread-local", prefix
    if chain.root.kind == "context-variable":
        return chain.steps[0].via, "context-variable", prefix
    return chain.root.text, chain.root.kind, prefix


def _down_to(raw: list[Any], container: Any) -> list[Any]:
    """Return the part of a chain that ends with the container, without gaps."""
    end = next(number for number, each in enumerate(raw) if each is container)
    gap = max((number for number, each in enumerate(raw[:end]) if type(each) is Repeat), default=-1)
    return raw[gap + 1 : end + 1]
