"""Snapshots of allocations of this very process, taken into a store's file: asked for, traced, and every so often."""

import json
import linecache
import time
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest

from memguard import allocations
from memguard.allocations import Allocations
from memguard.commands import Command
from memguard.explain import sites
from memguard.settings import Settings
from memguard.snapshots import Kept
from memguard.wiring import picturing
from memguard.wiring.guard import Guard
from tests.unit.wiring.driving import hurry, started

KEPT: list[bytes] = []


@pytest.fixture(autouse=True)
def _in_a_hurry(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    hurry(monkeypatch)
    yield
    KEPT.clear()


def kept(guard: Guard) -> list[Kept]:
    """Return what is said of this worker's snapshots, newest first."""
    found = guard.store.allocations()
    assert all(worker == guard.worker_id for worker, _ in found)
    return [each for _, each in found]


def stacks(guard: Guard, each: Kept) -> Allocations:
    """Return one of them."""
    body = guard.store.allocations_of(each.id)
    assert body is not None
    return allocations.unpacked(body)


def here(taken: Allocations) -> int:
    """Return how many bytes this file's own lines have allocated."""
    return sum(group.bytes for group in taken.groups if group.frames and group.frames[0][0] == __file__)


def do(guard: Guard, action: str, seconds: float = 0.0) -> Command:
    """Return what came of a command after one round of the keeper."""
    now = time.time()
    asked = Command("00112233aabbccdd", action, guard.worker_id, now, now, seconds)  # type: ignore[arg-type]
    guard.store.add_commands([asked])
    guard._keep()
    return guard.store.commands(limit=1)[0]


def test_where_nothing_is_traced_none_is_taken(tmp_path: Path) -> None:
    """Objects are counted all the same."""
    guard = started(tmp_path, snapshot_interval=10)
    told = do(guard, "snapshot")

    assert told.state == "done"
    assert kept(guard) == []


def test_one_that_was_asked_for_is_kept_with_its_stacks(tmp_path: Path) -> None:
    """And its name is told; one pass over the traces gives it and the lines that the page shows."""
    guard = started(tmp_path, mode="trace")
    KEPT.extend(bytes(10_000) for _ in range(50))
    told = do(guard, "snapshot")
    (each,) = kept(guard)

    assert told.outcome is not None
    assert f" allocations as the snapshot {each.id}." in told.outcome.message
    assert each.reason == "asked"
    assert here(stacks(guard, each)) >= 500_000
    assert (each.bytes, each.count) == (stacks(guard, each).bytes, stacks(guard, each).count)
    ((_, counted),) = guard.store.snapshots()
    assert any(site.file == __file__ and site.bytes >= 500_000 for site in counted.sites)


def test_a_trace_leaves_what_was_allocated_meanwhile(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And is alive at its end."""
    guard = started(tmp_path)
    KEPT.append(bytes(300_000))
    assert do(guard, "trace", seconds=1).state == "running"
    KEPT.append(bytes(700_000))
    deadline = time.monotonic() + 60
    while guard.store.commands(limit=1)[0].state == "running":
        assert time.monotonic() < deadline, "the trace should have ended"
        time.sleep(0.05)
        guard._keep()
    (each,) = kept(guard)

    assert not tracemalloc.is_tracing()
    assert each.reason == "traced"
    assert 700_000 <= here(stacks(guard, each)) < 1_000_000


def test_while_it_traces_one_is_taken_every_so_often(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first at once, from which later ones grow; of each worker so many stay."""
    moment = [1000.0]
    monkeypatch.setattr(picturing, "monotonic", lambda: moment[0])
    guard = started(tmp_path, mode="trace", snapshot_interval="5m", snapshots_kept=2)
    for seconds in (0, 299, 1, 300, 300):
        moment[0] += seconds
        guard._keep()
        KEPT.append(bytes(400_000))

    found = kept(guard)
    assert [each.reason for each in found] == ["periodic", "periodic"]
    grown = allocations.difference(stacks(guard, found[1]), stacks(guard, found[0]))
    assert here(grown) >= 400_000
    assert found[1].at > guard.worker_id.started_at


def test_by_default_none_is_taken_unasked(tmp_path: Path) -> None:
    """Not in trace mode either."""
    guard = started(tmp_path, mode="trace")
    guard._keep()

    assert Settings.load(environ={}).snapshot_interval is None
    assert kept(guard) == []


def test_of_too_many_allocations_none_is_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The process would stand still, and grow, for too long; who asked is told."""
    monkeypatch.setattr(picturing, "TRACES_MOST", 10)
    guard = started(tmp_path, mode="trace")
    told = do(guard, "snapshot")

    assert told.outcome is not None
    assert told.outcome.message.endswith(" Of more than 10 allocations no snapshot is taken.")
    assert kept(guard) == []


def test_so_many_stacks_are_told_apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The sum stays true."""
    monkeypatch.setattr(picturing, "STACKS_MOST", 3)
    guard = started(tmp_path, mode="trace")
    do(guard, "snapshot")
    (each,) = kept(guard)
    taken = stacks(guard, each)

    assert len(taken.groups) == 4
    assert taken.groups[-1].frames == ()
    assert taken.bytes == each.bytes
    assert json.dumps(each.stacks) == "4"


SITE = str(Path(sites.OURS, "explain", "sites.py"))
STORE = str(Path(sites.OURS, "store", "redis.py"))
DOOR = str(Path(sites.OURS, "wsgi", "exchange.py"))
CHANNEL = str(Path(sites.OURS, "export", "channels", "call.py"))
STDLIB, LIBRARY, HOST = linecache.__file__, "/srv/lib/site-packages/redis/client.py", "/srv/shop/views.py"


@pytest.mark.parametrize(
    ("files", "own"),
    [
        ((SITE,), True),
        ((DOOR, HOST), True),
        ((STDLIB, STDLIB, SITE), True),
        (("<frozen codecs>", STDLIB, SITE, HOST), True),
        ((LIBRARY, STORE), True),
        ((STDLIB, HOST, SITE), False),
        ((LIBRARY, DOOR), False),
        ((STDLIB, DOOR), False),
        ((LIBRARY, CHANNEL, STORE), False),
        ((STDLIB, LIBRARY), False),
        ((HOST,), False),
        ((), False),
    ],
)
def test_whose_allocations_are(files: tuple[str, ...], own: bool) -> None:
    """What a library does for memguard is memguard's; what the application does, wherever it was called from, is not."""
    assert picturing.is_own(tuple((file, 1) for file in files)) is own


def test_what_memguard_reads_of_sources_is_its_own_and_goes(tmp_path: Path) -> None:
    """A large file that a site is described from: it stands below `<memguard>` while it is there, and does not stay."""
    module = tmp_path / "large.py"
    module.write_text("kept = []\n\ndef leak():\n    kept.append(bytes(100_000))\n" + "# many words\n" * 20_000)
    names: dict[str, object] = {}
    exec(compile(module.read_text(), str(module), "exec"), names)
    guard = started(tmp_path, mode="trace")
    names["leak"]()  # type: ignore[operator]  # it is that function
    do(guard, "snapshot")
    do(guard, "snapshot")
    ((_, counted),) = guard.store.snapshots()
    taken = stacks(guard, kept(guard)[0])

    assert any(site.file == str(module) and site.function == "leak" for site in counted.sites)
    assert str(module) not in linecache.cache
    assert not [group for group in taken.groups if group.frames and group.frames[0][0] == linecache.__file__]
