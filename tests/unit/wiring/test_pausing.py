from memguard.settings import Settings
from memguard.wiring.guard import Guard
from memguard.wiring.pausing import paused


def one_unit(guard: Guard) -> None:
    """Begin and end a unit."""
    guard.end(guard.begin("request", "GET /"))


def units(guard: Guard) -> int:
    """Return how many units the guard has counted."""
    guard.flush()
    return sum(stats.units for _, stats in guard.store.read().operations)


def test_units_that_begin_in_a_pause_are_not_watched() -> None:
    """One that began before ends as ever; afterwards everything is watched again, and no window stays open meanwhile."""
    guard = Guard.for_process(Settings.load(service="paused", mode="trace"))
    one_unit(guard)
    before = guard.begin("request", "GET /")
    with paused():
        assert guard._watch is not None
        assert not guard._watch.observer.active
        one_unit(guard)
        guard.end(before)
    one_unit(guard)

    assert units(guard) == 3


def test_a_process_without_a_guard_has_nothing_to_pause() -> None:
    """And gets none by it."""
    with paused():
        assert Guard.current() is None
    assert Guard.current() is None
