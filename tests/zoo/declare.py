"""How an operation of the zoo declares its truth beside its code.

The decorators return the function untouched and keep nothing: what runs in a server is the operation alone. The truth is
read from the source by `tests.zoo.truth`, so arguments are literals. The allocating line carries the comment `# leaks`
(in the operation's own function), or `# leaks: name` (anywhere else in the file); where two lines are equally right,
both carry it.
"""

from collections.abc import Callable
from typing import Any, TypeVar

Operation = TypeVar("Operation", bound=Callable[..., Any])


def leaks(
    *,
    pattern: str | tuple[str, ...],
    holder: str | tuple[str, ...] = (),
    types: str | tuple[str, ...] = (),
    one_in: int = 1,
    per_second: float = 10.0,
    most: int | None = None,
    ask: str | tuple[str, ...] = (),
    route: str = "",
    kind: str = "request",
    library: str | tuple[str, ...] = (),
    traced: bool = True,
) -> Callable[[Operation], Operation]:
    """Declare that an operation leaks.

    Args:
        pattern: Pattern ids of design §10 that are right; one, where only one is.
        holder: Texts of which one must be in the holder's path or root; `kind:thread` stands for a root of that kind;
            none where nothing that Python can see holds the residue.
        types: Texts of which one must be in the reported types, where that is meaningful.
        one_in: One unit in so many leaks.
        per_second: Units that the driver sends each second.
        most: Units after which the driver stops sending, None for no limit.
        ask: URL paths to ask for, chosen at random, `{n}` being a running number; the operation's own path where empty.
        route: The route template, where it is not the function's name.
        kind: `request`, `websocket` or `task`.
        library: Texts of which one is in the file of a site that is right, too: the allocation has no frame of the host's.
        traced: False where the allocation is not seen by tracemalloc, so that no site is right, too.
    """
    return lambda operation: operation


def innocent(
    *,
    per_second: float = 10.0,
    most: int | None = None,
    ask: str | tuple[str, ...] = (),
    route: str = "",
    kind: str = "request",
) -> Callable[[Operation], Operation]:
    """Declare that an operation does not leak, whatever it looks like; arguments as of `leaks`."""
    return lambda operation: operation
