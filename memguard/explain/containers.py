"""Containers: how full they are, what came in last, what bounds them. Built-in layouts only; no host code runs."""

import functools
import gc
from array import array
from collections import deque
from io import BytesIO
from itertools import islice
from queue import SimpleQueue
from typing import Any, TypeGuard

from memguard.classes import type_name
from memguard.explain import access

_WRAPPER: Any = functools._lru_cache_wrapper
_SIZED = (dict, list, set, frozenset, deque, tuple, bytearray, array)
_CAPS = ("maxsize", "max_size", "maxlen", "_maxsize")
_ATOMS = (type(None), bool, int, float, complex, str, bytes)


def is_cache(each: object) -> bool:
    """Tell whether an object is what `functools.lru_cache` makes."""
    return type(each) is _WRAPPER


def is_queue(each: object) -> TypeGuard["SimpleQueue[Any]"]:
    """Tell whether an object is a queue in C: what thread pools keep their work in."""
    return access.is_a(each, SimpleQueue)


def size_of(container: object) -> int | None:
    """Return how many entries a container has, or bytes a buffer; None for what has no built-in layout of either."""
    kind = type(container)
    if kind is list or kind is dict or kind is set or kind is deque:  # nearly all, some of them read after every unit
        return len(container)  # type: ignore[arg-type]
    if is_cache(container):
        return int(_WRAPPER.cache_info(container).currsize)
    if is_queue(container):
        return SimpleQueue.qsize(container)
    for base in access.mro(container):
        if base is BytesIO:
            return _bytes_in(container)
        if any(base is kind for kind in _SIZED):
            return int(base.__len__(container))  # type: ignore[attr-defined]  # each of them has it
    return None


def _bytes_in(buffer: Any) -> int | None:
    """Return how much a buffer holds, None for a closed one.

    While a view of it exists the host cannot write to it; so the view comes and goes within one call of C code, in which
    no other thread has its turn.
    """
    try:
        return sum(map(len, map(BytesIO.getbuffer, (buffer,))))
    except ValueError:
        return None


def newest(container: Any, count: int) -> list[Any]:
    """Return the entries that came in last, at most `count`, oldest of them first; of a dict the keys of plain values, too.

    Empty for sets and for what is no built-in container.
    """
    if count <= 0:
        return []
    if type(container) is _WRAPPER:
        stored = [each for each in gc.get_referents(container) if type(each) is dict]
        container = stored[0] if stored and stored[0] is not access.own_dict(container) else {}
    if access.is_a(container, dict):
        values = list(islice(reversed(dict.values(container)), count))[::-1]
        if any(access.exactly(value, *_ATOMS) for value in values):
            values += list(islice(reversed(dict.keys(container)), count))[::-1]
        return values
    if access.is_a(container, list):
        return list.__getitem__(container, slice(-count, None))
    if access.is_a(container, deque):
        return list(islice(deque.__reversed__(container), count))[::-1]
    return []


def bound_of(container: Any) -> int | None:
    """Return the cap that a container has by itself, None for an unbounded one."""
    if access.is_a(container, deque):
        cap = deque.__dict__["maxlen"].__get__(container)
    elif type(container) is _WRAPPER:
        cap = container.cache_parameters()["maxsize"]
    else:
        cap = next((value for name in _CAPS if (value := _stored(container, name)) is not None), None)
    return cap if type(cap) is int and cap > 0 else None


def _stored(container: Any, name: str) -> Any:
    """Return a value an instance has in its own namespace; like cachetools', under a mangled name as well."""
    mapping = access.own_dict(container) if not access.exactly(container, dict, list, set) else None
    if mapping is None:
        return None
    found = [mapping.get(name)]
    found += [mapping.get(f"_{type_name(base).rpartition('.')[2]}__{name}") for base in access.mro(container)]
    return next((value for value in found if type(value) is int), None)
