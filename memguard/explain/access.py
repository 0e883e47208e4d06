"""Reading objects of the host as the interpreter itself does: no descriptor, property or metaclass of the host runs."""

from collections import deque
from collections.abc import Iterator
from itertools import compress, repeat
from operator import is_, is_not
from types import (
    CodeType,
    FunctionType,
    GetSetDescriptorType,
    MappingProxyType,
    MemberDescriptorType,
    ModuleType,
)
from typing import Any

MISSING: Any = object()
_MRO, _DICT = (type.__dict__[f"__{name}__"] for name in ("mro", "dict"))
_MODULE_DICT: Any = vars(ModuleType)["__dict__"]


def mro(each: object) -> tuple[type, ...]:
    """Return the classes of an object, its own first."""
    found: tuple[type, ...] = _MRO.__get__(type(each))
    return found


def is_a(each: object, *kinds: type) -> bool:
    """Tell whether an object is an instance, asking no `__instancecheck__` and no `__class__`."""
    return derives(type(each), *kinds)


def derives(derived: type, *kinds: type) -> bool:
    """Tell whether a class is one of these or a subclass, asking no `__subclasscheck__`."""
    for base in _MRO.__get__(derived):
        for kind in kinds:
            if base is kind:
                return True
    return False


def exactly(each: object, *kinds: type) -> bool:
    """Tell whether an object's class is one of these; a metaclass of the host may define equality and hashes."""
    for kind in kinds:  # noqa: SIM110 - half the time of `any`, for each object that a search looks at
        if type(each) is kind:
            return True
    return False


def class_dict(kind: type) -> MappingProxyType[str, Any]:
    """Return the namespace of a class."""
    found: MappingProxyType[str, Any] = _DICT.__get__(kind)
    return found


def module_dict(module: ModuleType) -> dict[str, Any]:
    """Return the namespace of a module."""
    found: dict[str, Any] = _MODULE_DICT.__get__(module)
    return found


def own_dict(each: object) -> dict[Any, Any] | None:
    """Return an object's `__dict__`, None where it has none; CPython makes one for an instance that had none so far."""
    for base in mro(each):
        getter = class_dict(base).get("__dict__")
        if type(getter) is GetSetDescriptorType and base is not type:
            try:
                found = getter.__get__(each)
            except AttributeError:
                return None
            return found if type(found) is dict else None
    return None


def key_of(mapping: dict[Any, Any], value: object) -> Any:
    """Return the key under which a dict holds this very value, or MISSING; no key is hashed or compared."""
    return next(compress(dict.keys(mapping), map(is_, dict.values(mapping), repeat(value))), MISSING)


def has_key(mapping: dict[Any, Any], key: object) -> bool:
    """Tell whether a dict has this very object as a key."""
    return any(map(is_, dict.keys(mapping), repeat(key)))


def items_of(each: object) -> Iterator[Any]:
    """Return what a built-in sequence or set, or an instance of a subclass, contains."""
    for base in mro(each):
        if any(base is kind for kind in (list, tuple, set, frozenset, deque)):
            iterate: Any = base.__dict__["__iter__"]
            found: Iterator[Any] = iterate(each)
            return found
    return iter(())


def contains(each: object, held: object) -> bool:
    """Tell whether a built-in sequence or set contains this very object."""
    try:
        return any(map(is_, items_of(each), repeat(held)))
    except RuntimeError:  # a deque or set that changed meanwhile
        return False


def slot_of(each: object, held: object) -> str | None:
    """Return the name of the slot in which an object holds another."""
    for base in mro(each):
        for name, descriptor in class_dict(base).items():
            if type(descriptor) is MemberDescriptorType:
                try:
                    if descriptor.__get__(each) is held:
                        return str(name)
                except AttributeError:
                    continue
    return None


def slot_named(each: object, name: str) -> Any:
    """Return what an object has in a slot of its class, MISSING where it has no such slot or nothing in it."""
    for base in mro(each):
        descriptor = class_dict(base).get(name)
        if type(descriptor) is MemberDescriptorType:
            try:
                return descriptor.__get__(each)
            except AttributeError:
                return MISSING
    return MISSING


def attribute_of(each: object, held: object) -> str | None:
    """Return the name of the attribute by which an instance holds another object, None where it holds it otherwise.

    Instances without a `__dict__` of their own keep it that way where the code of their class names the attribute.
    """
    slot = slot_of(each, held)
    if slot is not None:
        return slot
    if own_dict_exists(each, held):
        return None
    named = _attribute_named_in_code(each, held)
    if named is not None:
        return named
    mapping = own_dict(each)
    if mapping is None or mapping is held:
        return None
    key = key_of(mapping, held)
    return key if type(key) is str else None


def own_dict_exists(each: object, held: object) -> bool:
    """Tell whether `held` is the `__dict__` of the object itself."""
    if type(held) is not dict or any(map(is_not, map(type, dict.keys(held)), repeat(str))):
        return False
    return _attribute_named_in_code(each, held) is None and slot_of(each, held) is None and own_dict(each) is held


def _attribute_named_in_code(each: object, held: object) -> str | None:
    namespaces = [class_dict(base) for base in mro(each)]
    for name in _names_in_code(namespaces):
        if any(name in namespace for namespace in namespaces):
            continue
        try:
            if object.__getattribute__(each, name) is held:
                return name
        except AttributeError:
            continue
    return None


def _names_in_code(namespaces: list[MappingProxyType[str, Any]]) -> Iterator[str]:
    seen: set[str] = set()
    for namespace in namespaces:
        for value in list(namespace.values()):
            if type(value) is FunctionType:
                code: CodeType = value.__code__
                yield from (name for name in code.co_names if name not in seen)
                seen.update(code.co_names)
