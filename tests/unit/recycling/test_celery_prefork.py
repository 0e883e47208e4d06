"""Children of real pools of billiard's: when they leave, with which code, and what they go on to respect."""

import json
import os
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import billiard.pool
import pytest

from memguard.recycling.servers import celery_prefork
from memguard.recycling.servers.celery_prefork import NOT_AS_KNOWN, PreforkChild, prepare
from tests.unit.store.children import ended_well, forked

SECONDS = 30
HUGE = 1 << 40
_child: PreforkChild | None = None


def prepared() -> None:
    """Prepare the child, as Celery's signal lets the door do it."""
    global _child
    _child = prepare(workers=1)


def job(number: int, *, leave: bool = False) -> tuple[int, int, str, int | None]:
    """Return the number, who did it, why that one cannot leave and its own limit; leave after it where that is asked."""
    assert _child is not None
    if leave:
        _child.leave()
    return number, os.getpid(), _child.refusal(supervised=False), _child.own_limit


def in_a_pool(
    directory: Path, leaves: set[int], initializer: Callable[[], object] = prepared, count: int = 6, **options: Any
) -> tuple[list[list[Any]], list[int | None]]:
    """Have a pool of one child do jobs, and leave with some; return what each said, and how each child that left did."""
    told = directory / "told"

    def parent() -> None:
        warnings.simplefilter("ignore")  # of forks in a process with threads, which pools like this one have
        codes: list[int | None] = []
        pool = billiard.pool.Pool(1, initializer=initializer, **options)
        first = pool._pool[0]
        results = [
            pool.apply_async(job, (number,), {"leave": number in leaves}).get(SECONDS) for number in range(count)
        ]
        if results[0][1] != results[-1][1]:
            first.join(SECONDS)
            codes.append(first.exitcode)
        told.write_text(json.dumps([results, codes]))
        pool.terminate()
        pool.join()

    assert ended_well(forked(parent))
    results, codes = json.loads(told.read_text())
    assert [result[0] for result in results] == list(range(count))
    return results, codes


def test_leaves_after_its_result(tmp_path: Path) -> None:
    """The child that was asked to leave sends its result first, ends as one that is to be recycled, and another goes on."""
    results, codes = in_a_pool(tmp_path, {2})

    pids = [pid for _, pid, _, _ in results]
    assert len(set(pids[:3])) == len(set(pids[3:])) == 1
    assert pids[2] != pids[3]
    assert codes == [billiard.pool.EX_RECYCLE]
    assert {(refusal, own) for _, _, refusal, own in results} == {("", None)}


@pytest.mark.parametrize(("own", "children"), [(1, 6), (HUGE, 2)])
def test_celerys_own_limit(tmp_path: Path, own: int, children: int) -> None:
    """A limit that was set goes on to be kept, peak or not; to leave is possible beside it."""
    results, codes = in_a_pool(tmp_path, {2}, max_memory_per_child=own)

    assert len({pid for _, pid, _, _ in results}) == children
    assert codes == [billiard.pool.EX_RECYCLE]
    assert {limit for _, _, _, limit in results} == {own}


def test_celerys_own_number_of_tasks(tmp_path: Path) -> None:
    """The number of tasks after which a child is replaced goes on to count."""
    results, _ = in_a_pool(tmp_path, set(), maxtasksperchild=2)

    assert len({pid for _, pid, _, _ in results}) == 3


def no_peak() -> None:
    """Prepare a child on a system that tells no peak."""
    billiard.pool.mem_rss = lambda: 0
    prepared()


def test_where_no_peak_is_told(tmp_path: Path) -> None:
    """There a limit would make billiard complain after every task: the child leaves before it takes its next one."""
    results, codes = in_a_pool(tmp_path, {2}, no_peak)

    pids = [pid for _, pid, _, _ in results]
    assert len(set(pids[:3])) == len(set(pids[3:])) == 1
    assert pids[2] != pids[3]
    assert codes == [billiard.pool.EX_RECYCLE]
    assert {refusal for _, _, refusal, _ in results} == {""}


def other_loop() -> None:
    """Prepare a child of another billiard, whose loop looks at nothing that is known."""
    loop = billiard.pool.Worker.workloop
    billiard.pool.Worker.workloop = lambda self, pid=None: loop(self, pid=pid)
    prepared()


def test_a_pool_that_is_not_as_known(tmp_path: Path) -> None:
    """There it is not asked for anything, and says why."""
    results, _ = in_a_pool(tmp_path, {2}, other_loop)

    assert len({pid for _, pid, _, _ in results}) == 1
    assert {refusal for _, _, refusal, _ in results} == {NOT_AS_KNOWN}


def twice() -> None:
    """Prepare a child for two applications."""
    prepared()
    first = _child
    prepared()
    assert first is not None
    assert _child is not None
    assert first._asked is _child._asked


def test_prepared_twice(tmp_path: Path) -> None:
    """Two applications that are watched share the child's one limit."""
    results, codes = in_a_pool(tmp_path, {2}, twice)

    assert len({pid for _, pid, _, _ in results}) == 2
    assert codes == [billiard.pool.EX_RECYCLE]


def test_a_process_of_no_pool() -> None:
    """Elsewhere there is nothing to prepare."""
    assert prepare(workers=1) is None
    assert celery_prefork.pool_worker() is None


def test_before_the_loop_has_looked() -> None:
    """A child whose loop has not looked at what was prepared for it does not promise to leave."""
    child = PreforkChild(celery_prefork.Limit(None))
    assert child.refusal(supervised=True) == NOT_AS_KNOWN
    assert bool(child._asked)
    assert child.refusal(supervised=True) == ""


def test_the_log_line_of_billiard() -> None:
    """It says whose limit was exceeded: Celery's own in KiB, or memguard's ceiling."""
    limit = celery_prefork.Limit(70_000)
    line = billiard.pool.MAXMEM_USED_FMT
    assert "(71000KiB / 70000KiB)" in line.format(71_000, limit)
    limit.is_leaving = True
    assert "(71000KiB / the ceiling memguard keeps, in KiB)" in line.format(71_000, limit)
