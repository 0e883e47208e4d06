import weakref
from collections.abc import Iterator
from pathlib import Path
from time import perf_counter

import pytest

from memguard.explain.sites import code_of
from memguard.instruments.end_of_life import SECONDS_BETWEEN, SECONDS_LATE
from memguard.instruments.traces import Tracing
from memguard.model import Operation
from memguard.settings import Settings
from memguard.wiring import observer
from memguard.wiring.unit import Unit
from memguard.wiring.watch import Watch
from tests.unit.instruments.planting import Planted


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """Return the watch of a process that opens no windows by itself."""
    made = Watch(
        Settings.load({"store": str(tmp_path / "store.sqlite"), "ignore": ["GET /health"]}, environ={}), Tracing()
    )
    made.observer.wake = float("inf")
    yield made
    made.stop()


def run(watch: Watch, *expiring: Planted, name: str = "GET /") -> Unit:
    """Run a unit that some objects expire with."""
    unit = Unit("request", name)
    watch.begin(unit)
    for each in expiring:
        unit.expires(each, "request")
    watch.end(unit, error=False)
    return unit


def followed(watch: Watch) -> dict[str, int]:
    """Return how many objects of each operation were followed, once their time has come."""
    watch.end_of_life.look(perf_counter() + SECONDS_LATE)
    return {each.operation.name: each.looked for each in watch.end_of_life.followed()}


def test_what_expires_with_a_unit_is_followed(watch: Watch) -> None:
    """From the end of its unit on, under the name that the operation has by then; the unit itself knows it no more."""
    unit = run(watch, Planted())

    assert unit.expiring == ()
    assert followed(watch) == {"GET /": 1}


def test_a_few_units_a_second_are_followed(watch: Watch) -> None:
    """A busy operation does not pay for each unit."""
    started = perf_counter()
    for _ in range(200):
        run(watch, Planted())
    turns = 1 + (perf_counter() - started) / SECONDS_BETWEEN

    assert 1 <= followed(watch)["GET /"] <= turns


def test_nothing_is_followed_while_a_window_is_active(watch: Watch) -> None:
    """What memguard itself keeps of an object would be seen as what the unit left."""
    watch.observer.wake = 0.0
    unit = run(watch, Planted())
    assert watch.observer.active
    assert unit.expiring == ()
    watch.observer.stop()

    assert followed(watch) == {}


def test_operations_that_are_not_watched_are_not_followed(watch: Watch) -> None:
    """The settings say not to look at them."""
    run(watch, Planted(), name="GET /health")

    assert followed(watch) == {}


def view() -> None:
    """Be what an operation runs."""


def test_the_code_of_an_operation_is_kept(watch: Watch) -> None:
    """From the first unit that knew its view, under the name of its end; neither unit nor watch keeps the view itself."""

    def made() -> None:
        """Be a view that may go."""

    run(watch, name="GET /unknown")
    first, second = Unit("request", ""), Unit("request", "GET /")
    for unit, each in ((first, view), (second, made)):
        watch.begin(unit)
        unit.view, unit.name = each, "GET /"
        watch.end(unit, error=False)
    reference = weakref.ref(made)
    del made, each

    assert watch.code == {Operation("request", "GET /"): code_of(view)}
    assert (first.view, second.view, reference()) == (None, None, None)
    assert watch.observer.zoom.code is watch.code


def test_traced_windows_rest_once(watch: Watch, monkeypatch: pytest.MonkeyPatch) -> None:
    """However often it is planned meanwhile: a costly window's rest is longer than the time between two plans."""
    monkeypatch.setattr(observer, "TRACED_SHARE", 1e-9)
    watch.observer.every_unit, watch.observer.wake = True, 0.0
    for _ in range(3):
        unit = Unit("request", "GET /")
        watch.begin(unit)
        watch.end(unit, error=False)
    watch.observer.tick()
    wake = watch.observer.wake
    assert watch.observer.windows == 1
    monkeypatch.setattr(observer, "perf_counter", lambda: wake - 1.0)
    watch.observer.plan()

    assert watch.observer.wake == pytest.approx(wake)


def test_two_units_end_at_once(watch: Watch) -> None:
    """What waits for a quiet moment is done once, by one of them; the other finds nothing to do."""
    done: list[str] = []
    one, another = Unit("request", "GET /one"), Unit("request", "GET /another")
    watch.begin(one)
    watch.begin(another)
    watch.when_quiet = lambda: done.append("looked")
    watch.end(one, error=False)

    class Live(set[Unit]):
        def __len__(self) -> int:
            look, watch.when_quiet = watch.when_quiet, None
            assert look is not None
            look()
            return 0

    watch.live = Live(watch.live)
    watch.end(another, error=False)

    assert done == ["looked"]
