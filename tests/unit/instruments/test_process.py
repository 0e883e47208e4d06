import asyncio
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from memguard.instruments import descriptors
from memguard.instruments.process import held, started, supervisor_started, worker_id
from tests.unit.store.children import DEADLINE, ended_well, forked


def test_a_process_knows_itself() -> None:
    """The same process has the same identity at any time: its host, its pid, and when it started."""
    mine = worker_id()

    assert (mine.host, mine.pid) == (socket.gethostname(), os.getpid())
    assert 0 < mine.started_at <= time.time()
    assert worker_id() == mine


def test_a_child_is_another() -> None:
    """A forked child has its own pid and its own start."""
    parent = worker_id()

    def child() -> None:
        mine = worker_id()
        assert (mine.host, mine.pid) == (parent.host, os.getpid())
        assert mine.pid != parent.pid
        assert mine.started_at >= parent.started_at

    assert ended_well(forked(child))


def test_when_a_child_was_started() -> None:
    """It is told to a tick of the kernel's clock, a hundredth of a second: not before the fork, and not after it."""
    before = time.time()

    def child() -> None:
        assert before - 0.02 <= started() <= time.time()

    assert ended_well(forked(child))


def test_a_forked_child_has_its_parent_for_a_supervisor() -> None:
    """It is of the same program and group; what the child starts next has the child."""
    parent = worker_id()

    def child() -> None:
        assert supervisor_started() == parent.started_at

    assert ended_well(forked(child))


@pytest.mark.parametrize("own_group", [True, False])
def test_a_spawned_child_has_one_in_the_same_group(own_group: bool) -> None:
    """As uvicorn starts its workers; supervisord, a Python as well, gives each program a group of its own."""
    code = "from memguard.instruments.process import supervisor_started; print(supervisor_started())"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, process_group=0 if own_group else None
    )

    assert float(done.stdout) == (0.0 if own_group else worker_id().started_at)


def test_a_shell_is_no_supervisor() -> None:
    """Who starts a server from it has made a deploy."""
    code = "from memguard.instruments.process import supervisor_started; print(supervisor_started())"
    command = ["sh", "-c", '"$0" -c "$1"; exit 0', sys.executable, code]
    done = subprocess.run(command, capture_output=True, text=True, check=True)

    assert float(done.stdout) == 0.0


def test_where_the_system_does_not_tell_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    """What psutil says is good enough."""
    monkeypatch.delattr(time, "CLOCK_BOOTTIME", raising=False)

    assert started() == worker_id().started_at


def test_threads_that_are_held() -> None:
    """Each running thread counts, also while another one holds `threading`'s own lock; one that ended does not."""
    before = held().threads
    assert before == threading.active_count()
    done = threading.Event()
    threads = [threading.Thread(target=done.wait, args=(DEADLINE,)) for _ in range(3)]
    for thread in threads:
        thread.start()
    with threading._active_limbo_lock:  # type: ignore[attr-defined]  # the lock that active_count takes
        during = held().threads
    done.set()
    for thread in threads:
        thread.join()

    assert during == before + 3
    assert held().threads == before


def no_ctypes(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be a Python that was built without libffi."""
    monkeypatch.setattr(descriptors, "_library", lambda: None)


def older_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a Linux before 6.2, which does not tell the count."""
    monkeypatch.setattr(descriptors, "_size", lambda: 0)


def no_proc(monkeypatch: pytest.MonkeyPatch) -> None:
    """Be on a system without /proc; psutil counts."""
    monkeypatch.setattr(descriptors, "_DIRECTORY", "/nowhere")


@pytest.mark.parametrize(
    "system",
    [
        (),
        (no_ctypes,),
        (older_kernel,),
        (older_kernel, no_ctypes),
        (no_proc,),
        (no_proc, older_kernel),
        (no_proc, no_ctypes),
    ],
    ids=lambda system: " and ".join(each.__name__ for each in system) or "as it is",
)
def test_descriptors_that_are_held(
    monkeypatch: pytest.MonkeyPatch, system: tuple[Callable[[pytest.MonkeyPatch], None], ...]
) -> None:
    """Files, sockets and pipes count while they are open, whatever the system can tell."""
    for be in system:
        be(monkeypatch)
    before = held().descriptors
    assert before is not None
    with closing(socket.socket()), open(os.devnull) as file:  # noqa: PTH123  (a plain descriptor)
        reading, writing = os.pipe()
        during = held().descriptors
        os.close(reading)
        os.close(writing)

    assert file.closed
    assert during == before + 4
    assert held().descriptors == before
    assert held(descriptors=False).descriptors is None


def test_descriptors_are_counted_from_none() -> None:
    """The count is of the host's: what reads it is not in it, on any way."""
    listed = len(list(Path("/proc/self/fd").iterdir())) - 1  # the one that lists

    assert [held().descriptors, descriptors._entries()] == [listed, listed]


def test_tasks_that_are_held() -> None:
    """Tasks of the event loops of all threads count, done ones while somebody keeps them, and none when they are gone."""
    before = held().tasks

    async def run() -> tuple[int | None, int | None]:
        tasks = [asyncio.create_task(asyncio.sleep(0)) for _ in range(5)]
        pending = held().tasks
        await asyncio.gather(*tasks)
        return pending, held().tasks

    found: list[tuple[int | None, int | None]] = []
    thread = threading.Thread(target=lambda: found.append(asyncio.run(run())))
    thread.start()
    thread.join()
    found.append(asyncio.run(run()))

    assert before == 0
    assert found == [(6, 6), (6, 6)]
    assert held().tasks == 0


def test_tasks_that_start_at_once() -> None:
    """An eager task (3.12) that waits counts as any other."""
    factory = getattr(asyncio, "eager_task_factory", None)

    async def run() -> int | None:
        if factory is not None:
            asyncio.get_running_loop().set_task_factory(factory)
        waits = asyncio.get_running_loop().create_future()

        async def wait() -> None:
            await waits

        task = asyncio.create_task(wait())
        count = held().tasks
        waits.set_result(None)
        await task
        return count

    assert asyncio.run(run()) == 2


def test_no_code_of_the_hosts_counts_tasks() -> None:
    """A task class of the host's is not asked for anything."""
    ran: list[str] = []

    class Task(asyncio.Task[None]):
        def __getattribute__(self, name: str) -> object:
            ran.append(name)
            return super().__getattribute__(name)

    async def nothing() -> None:
        pass

    async def run() -> tuple[int | None, list[str]]:
        loop = asyncio.get_running_loop()
        task = Task(nothing(), loop=loop)
        ran.clear()
        count, seen = held().tasks, ran[:]
        await task
        return count, seen

    assert asyncio.run(run()) == (2, [])


def test_without_asyncio(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that has not imported asyncio has no tasks; an asyncio with other books cannot be counted."""
    monkeypatch.delitem(sys.modules, "asyncio.tasks")
    assert held().tasks == 0
    monkeypatch.setitem(sys.modules, "asyncio.tasks", sys)
    assert held().tasks is None
