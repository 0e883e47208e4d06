"""tracemalloc, switched on and off without taking it from a host that uses it itself."""

import _tracemalloc
import ctypes
import sys
import tracemalloc
from collections.abc import Callable
from typing import Any

Frames = tuple[tuple[str, int], ...]

_MANAGED_DICT = 1 << 4
_FLAGS = type.__dict__["__flags__"]


class Tracing:
    """Owns the tracing that memguard started; tracing that the host started is used and never stopped or reset.

    Attributes:
        ours: Tracing is on and was started here.
        switches: How often it was started or stopped here. tracemalloc's own tables are memory, of which it needs much.
    """

    def __init__(self) -> None:
        self.ours = False
        self.switches = 0

    @property
    def on(self) -> bool:
        """Whether allocations are traced now, by whomever it was switched on."""
        return tracemalloc.is_tracing()

    def start(self, frames: int) -> None:
        """Trace from now on, so many frames deep; where tracing is on already its depth stays as it is."""
        if not tracemalloc.is_tracing():
            tracemalloc.start(frames)
            self.ours = True
            self.switches += 1

    def stop(self) -> None:
        """Stop tracing, if it was ours."""
        if self.ours:
            self.ours = False
            tracemalloc.stop()
            self.switches += 1

    def read(self) -> tuple[int, int]:
        """Return traced bytes now and their peak since the last `reset_peak`."""
        return tracemalloc.get_traced_memory()

    def reset_peak(self) -> None:
        """Begin a new peak, unless the host traces by itself and may be waiting for its own."""
        if self.ours:
            tracemalloc.reset_peak()


def alive() -> list[tuple[int, Frames]]:
    """Return size and traceback of everything that is traced and alive; O(that many), so only soon after the start."""
    traces: list[Any] = list(_tracemalloc._get_traces())
    return [(trace[1], trace[2]) for trace in traces]


def frames_of(each: object) -> Frames:
    """Return `(file, line)` of the calls that allocated an object, innermost first; empty where it is not known."""
    found = tracemalloc.get_object_traceback(each)
    if found is not None:
        return tuple((frame.filename, frame.lineno) for frame in reversed(found))
    if _get_traceback is not None and _FLAGS.__get__(type(each)) & _MANAGED_DICT:
        return _get_traceback(0, id(each) - _MANAGED_DICT_HEADER) or ()
    return ()


def _load_get_traceback() -> Callable[[int, int], Frames | None] | None:
    """Return CPython's own lookup by address, for CPython 3.11 alone.

    There `get_object_traceback` forgets that an instance with a `__dict__` begins two words before its GC header
    (`Modules/_tracemalloc.c`; 3.12 counts them), and so finds no ordinary instance.
    """
    if sys.version_info >= (3, 12) or sys.implementation.name != "cpython":
        return None
    function = getattr(ctypes.pythonapi, "_PyTraceMalloc_GetTraceback", None)
    if function is None:
        return None
    function.restype = ctypes.py_object
    function.argtypes = (ctypes.c_uint, ctypes.c_size_t)
    return function  # type: ignore[no-any-return]  # ctypes knows no signatures


_MANAGED_DICT_HEADER = 4 * ctypes.sizeof(ctypes.c_void_p)
_get_traceback = _load_get_traceback()
