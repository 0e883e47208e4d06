"""Anchors: a way back to a container later, that keeps nothing of the host's alive meanwhile."""

import gc
import sys
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from types import ModuleType
from typing import Any

from memguard.classes import type_name
from memguard.explain import access

_STEPS_MOST = 40
_CARRIERS_MOST = 64


@dataclass(frozen=True, slots=True)
class Anchor:
    """Where a container is found again: the nearest lasting object above it, and the way down from there.

    Attributes:
        module: Name of the module the way begins at, empty where it begins at `start`.
        start: Weak reference to the object it begins at.
        steps: The id and the class name of each object on the way, and the name of the attribute where it is one's.
    """

    module: str
    start: "weakref.ref[Any] | None"
    steps: tuple[tuple[int, str, str], ...]

    def container(self) -> Any | None:
        """Return the container as it is now, None when it is gone or something else is in its place.

        The caller gets a strong reference and must let it go again.
        """
        each = self._begin()
        for wanted, kind, name in self.steps:
            if each is None:
                return None
            each = _held(each, wanted, kind, name)
        return each

    def _begin(self) -> Any | None:
        if self.start is not None:
            return self.start()
        module = sys.modules.get(self.module)
        return access.module_dict(module) if module is not None and access.is_a(module, ModuleType) else None


def anchor(raw: Sequence[Any], module: str) -> Anchor | None:
    """Return the anchor of the last object of a chain, None where nothing above it lasts.

    Args:
        raw: The chain down to the container, without gaps.
        module: The name of the module whose namespace the first object is, empty where it is none.
    """
    for position in range(len(raw) - 1, -1, -1):
        if len(raw) - position > _STEPS_MOST:
            return None
        if position == 0 and module:
            return Anchor(module, None, _steps(raw[position:]))
        try:
            # A plain reference without a callback: whoever else has one to this object has the same.
            start = weakref.ref(raw[position])
        except TypeError:
            continue
        return Anchor("", start, _steps(raw[position:]))
    return None


def _steps(raw: Sequence[Any]) -> tuple[tuple[int, str, str], ...]:
    steps = []
    for holder, held in pairwise(raw):
        key = access.key_of(holder, held) if type(holder) is dict else None
        name = key if type(key) is str and access.exactly(held, dict, list, set, tuple, frozenset) else ""
        steps.append((id(held), type_name(type(held)), name))
    return tuple(steps)


def _held(holder: Any, wanted: int, kind: str, name: str) -> Any | None:
    if name and type(holder) is dict and id(holder.get(name)) == wanted:
        return holder[name]  # in one step: a namespace may have hundreds of names
    referents = gc.get_referents(holder)
    found = next((each for each in referents if id(each) == wanted), None)
    if found is None:
        # An instance that has got a `__dict__` of its own since, or lost it.
        inside = (each for each in referents[:_CARRIERS_MOST] if type(each) is dict)
        found = next((value for each in inside for value in gc.get_referents(each) if id(value) == wanted), None)
    if found is None and name and type(holder) is dict:
        # `rows = rows + [row]` puts a new list under the old name.
        found = holder.get(name)
    return found if found is not None and type_name(type(found)) == kind else None
