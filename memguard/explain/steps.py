"""Steps: how one object of a chain refers to the next, read off both and put into words."""

import functools
import gc
import sys
import weakref
from _thread import _local
from collections import deque
from collections.abc import Sequence
from contextvars import Context
from itertools import repeat
from operator import is_
from types import (
    AsyncGeneratorType,
    CellType,
    CoroutineType,
    FrameType,
    FunctionType,
    GeneratorType,
    MappingProxyType,
    MethodType,
    ModuleType,
    TracebackType,
)
from typing import Any

from memguard.classes import type_name
from memguard.explain import access, containers, roots, variables
from memguard.explain.joining import Step, without_carriers, without_rows
from memguard.explain.rows import Repeat

KEY_MOST = 40
QUEUE_IS_RING = sys.version_info >= (3, 13)
"""Before, a `queue.SimpleQueue` kept its items in a list."""
_WRAPPER: Any = functools._lru_cache_wrapper
_CARRIED = {
    "method": "bound method",
    "functools.partial": "functools.partial",
    "weakref.ReferenceType": "callback of a weak reference",
}
_SUSPENDED = (CoroutineType, GeneratorType, AsyncGeneratorType)


def read(raw: Sequence[Any], *, namespace: bool, show_keys: bool) -> list[Step]:
    """Return the steps along a chain of objects, each of which refers to the next.

    Args:
        raw: The chain; the `Repeat` in it stands for objects left out.
        namespace: The first object is the namespace of a module.
        show_keys: Keys that are text or whole numbers may be in paths.
    """
    steps: list[Step] = []
    position = 0
    while position < len(raw) - 1:
        if namespace and position == 0:
            name = access.key_of(raw[0], raw[1])
            steps.append(_attribute(name, raw[0], raw[1]))
            position = 1
            continue
        if type(raw[position + 1]) is Repeat:
            taken, step = 2, _repeated(raw, position)
        else:
            taken, step = _match(raw, position, show_keys=show_keys)
        if type(step.holder) is tuple and next((each.text for each in reversed(steps) if each.text), "").endswith("]"):
            step.text = step.via = ""
        steps.append(step)
        position += taken
    return without_rows(without_carriers(steps))


def _attribute(name: Any, holder: Any, held: Any) -> Step:
    return Step(f".{name}", f"attribute {name}", holder, held) if type(name) is str else _unknown(holder, held)


def _unknown(holder: Any, held: Any) -> Step:
    return Step(".<…>", "a reference", holder, held)


def _part_of(error: BaseException, held: Any) -> str | None:
    parts = ("__traceback__", "__cause__", "__context__", "args")
    return next((name for name in parts if vars(BaseException)[name].__get__(error) is held), None)


def _repeated(raw: Sequence[Any], position: int) -> Step:
    mark: Repeat = raw[position + 1]
    between = next((each for each in gc.get_referents(mark.first) if _is_between(each, mark.second)), None)
    inner = [mark.first, mark.second] if between is None else [mark.first, between, mark.second]
    steps = read(inner, namespace=False, show_keys=False)
    text, via = "".join(each.text for each in steps), ", ".join(each.via for each in steps)
    return Step(text, via, raw[position], raw[position + 2], times=mark.count)


def _is_between(each: Any, held: Any) -> bool:
    return type(each) is dict and access.key_of(each, held) is not access.MISSING


def _match(raw: Sequence[Any], position: int, *, show_keys: bool) -> tuple[int, Step]:
    """Return how many references the step takes, and the step."""
    holder, held = raw[position], raw[position + 1]
    after = raw[position + 2] if position + 2 < len(raw) and type(raw[position + 2]) is not Repeat else access.MISSING
    last = raw[position + 3] if position + 3 < len(raw) else access.MISSING
    if type(holder) is FunctionType:
        return _of_function(holder, held, after, last)
    if containers.is_queue(holder) and not QUEUE_IS_RING and after is not access.MISSING:
        return 2, Step("[…]", "item", holder, after, is_item=True)
    if type(holder) is _WRAPPER:
        if held is holder.__wrapped__:
            return 1, Step(".__wrapped__", "the function it wraps", holder, held)
        if type(held) is dict and after is not access.MISSING and held is access.own_dict(holder):
            return _named(holder, held, after)
        if type(held) is dict and after is not access.MISSING:
            return 2, Step(".cache[…]", "item", holder, after, is_item=True)
        return 1, Step(".cache[…]", "item", holder, held, is_item=True)
    if access.is_a(holder, _local) and type(held) is dict and type(after) is dict and last is not access.MISSING:
        return 3, _attribute(access.key_of(after, last), holder, last)
    if type(holder) is Context:
        return _of_context(raw, position)
    if access.exactly(holder, CellType, MethodType, functools.partial, MappingProxyType, TracebackType, weakref.ref):
        return 1, Step("", _CARRIED.get(type_name(type(holder)), ""), holder, held)
    if access.exactly(holder, FrameType, *_SUSPENDED):
        name = variables.name_of(holder, held)
        where = roots.code_name(holder)
        return 1, Step(
            f".<local {name}>" if name else ".<local>",
            f"local variable {name} of {where}" if name else f"a local variable of {where}",
            holder,
            held,
        )
    if access.is_a(holder, *roots.task_types()) and access.exactly(held, *_SUSPENDED):
        return 1, Step("", "", holder, held)
    if access.is_a(holder, BaseException) and (name := _part_of(holder, held)):
        return 1, Step(f".{name}", name.strip("_"), holder, held)
    if type(held) is dict and after is not access.MISSING and _is_namespace(holder, held, after):
        return _named(holder, held, after)
    return 1, _entry(holder, held, show_keys=show_keys)


