"""What C code has allocated, as the C library's own statistics say it; glibc 2.33 and later only.

Python objects of more than 512 bytes go through `malloc` and are in these figures, too; smaller ones live in
pymalloc's arenas, which come from `mmap` and are not. So native memory is what grows here and in no Python object.

A reading costs 1.5 µs and 35 ns for each free chunk, because glibc walks its free lists: 0.15 ms at 10,000 free
chunks, 4 ms at 100,000 (tried). `mallinfo2` is called with the GIL held: to let it go would cost a thread switch, up to
5 ms where other threads are busy, for a call of microseconds. Where it was slow it is let go next time.
"""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from time import thread_time
from typing import Any

from memguard.instruments.rss import RssReader

QUICK_SECONDS = 200e-6
"""A reading that takes longer would hold up other threads; the next one is made without the GIL."""
_PLANTED_BYTES = 1 << 20
_TRIALS = 3
_FIELDS = (
    "arena", "ordblks", "smblks", "hblks", "hblkhd", "usmblks", "fsmblks", "uordblks", "fordblks", "keepcost",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class NativeReading:
    """What `malloc` says of all its arenas.

    Attributes:
        in_use: Bytes handed out and not freed. A thread keeps up to 7 freed chunks of each size to 1 KB to itself; they
            count as in use.
        free: Bytes that malloc holds and nobody uses: fragmentation, and the untouched end of its heaps. Not all of it
            is in RSS, and `trim` takes it out of RSS, but not out of this figure.
    """

    in_use: int
    free: int


class NativeReader:
    """Reads the allocator's statistics. Where they do not speak of this process's `malloc` every reading is None."""

    def __init__(self) -> None:
        self._held, self._released = _mallinfo(_library("PyDLL")), _mallinfo(_library("CDLL"))
        self._is_slow = False
        if not self._sees_what_is_planted():
            self._held = self._released = None

    def read(self) -> NativeReading | None:
        """Return what is in use and what is free; None on macOS, musl, glibc before 2.33, or another allocator."""
        call = self._released if self._is_slow else self._held
        if call is None:
            return None
        started = thread_time()
        info = call()
        self._is_slow = thread_time() - started > QUICK_SECONDS
        return NativeReading(in_use=info.uordblks + info.hblkhd, free=info.fordblks)

    def _sees_what_is_planted(self) -> bool:
        """A preloaded jemalloc or mimalloc leaves glibc's own statistics in place, of a heap that nobody uses."""
        library = _library("PyDLL")
        if self._held is None or library is None:
            return False
        malloc, free = _declare(library.malloc, "c_void_p", "c_size_t"), _declare(library.free, None, "c_void_p")
        return any(self._sees_one(malloc, free) for _ in range(_TRIALS))  # another thread may free meanwhile

    def _sees_one(self, malloc: Callable[[int], int | None], free: Callable[[int | None], None]) -> bool:
        before = self.read()
        planted = malloc(_PLANTED_BYTES)
        after = self.read()
        free(planted)
        return before is not None and after is not None and after.in_use - before.in_use >= _PLANTED_BYTES


def trim() -> int | None:
    """Have `malloc` give the pages nobody uses back to the system; return by how many bytes RSS fell, at least 0.

    None where the C library has no `malloc_trim`. It takes 3 ms for 200 MB of free chunks (tried) and may take much
    longer. Other Python threads run on meanwhile, but those that allocate from the arena in hand wait for it.
    """
    malloc_trim = getattr(_library("CDLL"), "malloc_trim", None)
    if malloc_trim is None:
        return None
    rss = RssReader()
    before = rss.read()
    _declare(malloc_trim, "c_int", "c_size_t")(0)
    return max(0, before - rss.read())


def _library(kind: str) -> Any:
    """Return the symbols of this process, None without: `PyDLL` calls them with the GIL held, `CDLL` without."""
    with suppress(ImportError, OSError, TypeError):  # a Python may have been built without ctypes
        import ctypes

        return getattr(ctypes, kind)(None)
    return None


def _mallinfo(library: Any) -> Callable[[], Any] | None:
    function: Callable[[], Any] | None = getattr(library, "mallinfo2", None)
    return None if function is None else _declare(function, _FIELDS)


def _declare(function: Any, result: str | tuple[str, ...] | None, *arguments: str) -> Any:
    """Give a C function its types, by their names in ctypes; a tuple of names is a struct of `size_t`."""
    import ctypes

    if isinstance(result, tuple):
        fields = [(name, ctypes.c_size_t) for name in result]
        function.restype = type("Mallinfo2", (ctypes.Structure,), {"_fields_": fields})
    else:
        function.restype = None if result is None else getattr(ctypes, result)
    function.argtypes = [getattr(ctypes, name) for name in arguments]
    return function
