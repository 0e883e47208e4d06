"""Storing: the line of an operation's own code that puts something into a container, read from the source.

What a framework allocates before the operation's code runs, as a request is, was allocated in no line of the host's. What
the host has to mend then is the line that keeps it.
"""

import ast
from collections.abc import Iterator
from functools import lru_cache

from memguard.explain.sites import Code, Frame, syntax_tree

_PUTTING = frozenset({
    "add", "append", "appendleft", "connect", "extend", "extendleft", "insert", "push", "put", "put_nowait", "register",
    "send", "set", "setdefault", "subscribe", "update", "write",
})  # fmt: skip


def storing_line(code: Code, path: str) -> Frame | None:
    """Return the line that puts something into the container at a path, as `shop.views._requests`; None if there is none.

    The names of the path are tried from its end. Where several lines do, it is not known which one, and so None, too.

    Args:
        code: The operation's own.
        path: Of the container, or of one of its entries.
    """
    for name in reversed(path.partition("[")[0].split(".")):
        lines = {
            (file, line)
            for file, first, last in code
            for line, into in _puts(file)
            if into == name and first <= line <= last
        }
        if lines:
            return lines.pop() if len(lines) == 1 else None
    return None


@lru_cache(maxsize=64)
def _puts(file: str) -> tuple[tuple[int, str], ...]:
    """Return the lines of a file that put something into something, with the name of what they put it into."""
    tree = syntax_tree(file)
    return tuple(put for node in ast.walk(tree) for put in _put_by(node)) if tree is not None else ()


def _put_by(node: ast.AST) -> Iterator[tuple[int, str]]:
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in _PUTTING:
        yield node.lineno, _name(node.func.value)
    elif isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign):
        for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
            if isinstance(target, ast.Subscript):
                yield node.lineno, _name(target.value)
            elif isinstance(node, ast.AugAssign):
                yield node.lineno, _name(target)


def _name(node: ast.expr) -> str:
    """Return the last name of what an expression leads to: `active` of `connections.active`, of `parts[0]` `parts`."""
    while isinstance(node, ast.Subscript | ast.Call):
        node = node.value if isinstance(node, ast.Subscript) else node.func
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""
