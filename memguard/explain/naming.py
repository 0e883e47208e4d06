"""Names: from a dotted name as a person writes it to the object, without any code of the host's."""

import sys
from types import ModuleType
from typing import Any

from memguard.explain import access
from memguard.explain.roots import resolve


def class_of(name: str) -> type | None:
    """Return the class of a name like `shop.Order` or `dict`; None where the modules do not lead to one."""
    module, _, qualified = name.partition(".")
    if not qualified:
        module, qualified = "builtins", name
    while qualified:
        found = resolve(module, qualified)
        if found is not access.MISSING:
            return found if access.is_a(found, type) else None
        head, _, qualified = qualified.partition(".")
        module = f"{module}.{head}"
    return None


def found(path: str) -> Any:
    """Return what a path like `shop.views._request_caches` or `shop.registry.by_name` leads to, MISSING where nowhere.

    The longest name of a module comes first; from there on attributes of modules, classes and instances are followed, as
    they are stored. What stands for any entry at the end (`[…]`, `[str]`) is left out: it is the container that is meant.
    """
    names = path.partition("[")[0].split(".")
    for cut in range(len(names), 0, -1):
        module = sys.modules.get(".".join(names[:cut]))
        if module is not None and access.is_a(module, ModuleType):
            each: Any = module
            for name in names[cut:]:
                each = _attribute(each, name)
                if each is access.MISSING:
                    return each
            return each
    return access.MISSING


def namespaces() -> frozenset[int]:
    """Return the ids of the namespaces of all modules."""
    modules = [each for each in list(sys.modules.values()) if access.is_a(each, ModuleType)]
    return frozenset(id(access.module_dict(each)) for each in modules)


def _attribute(each: Any, name: str) -> Any:
    if access.is_a(each, ModuleType):
        return access.module_dict(each).get(name, access.MISSING)
    if access.is_a(each, type):
        spaces = [access.class_dict(base) for base in type.__dict__["__mro__"].__get__(each)]
        return next((space[name] for space in spaces if name in space), access.MISSING)
    own = access.own_dict(each)
    if own is not None and name in own:
        return own[name]
    return access.slot_named(each, name)
