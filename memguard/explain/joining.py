"""Steps of a chain, and how those that a person would not write are joined with their neighbours."""

import functools
import weakref
from dataclasses import dataclass
from types import CellType, FrameType, MappingProxyType, MethodType, TracebackType
from typing import Any

from memguard.explain import access

_CARRIERS = (
    tuple, CellType, MethodType, functools.partial, TracebackType, FrameType, MappingProxyType, staticmethod,
    classmethod, property, weakref.ReferenceType,
)  # fmt: skip


@dataclass(slots=True)
class Step:
    """From a holder to what it holds; lives only while a chain is rendered.

    Attributes:
        text: What is added to the path; empty where a person would not write it.
        via: The same in words.
        holder, held: The objects; what is between them (an instance's `__dict__`, a function's cells) is left out.
        is_item: The holder is a container and `held` an entry of it.
        times: How many references of this kind follow each other, the objects between left out.
    """

    text: str
    via: str
    holder: Any
    held: Any
    is_item: bool = False
    times: int = 1


def without_carriers(steps: list[Step]) -> list[Step]:
    """Join the steps to and from objects that a person would not name."""
    joined: list[Step] = []
    for step in steps:
        before = joined[-1] if joined else None
        if before is not None and access.exactly(before.held, *_CARRIERS) and before.held is step.holder:
            before.via = ", ".join(dict.fromkeys(filter(None, (before.via, step.via))))
            before.text += step.text
            before.held = step.held
        else:
            joined.append(step)
    return joined


def without_rows(steps: list[Step]) -> list[Step]:
    """Write steps of one kind between objects of one class as one, where there are many in a row."""
    joined: list[Step] = []
    for step in steps:
        before = joined[-1] if joined else None
        if before is not None and before.text == step.text and not step.is_item and _alike(before, step):
            before.held, before.times = step.held, before.times + step.times
        else:
            joined.append(step)
    for step in joined:
        if step.times > 1:
            step.text, step.via = f"(…{step.text})*", f"{step.via}, {step.times} times"
    return joined


def _alike(one: Step, other: Step) -> bool:
    return type(one.holder) is type(other.holder) and type(one.held) is type(other.held)
