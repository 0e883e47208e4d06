"""Local variables: which one of a frame holds an object, and which running frame does.

Before CPython 3.13 `f_locals` makes a dict that stays with the frame and keeps what was in its variables alive. So
there it is read only where nobody else can see that dict, and it is emptied in the same breath.
"""

import gc
import sys
import threading
from collections import deque
from collections.abc import Callable, Iterator
from functools import partial
from inspect import CO_OPTIMIZED, CO_VARARGS, CO_VARKEYWORDS
from itertools import chain, compress, repeat
from opcode import opmap
from operator import eq, is_not
from types import AsyncGeneratorType, CodeType, CoroutineType, FrameType, FunctionType, GeneratorType
from typing import Any

HAS_PROXY = sys.version_info >= (3, 13)
FRAMES_MOST = 2_000
_SEES_LOCALS = frozenset({"locals", "vars", "dir", "eval", "exec", "_getframe", "f_locals", "settrace", "setprofile"})
_UNSETTING = {number for name, number in opmap.items() if name in {"DELETE_FAST", "LOAD_FAST_AND_CLEAR"}}
_F_LOCALS: Any = FrameType.__dict__["f_locals"]


def code_of(each: Any) -> CodeType:
    """Return the code that a frame, coroutine or generator runs."""
    code: CodeType = getattr(each, _prefix(each) + "_code")
    return code


def _prefix(each: Any) -> str:
    return {FrameType: "f", CoroutineType: "cr", AsyncGeneratorType: "ag", GeneratorType: "gi"}[type(each)]


def name_of(holder: Any, held: object) -> str | None:
    """Return the name of the local variable by which a frame, coroutine or generator holds an object, if certain."""
    frame = holder if type(holder) is FrameType else getattr(holder, _prefix(holder) + "_frame")
    if frame is None:
        return None
    if HAS_PROXY or type(holder) is FrameType:
        return next((name for name, value in _read(frame) if value is held), None)
    code = code_of(holder)
    if not _UNSETTING.isdisjoint(code.co_code[::2]):
        return None
    names = [*code.co_varnames, *(name for name in code.co_cellvars if name not in code.co_varnames), *code.co_freevars]
    held_there = gc.get_referents(holder)
    starts = [i for i, each in enumerate(held_there) if each is code and i and type(held_there[i - 1]) is FunctionType]
    values = held_there[starts[0] + 1 :] if starts else []
    arguments = code.co_argcount + code.co_kwonlyargcount
    arguments += bool(code.co_flags & CO_VARARGS) + bool(code.co_flags & CO_VARKEYWORDS)
    # Variables that are not set yet are left out, so what comes after the arguments may stand too far to the front.
    return next((name for name, value in zip(names[:arguments], values, strict=False) if value is held), None)


def running(wanted: set[int], is_over: Callable[[], bool]) -> Iterator[tuple[FrameType, str, int]]:
    """Yield frames of other threads that hold one of the wanted objects, with the variable and its id."""
    # This very frame is left out, or it would hold itself; not by the thread's identity, which under gevent is a greenlet's.
    frames = list(filter(partial(is_not, sys._getframe()), sys._current_frames().values()))
    seen = 0
    for frame in frames:
        each: FrameType | None = frame
        while each is not None and seen < FRAMES_MOST and not is_over():
            seen += 1
            if not is_own(each.f_code):
                for name, value in _read(each):
                    if id(value) in wanted:
                        yield each, name, id(value)
            each = each.f_back


def values(is_over: Callable[[], bool]) -> list[Any]:
    """Return what is in the variables of the running frames of all threads but this call's, as far as it can be read."""
    found: list[Any] = []
    for frame in list(filter(partial(is_not, sys._getframe()), sys._current_frames().values())):
        each: FrameType | None = frame
        seen = 0
        while each is not None and seen < FRAMES_MOST and not is_over():
            seen += 1
            if not is_own(each.f_code):
                found += [value for _, value in _read(each)]
            each = each.f_back
    return found


def is_own(code: CodeType) -> bool:
    """Tell whether code is memguard's."""
    return code.co_filename.startswith(_OURS)


def _read(frame: FrameType) -> list[tuple[str, Any]]:
    code = frame.f_code
    if not code.co_flags & CO_OPTIMIZED:
        return []
    if HAS_PROXY:
        return [(name, value) for name, value in list(frame.f_locals.items()) if type(name) is str]
    watchers = (frame.f_trace, sys.gettrace(), sys.getprofile(), *_set_for_threads())
    if any(each is not None for each in watchers) or not _SEES_LOCALS.isdisjoint(code.co_names):
        return []
    found: dict[str, Any] = {}
    made: list[dict[str, Any]] = []
    # Inside one call, so that no thread switches between the reading and the emptying.
    work = (
        map(made.append, map(_F_LOCALS.__get__, (frame,))),
        map(found.update, made),
        map(dict.clear, _unshared(made)),
    )
    deque(chain.from_iterable(work), maxlen=0)
    return list(found.items())


def _unshared(made: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Leave out what somebody else has got from the frame, too, and may still want to read."""
    return compress(made, map(eq, map(sys.getrefcount, made), repeat(_UNSHARED)))


def _references_of_unshared() -> int:
    """Return how many references are counted, in the very same place, to what one other thing holds."""
    frames_own: dict[str, Any] = {}
    counts: list[int] = []
    made = [frames_own]
    deque(compress(made, map(counts.append, map(sys.getrefcount, made))), maxlen=0)
    return counts[0]


_UNSHARED = _references_of_unshared()


def _set_for_threads() -> tuple[Any, Any]:
    return getattr(threading, "_trace_hook", None), getattr(threading, "_profile_hook", None)


_OURS = __file__.rpartition("explain")[0]
