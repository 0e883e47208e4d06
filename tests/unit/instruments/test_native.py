import ctypes
import gc
import mmap
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from memguard.instruments import native
from memguard.instruments.native import NativeReader, NativeReading, trim
from tests.unit.store.children import ended_well, forked

MB = 1 << 20
SLACK = 64 * 1024
"""What ctypes, pytest and the readings themselves may allocate beside what is planted."""

libc = ctypes.CDLL(None)
libc.malloc.restype, libc.malloc.argtypes = ctypes.c_void_p, [ctypes.c_size_t]
libc.free.restype, libc.free.argtypes = None, [ctypes.c_void_p]
libc.memset.restype, libc.memset.argtypes = ctypes.c_void_p, [ctypes.c_void_p, ctypes.c_int, ctypes.c_size_t]


@contextmanager
def planted(count: int, size: int) -> Iterator[list[int]]:
    """Allocate and touch so many chunks in C; free what is left in the list."""
    chunks = [libc.malloc(size) for _ in range(count)]
    for chunk in chunks:
        libc.memset(chunk, 1, size)
    try:
        yield chunks
    finally:
        for chunk in chunks:
            libc.free(chunk)


def read(reader: NativeReader) -> NativeReading:
    """Return a reading where the machine has one."""
    reading = reader.read()
    assert reading is not None, "these tests need glibc 2.33 or later"
    return reading


def change(reader: NativeReader, before: NativeReading) -> tuple[int, int]:
    """Return by how much the bytes in use and the free ones have changed."""
    now = read(reader)
    return now.in_use - before.in_use, now.free - before.free


@pytest.fixture
def reader() -> NativeReader:
    """Return a reader; garbage of other tests is gone and frees nothing meanwhile."""
    gc.collect()
    return NativeReader()


@pytest.mark.parametrize(("count", "size"), [(1, 20 * MB), (2_000, 3_000), (5, MB)], ids=["mapped", "small", "large"])
def test_what_c_code_allocates(reader: NativeReader, count: int, size: int) -> None:
    """Bytes in use follow what is allocated and freed in C, whether malloc maps it or cuts it from its heaps."""
    before = read(reader)
    with planted(count, size):
        grown, _ = change(reader, before)
    left, _ = change(reader, before)

    assert grown == pytest.approx(count * size, abs=SLACK + count * 32)
    assert left == pytest.approx(0, abs=SLACK)


def test_what_other_threads_allocate(reader: NativeReader) -> None:
    """Threads have heaps of their own, which are counted with the others."""
    before = read(reader)
    allocated, done = threading.Event(), threading.Event()

    def hold() -> None:
        with planted(1_000, 5_000):
            allocated.set()
            done.wait(60)

    thread = threading.Thread(target=hold)
    thread.start()
    assert allocated.wait(60)
    grown, _ = change(reader, before)
    done.set()
    thread.join()
    left, _ = change(reader, before)

    assert grown == pytest.approx(5 * MB, rel=0.1)
    assert left == pytest.approx(0, abs=2 * SLACK)


def test_large_python_objects_are_in_it(reader: NativeReader) -> None:
    """Bytes of a large object come from malloc, so its growth alone does not tell native memory from Python's."""
    before = read(reader)
    kept = b"x" * (10 * MB)
    grown, _ = change(reader, before)

    assert grown == pytest.approx(len(kept), abs=SLACK)


def test_small_python_objects_are_not(reader: NativeReader) -> None:
    """They live in arenas that Python maps itself."""
    before = read(reader)
    kept = [b"%0200d" % number for number in range(20_000)]
    grown, _ = change(reader, before)

    assert sum(map(sys.getsizeof, kept)) > 4 * MB
    assert grown == pytest.approx(sys.getsizeof(kept), abs=SLACK)


