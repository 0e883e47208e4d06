import os
from collections.abc import Iterator
from types import SimpleNamespace

import pytest

from memguard.recycling.servers.granian import Granian, Rolling
from memguard.recycling.servers.loading import loaded, seconds_to_load
from tests.unit.store.children import ended_well, forked

WORKERS, INTERVAL, PARENT_STARTED = 3, 2.0, 100.0


def played(rolls: int) -> list[tuple[dict[int, float], float, int]]:
    """Return what a parent's children are as it replaces all of them, with the moment and whose turn it is."""
    now = PARENT_STARTED
    children = dict.fromkeys(range(1, WORKERS + 1), now)  # in one tick of the clock, as forks are
    steps = [(dict(children), now + 10, 0)]
    now += 100
    for _ in range(rolls):
        for old in sorted(children):
            children[max(children) + 1] = now
            steps.append((dict(children), now + 0.1, old))
            now += INTERVAL
            del children[old]
            steps.append((dict(children), now, 0))
        now += 50
        steps.append((dict(children), now, 0))
    return steps


@pytest.mark.parametrize("me", range(1, 3 * WORKERS + 1))
@pytest.mark.parametrize("besides", [{}, {1000: 99.0}], ids=["workers only", "something else of the parent's besides"])
@pytest.mark.parametrize("late", [False, True])
def test_each_worker_knows_its_turn(me: int, besides: dict[int, float], late: bool) -> None:
    """Over three replacements of all, each worker closes its connections when its own replacement is there, not before.

    Workers of one tick of the clock are told apart, and one that looks seldom does not miss its turn.
    """
    worker = Rolling(me, WORKERS, INTERVAL)
    for children, now, turn in played(3):
        usual = len(children) == WORKERS
        if me in children and (not late or usual or turn == me):
            assert (worker.look({**children, **besides}, now) == "this") == (turn == me)


@pytest.mark.parametrize("me", range(WORKERS + 1, 3 * WORKERS + 1))
def test_one_that_never_sees_its_parent_at_rest(me: int) -> None:
    """Where one replacement of all follows the other, a worker that was started in one knows its turn in the next."""
    worker = Rolling(me, WORKERS, INTERVAL)
    for children, now, turn in played(3):
        if me in children and len(children) > WORKERS:
            assert (worker.look(children, now) == "this") == (turn == me)


def test_between_two() -> None:
    """For a moment there are as many as ever; the replacement of all is over only after a whole interval of that."""
    worker = Rolling(3, WORKERS, INTERVAL)
    usual = {1: 1.0, 2: 1.0, 3: 1.0}
    assert worker.look(usual, 50.0) == ""
    assert worker.look({**usual, 4: 51.0}, 51.0) == "others"
    assert worker.look({2: 1.0, 3: 1.0, 4: 51.0}, 51.0 + INTERVAL) == "others"
    assert worker.look({2: 1.0, 3: 1.0, 4: 51.0}, 51.1 + INTERVAL) == ""


def test_a_system_that_does_not_tell() -> None:
    """Without the children nothing is known to be under way."""
    assert Rolling(3, WORKERS, INTERVAL).look({}, 50.0) == ""


@pytest.fixture
def _unknown() -> Iterator[None]:
    """Have nothing known of how long this process took to load afterwards."""
    yield
    loaded(0.0)


@pytest.mark.usefixtures("_unknown")
def test_a_start_that_takes_longer_than_its_interval() -> None:
    """Then the workers would be gone before their replacements serve: nobody is asked, and it is said what to set."""
    parent = SimpleNamespace(
        signal_handler_reload=print, workers=4, workers_rss=None, reload_on_changes=False, respawn_interval=3.5,
        pid=os.getppid(),
    )  # fmt: skip
    granian = Granian(parent)
    loaded(3.4)
    assert granian.refusal(supervised=False) == ""
    loaded(6.2)
    said = granian.refusal(supervised=False)

    assert "took 6 s here" in said
    assert "set `--respawn-interval` to more" in said
    assert ended_well(forked(lambda: exact(seconds_to_load(), 0.0)))


def exact(found: float, wanted: float) -> None:
    """Fail if they are not the same."""
    assert found == wanted
