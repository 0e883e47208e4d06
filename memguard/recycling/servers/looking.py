"""How a server is found: by the objects that serve, which only a serving process has; never by names in its surroundings."""

import signal
import sys
import threading
from collections.abc import Iterator
from types import FrameType
from typing import Any

FRAMES_MOST = 1000


def signal_owner() -> Any:
    """Return the object whose method handles SIGTERM in this process, None where there is no such object."""
    return getattr(signal.getsignal(signal.SIGTERM), "__self__", None)


def modules_of(thing: object) -> list[str]:
    """Return the modules in which the classes of a thing are defined, its own first."""
    return [kind.__module__ for kind in type(thing).__mro__]


def main_frames() -> Iterator[FrameType]:
    """Yield the frames of the main thread, the innermost first; none where threads are patched, as by gevent."""
    # Patched threading knows its main thread by another identity; the first thread that was started is the main one.
    frames = sys._current_frames()
    frame = frames.get(threading.main_thread().ident or 0)
    for _ in range(FRAMES_MOST):
        if frame is None:
            return
        yield frame
        frame = frame.f_back


def local_of_main(module: str, function: str, name: str) -> Any:
    """Return a local variable of a function that the main thread is in; None where it is in no such function."""
    for frame in main_frames():
        if frame.f_code.co_name == function and frame.f_globals.get("__name__") == module:
            return frame.f_locals.get(name)
    return None


def lacking(what: str, thing: object, *methods: str, **values: Any) -> str:
    """Return, in words, which method or value a thing lacks or has of another kind; empty if all are as wanted.

    Args:
        what: What to call the thing.
        thing: The thing itself; nothing of it is called.
        methods: Names of attributes that must be callable.
        values: Names of attributes with their types.
    """
    wrong = [name for name in methods if not callable(getattr(thing, name, None))]
    wrong += [name for name, kind in values.items() if not isinstance(getattr(thing, name, None), kind)]
    if not wrong:
        return ""
    return (
        f"{what} is not built as memguard knows it ({', '.join(map(repr, wrong))} missing, or of another kind), "
        "so it is asked for nothing"
    )