def _named(holder: Any, namespace: dict[Any, Any], held: Any) -> tuple[int, Step]:
    return 2, _attribute(access.key_of(namespace, held), holder, held)


def _is_namespace(holder: Any, held: dict[Any, Any], after: Any) -> bool:
    if access.is_a(holder, ModuleType):
        return held is access.module_dict(holder)
    if access.is_a(holder, type):
        return next((True for _ in filter(None, map(is_, access.class_dict(holder).values(), repeat(after)))), False)
    if access.is_a(holder, list, tuple, set, frozenset, deque) and access.contains(holder, held):
        return False
    if access.is_a(holder, dict) and access.key_of(holder, held) is not access.MISSING:
        return False
    return access.own_dict_exists(holder, held)


def _of_function(function: FunctionType, held: Any, after: Any, last: Any) -> tuple[int, Step]:
    name = roots.function_name(function)
    code = function.__code__
    if type(held) is tuple and held is function.__closure__ and type(after) is CellType:
        variable = next(name for name, cell in zip(code.co_freevars, held, strict=True) if cell is after)
        target = after if last is access.MISSING else last
        via = f"closure variable {variable} of {name}"
        return (2 if last is access.MISSING else 3), Step(f".<closure {variable}>", via, function, target)
    if type(held) is tuple and held is function.__defaults__ and after is not access.MISSING:
        names = code.co_varnames[code.co_argcount - len(held) : code.co_argcount]
        variable = next(name for name, value in zip(names, held, strict=True) if value is after)
        return 2, Step(f".<default {variable}>", f"default of parameter {variable} of {name}", function, after)
    if type(held) is dict and held is function.__kwdefaults__ and after is not access.MISSING:
        variable = access.key_of(held, after)
        return 2, Step(f".<default {variable}>", f"default of parameter {variable} of {name}", function, after)
    if type(held) is dict and after is not access.MISSING and held is function.__dict__:
        return _named(function, held, after)
    return 1, _unknown(function, held)


def _of_context(raw: Sequence[Any], position: int) -> tuple[int, Step]:
    context = raw[position]
    end = position + 1
    while end < len(raw) - 1 and roots.is_hamt(raw[end]):
        end += 1
    variable = roots.variable_of(context, raw[end])
    name = roots.variable_name(variable) if variable is not None else "?"
    return end - position, Step(f"<context variable {name}>", f"context variable {name}", context, raw[end])


def _entry(holder: Any, held: Any, *, show_keys: bool) -> Step:
    if access.is_a(holder, dict):
        key = access.key_of(holder, held)
        if key is not access.MISSING:
            return Step(f"[{_shown(key, show_keys=show_keys)}]", "item", holder, held, is_item=True)
        if access.has_key(holder, held):
            return Step("[…]", "key", holder, held, is_item=True)
    if access.is_a(holder, tuple) and type(holder) is not tuple:
        names = access.class_dict(type(holder)).get("_fields")
        for number, value in enumerate(access.items_of(holder)):
            if value is held and type(names) is tuple and number < len(names):
                return _attribute(names[number], holder, held)
    if access.contains(holder, held) or containers.is_queue(holder):
        return Step("[…]", "item", holder, held, is_item=True)
    name = access.attribute_of(holder, held)
    if name is not None:
        return _attribute(name, holder, held)
    if type(held) is dict and (access.is_a(holder, type) or held is access.own_dict(holder)):
        return Step(".__dict__", "its attributes", holder, held)
    if held is type(holder):
        return Step(".__class__", "class", holder, held)
    return _unknown(holder, held)


def _shown(key: Any, *, show_keys: bool) -> str:
    if show_keys and access.exactly(key, str, int):
        text = repr(key)
        return text if len(text) <= KEY_MOST else text[: KEY_MOST - 1] + "…"
    return type_name(type(key))
