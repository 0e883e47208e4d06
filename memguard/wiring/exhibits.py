"""Exhibits: the objects that are asked where they were allocated. Strong references, for the caller's call only."""

from collections.abc import Iterable, Mapping
from itertools import islice
from typing import Any

from memguard.classes import type_name
from memguard.explain import sites
from memguard.explain.holders import newest
from memguard.instruments import census
from memguard.instruments.growers import entries
from memguard.instruments.traces import frames_of
from memguard.wiring.containers import Containers
from memguard.wiring.wishes import EXAMINED_MOST, Wish


def to_ask(
    containers: Containers, wish: Wish, of_type: Mapping[str, list[Any]], grown: Mapping[str, int], *, keys: bool
) -> Iterable[Any]:
    """Return what the container has gained, which tells exactly; else survivors of the types that last.

    Tracing began with the window, so of a container's entries only those that it has gained have a traceback.
    """
    if wish.path not in grown:
        return [each for name in wish.types for each in of_type.get(name, ())] if not keys else ()
    path, gained = wish.path, grown[wish.path]
    if gained <= 0:
        return ()
    found = (
        each
        for container in containers.of(path)
        for each in entries(container, gained, keys=keys) or newest(container, gained)
    )
    return islice(found, EXAMINED_MOST)


def by_type(born: list[Any], wanted: frozenset[str]) -> dict[str, list[Any]]:
    """Return survivors of the wanted types, by name."""
    if not wanted:
        return {}
    found: dict[str, list[Any]] = {}
    for kind, same in census.by_type(born):
        name = type_name(kind)
        if name in wanted:
            found.setdefault(name, []).extend(same)
    return found


def line_of(each: object) -> tuple[str, int] | None:
    """Return the line that an object's allocation comes down to; None where it is not known."""
    return sites.line_to_blame(frames_of(each))
