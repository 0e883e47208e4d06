"""Choice: of all the ways a search found from roots down to a target, the one a reader can act on best."""

import re
from typing import Any

from memguard.classes import module_of
from memguard.explain import access, roots
from memguard.explain.roots import Root
from memguard.explain.search import Search
from memguard.sources import lines_of

CLOSENESS_STEPS = 3
"""A module of the application is preferred to a library's that is so many references nearer."""


def best_chain(search: Search, target: Any) -> tuple[Root | None, list[Any]]:
    """Return the best root found for a target, and the objects from it down to the target.

    Without any root the chain begins with what is furthest up.
    """
    below: dict[int, int] = {}
    level, distance = [id(target)], 0
    seen = set(level)
    met: list[tuple[tuple[int, int], int]] = []
    top = id(target)
    while level:
        following: list[int] = []
        for each in level:
            root = search.roots.get(each) if distance else None
            if root is not None:
                met.append(((root.rank, distance + root.closeness * CLOSENESS_STEPS), each))
                if root.rank <= roots.FIRM:
                    continue
            if each not in search.up and each not in search._inner:
                top = each
            for above in search.up.get(each, ()):
                if above not in seen:
                    seen.add(above)
                    below[above] = each
                    following.append(above)
        level, distance = following, distance + 1
    order = min((order for order, _ in met), default=None)
    equal = [each for each_order, each in met if each_order == order]
    each = max(equal, key=lambda root: _ownership(search, root, below[root])) if len(equal) > 1 else [*equal, top][0]
    found = [search.nodes[each]]
    while each in below:
        each = below[each]
        found.append(search.nodes[each])
    return (search.roots[id(found[0])] if met else None), found


def _ownership(search: Search, root: int, held: int) -> int:
    """Tell how surely a module owns what it holds: another may only have imported it."""
    module = search.namespaces.get(root)
    if module is None:
        return 0
    each = search.nodes[held]
    kind: Any = each if access.is_a(each, type) else type(each)
    if module_of(kind) == module:
        return 2
    namespace = search.nodes[root]
    name, file = access.key_of(namespace, each), namespace.get("__file__")
    if type(name) is not str or type(file) is not str:
        return 0
    assigned = re.compile(rf"(class |def |async def )?{re.escape(name)}\s*[=:,(]")
    return int(any(assigned.match(line) for line in lines_of(file)))