def test_fragmentation_is_free_and_not_in_use(reader: NativeReader) -> None:
    """Of chunks that lie between others, half freed, as many bytes are free and not in use any more."""
    with planted(4_000, 2_500) as chunks:
        before = read(reader)
        for chunk in chunks[::2]:
            libc.free(chunk)
        del chunks[::2]
        in_use, free = change(reader, before)

    assert in_use == pytest.approx(-2_000 * 2_500, abs=SLACK)
    assert free == pytest.approx(2_000 * 2_500, abs=SLACK)


def test_trim_gives_fragmentation_back(reader: NativeReader) -> None:
    """The pages between what is in use leave RSS; what is in use does not, and the free bytes stay malloc's."""
    with planted(400, 40_000) as chunks:
        for chunk in chunks[::2]:
            libc.free(chunk)
        del chunks[::2]
        before = read(reader)
        given_back = trim()
        in_use, free = change(reader, before)
        again = trim()

    assert given_back is not None
    assert given_back > 200 * 40_000 * 0.7
    assert again is not None
    assert 0 <= again < MB
    assert in_use == pytest.approx(0, abs=SLACK)
    assert free < SLACK + MB, "only the end of the heap, which malloc gave back altogether, is no longer malloc's"


def without_mallinfo(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a C library that knows neither: musl, macOS."""
    monkeypatch.setattr(native, "_library", lambda kind: object())


def without_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a Python that was built without libffi."""
    monkeypatch.setitem(sys.modules, "ctypes", None)


@pytest.mark.parametrize("without", [without_mallinfo, without_ctypes])
def test_where_nothing_can_be_read(
    monkeypatch: pytest.MonkeyPatch, without: Callable[[pytest.MonkeyPatch], None]
) -> None:
    """Readings are None, never zero, and nothing is trimmed."""
    without(monkeypatch)
    assert NativeReader().read() is None
    assert trim() is None


def test_another_allocator(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where malloc is another's, glibc's statistics speak of a heap that nobody uses; they are not read."""
    real, pages = native._library, list[mmap.mmap]()

    def allocate(size: int) -> int:
        pages.append(mmap.mmap(-1, size))
        return ctypes.addressof(ctypes.c_char.from_buffer(pages[-1]))

    class Preloaded:
        """The process's symbols as they are with an allocator in front."""

        def __init__(self, kind: str) -> None:
            self.mallinfo2 = real(kind).mallinfo2
            self.malloc = ctypes.CFUNCTYPE(ctypes.c_void_p, ctypes.c_size_t)(allocate)
            self.free = ctypes.CFUNCTYPE(None, ctypes.c_void_p)(lambda _: None)

    monkeypatch.setattr(native, "_library", Preloaded)
    assert NativeReader().read() is None
    assert pages


def test_a_slow_reading_lets_other_threads_run_next_time(monkeypatch: pytest.MonkeyPatch, reader: NativeReader) -> None:
    """A call without the GIL says the same; a quick one is made with it again."""
    called: list[str] = []
    monkeypatch.setattr(native, "QUICK_SECONDS", 60.0)
    read(reader)  # in a process with a fragmented heap the reading before may have been slow

    def noted(name: str, call: Callable[[], object] | None) -> Callable[[], object]:
        assert call is not None
        return lambda: [called.append(name), call()][1]  # type: ignore[func-returns-value]  # the second value matters

    monkeypatch.setattr(reader, "_held", noted("held", reader._held))
    monkeypatch.setattr(reader, "_released", noted("released", reader._released))
    for seconds in (-1.0, -1.0, 60.0, 60.0):
        monkeypatch.setattr(native, "QUICK_SECONDS", seconds)
        before = read(reader)
        with planted(1, MB):
            assert change(reader, before)[0] == pytest.approx(MB, abs=SLACK)

    assert called == ["held", *["released"] * 4, "held", "held", "held"]


def test_in_a_forked_child(reader: NativeReader) -> None:
    """A child reads its own heap."""
    before = read(reader)

    def child() -> None:
        with planted(1, 8 * MB):
            assert change(reader, before)[0] == pytest.approx(8 * MB, abs=SLACK)

    assert ended_well(forked(child))
    assert change(reader, before)[0] == pytest.approx(0, abs=SLACK)
