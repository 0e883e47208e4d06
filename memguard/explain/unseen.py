"""What is told of an object to which no root leads: what it is that the collector does not show."""

import atexit
import gc
from functools import partial
from types import FunctionType, MethodType
from typing import Any

from memguard.classes import type_name
from memguard.evidence import RootKind
from memguard.explain import access, referrers

FROZEN_BY_THE_HOST = 1_000
"""CPython 3.12 itself freezes some hundreds of objects."""
NOT_VISIBLE = "not visible: the application froze its heap"
EXIT_HOOKS_MANY = 32
"""More than the standard library and well-behaved libraries leave."""


def is_frozen_by_host() -> bool:
    """Tell whether the application froze its heap (`gc.freeze`), so that what is in it is nobody's referrer."""
    return gc.get_freeze_count() > FROZEN_BY_THE_HOST


def root_above(top: Any, own: int, *, is_top: bool) -> tuple[str, RootKind, str]:
    """Return the root's text and kind and the beginning of the path for an object that nothing visible refers to.

    The list of exit hooks is C code's alone. A function, or what a tuple that nothing refers to holds, is taken for
    one of them only where there are far too many of them.

    Args:
        top: What the chain begins with.
        own: Id of what the caller holds it by.
        is_top: Nothing refers to it; otherwise it was not looked what does.
    """
    if is_frozen_by_host():
        return NOT_VISIBLE, "unknown", f"<{type_name(type(top))}>"
    count = atexit._ncallbacks() if is_top else 0
    if count >= EXIT_HOOKS_MANY and (
        access.exactly(top, FunctionType, MethodType, partial) or referrers.tuples_with(top) - {own}
    ):
        return f"{count} exit hooks (atexit)", "interpreter", "<exit hooks>[…]"
    return "unknown", "unknown", f"<{type_name(type(top))}>"
