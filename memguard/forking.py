"""The one place where a fork is handled: what a child process must make anew is registered here.

`os.register_at_fork` cannot be undone, so it is called once and the callbacks are held weakly: an object that is
gone has nothing left to reset. Callbacks run in the order in which they were registered, in the child, before any
other Python code of the child.

A child that is born while another thread is in the middle of an import has that module half made, with a lock that
nobody will ever release: it waits for ever when it imports it (tried, CPython 3.11 to 3.13). So a fork waits until an
import of ours is over.
"""

import os
import threading
import weakref
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from memguard.safety import Part

WAIT_SECONDS = 1.0
"""The longest that a fork is held up."""

_importing = threading.RLock()
_holders: set[int] = set()
"""The threads that fork just now and hold the lock."""
_resets: list["weakref.WeakMethod[Callable[[], Any]]"] = []


def reset_in_child(method: Callable[[], Any]) -> None:
    """Call a bound method in every child forked from now on, for as long as its object lives."""
    _resets[:] = [reference for reference in _resets if reference() is not None]
    _resets.append(weakref.WeakMethod(method))


@contextmanager
def undivided() -> Iterator[None]:
    """Have no other thread fork this process meanwhile: for imports by threads of a host that is up already.

    It is taken last: whoever imports may hold any other lock of memguard's, so inside nobody waits for one.
    """
    with _importing:
        yield


def _before() -> None:
    if _importing.acquire(timeout=WAIT_SECONDS):
        _holders.add(threading.get_ident())


def _after_in_parent() -> None:
    if threading.get_ident() in _holders:
        _holders.discard(threading.get_ident())
        _importing.release()


def _after_in_child() -> None:
    global _importing
    _importing = threading.RLock()
    _holders.clear()
    _reset_all()


def _reset_all() -> None:
    for reference in tuple(_resets):
        method = reference()
        if method is not None:
            with Part(f"fork: {getattr(method, '__qualname__', method)}"):
                method()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_before, after_in_parent=_after_in_parent, after_in_child=_after_in_child)
