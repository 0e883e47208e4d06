"""The one place where a fork is handled: what a child process must make anew is registered here.

`os.register_at_fork` cannot be undone, so it is called once and the callbacks are held weakly: an object that is
gone has nothing left to reset. Callbacks run in the order in which they were registered, in the child, before any
other Python code of the child.
"""

import os
import weakref
from collections.abc import Callable
from typing import Any

from memguard.safety import Part

_resets: list["weakref.WeakMethod[Callable[[], Any]]"] = []


def reset_in_child(method: Callable[[], Any]) -> None:
    """Call a bound method in every child forked from now on, for as long as its object lives."""
    _resets[:] = [reference for reference in _resets if reference() is not None]
    _resets.append(weakref.WeakMethod(method))


def _reset_all() -> None:
    for reference in tuple(_resets):
        method = reference()
        if method is not None:
            with Part(f"fork: {getattr(method, '__qualname__', method)}"):
                method()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_reset_all)
