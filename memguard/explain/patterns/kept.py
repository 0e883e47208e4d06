"""Things that must not be kept, and what can be said where only the growth itself is known."""

import re

from memguard.explain.patterns.entry import Entry
from memguard.explain.patterns.evidence import grows_at, is_decided, keeps, kept_by, passes, survives, words
from memguard.readings import Clues

_MOSTLY = 0.3
"""Many objects have a function or two; those that leak by functions have one for each few of the others."""
_SEVERAL = 0.05
_CALLBACK_WORDS = frozenset({
    "callback", "callbacks", "listener", "listeners", "hook", "hooks", "subscriber", "subscribers", "observer",
    "observers", "watchers", "handlers", "receivers", "funcs",
})  # fmt: skip


def _is_cycle(clues: Clues) -> bool:
    return clues.garbage > 0.0 and clues.holder is None


def _is_exception(clues: Clues) -> bool:
    is_root = clues.holder is not None and clues.holder.root_kind == "exception"
    is_frame = re.search(r"\btraceback\b|\blocal variable\b", kept_by(clues)) is not None
    is_chained = grows_at(clues) is None and passes("exception", clues)
    return is_root or is_frame or is_chained or keeps("exception", clues, _SEVERAL)


def _is_class(clues: Clues) -> bool:
    return keeps("class", clues)


def _is_descriptor(clues: Clues) -> bool:
    return keeps("descriptor", clues) or keeps("loop", clues) or is_decided(clues.descriptors, "descriptor", clues)


def _is_callback(clues: Clues) -> bool:
    is_bound = re.search(r"\bbound method\b|\bfunctools\.partial\b", kept_by(clues)) is not None
    is_named = bool(words(clues) & _CALLBACK_WORDS) and survives("callable", clues, _MOSTLY)
    return keeps("callable", clues, _MOSTLY) or is_bound or is_named


def _is_container(clues: Clues) -> bool:
    return grows_at(clues) is not None


def _is_native(clues: Clues) -> bool:
    return clues.native_bytes > 0.0 and clues.holder is None


ENTRIES = (
    Entry(
        "uncollected-cycle",
        "Reference cycles that nobody collects",
        "Units leave objects that refer to each other, and the cycle collector is off. Switch it on again with "
        "`gc.enable()`, or call `gc.collect()` between units, say each hundredth. Or avoid the cycle: a back reference"
        " as `self.parent = weakref.ref(parent)`, no `self.error = error` with the traceback of the same frame.",
        _is_cycle,
    ),
    Entry(
        "exception-traceback",
        "Exceptions that are kept with their tracebacks",
        "A kept exception has its traceback, that has the frames, and those have every local variable of the unit. "
        "Keep its text, `errors.append(repr(error))` or `traceback.format_exc()`; if it must be the object, cut it off"
        " first: `error.with_traceback(None)`, and the same for its `__context__`.",
        _is_exception,
    ),
    Entry(
        "dynamic-class",
        "Classes that are made per unit",
        "Each run makes a class, which is some ten objects and a kilobyte or more, and something keeps it. Make it "
        "once at module level and vary instances, or one for each different input: `@lru_cache(maxsize=64) def "
        "model_for(fields): return create_model(...)`.",
        _is_class,
    ),
    Entry(
        "file-descriptor",
        "Files, sockets or connections that are not closed",
        "Each run opens a file, socket, connection or event loop and leaves it open; the process will also run out of "
        "descriptors. Close it with the unit: `with open(path) as file: ...`, `with closing(connect()) as connection: "
        "...`, and `asyncio.run(work())` in place of a loop of your own. Share one client for the process, `CLIENT = "
        "httpx.Client()` at module level.",
        _is_descriptor,
    ),
    Entry(
        "closure-callback",
        "Callbacks that are registered per unit",
        "Something that lives as long as the process is given a function, method or partial by each unit, and keeps "
        "with it all that the function refers to. Register once at start and pass what differs as arguments, or take "
        "it out again when the unit ends: `try: ... finally: callbacks.remove(callback)`. For methods, "
        "`weakref.WeakMethod(self.notify)` does not keep `self`.",
        _is_callback,
    ),
    Entry(
        "unbounded-container",
        "A container that only grows",
        "Each unit adds an entry to a container that lives as long as the process, and nothing takes it out. Remove it"
        " when the unit ends, `try: ... finally: entries.pop(key, None)`, or give it a cap: `deque(maxlen=1000)`, or "
        "`cachetools.LRUCache(maxsize=1000)` for a dict. What is for one unit only belongs into a local variable, "
        "`flask.g` or `request.state`.",
        _is_container,
    ),
    Entry(
        "native-memory",
        "Memory of C code that is not given back",
        "Memory grows, and Python's own objects do not: C code allocates it, so no Python line can be named. Free what"
        " has to be freed by hand, `libc.free(pointer)` or the `close()` of image, XML and model objects, and update "
        "the library in question. Run one worker under `memray run --native` to see the calls.",
        _is_native,
    ),
)
