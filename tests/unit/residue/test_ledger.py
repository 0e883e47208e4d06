from dataclasses import replace

import pytest

from memguard.evidence import TypeCount
from memguard.model import OTHER, Operation, OperationStats
from memguard.readings import DESCRIPTORS, NATIVE, TASKS, THREADS, Interval, LateLook, Survivors, WindowReading
from memguard.residue.criteria import LASTING_SECONDS, LASTING_UNITS, WINDOWS_LEAST
from memguard.residue.ledger import OPERATIONS_MOST, WARM_UP_UNITS, Ledger

SHOW, SAVE = Operation("request", "GET /show"), Operation("request", "POST /save")
NOW = 1000.0


def window(objects: int, *operations: Operation) -> WindowReading:
    """Return a window over one unit of each operation that saw so many contexts alive."""
    survivors = Survivors(objects, 50 * objects, 0, types=(TypeCount("shop.Context", objects),) if objects else ())
    return WindowReading(NOW, tuple((each, 1) for each in operations), (), (), survivors, blocks=2 * objects)


def counted(units: int, *operations: Operation, seconds: float = LASTING_SECONDS) -> Ledger:
    """Return a ledger that has counted so many units of each operation, over so many seconds."""
    ledger = Ledger()
    for number in range(units):
        for operation in operations:
            ledger.count(operation, NOW + seconds * number / max(1, units - 1), error=False)
    return ledger


def look_again(ledger: Ledger, times: int = 60) -> None:
    """Of each window over one unit one context is still alive."""
    for number in range(times):
        ledger.add_look(LateLook(((SHOW, 1.0),), ((SHOW, LASTING_UNITS + number),), 1, 1, (("shop.Context", 1.0),), ()))


def told(ledger: Ledger, operation: Operation = SHOW) -> OperationStats:
    """Return what the ledger says of an operation, judged anew."""
    return next(each for each in ledger.judge() if each.judgement.operation == operation)


def test_units_and_errors_are_counted() -> None:
    """Each unit counts for its operation, with the moment of the latest one."""
    ledger = Ledger()
    for number in range(10):
        ledger.count(SHOW, NOW + number, error=number % 5 == 0)
    ledger.count(SAVE, NOW, error=False)
    stats = told(ledger)

    assert (stats.units, stats.errors, stats.last_seen, stats.sampled_units) == (10, 2, NOW + 9, 0)
    assert ledger.totals() == {SHOW: 10, SAVE: 1}
    assert (ledger.units(SAVE), ledger.units(Operation("task", "never"))) == (1, 0)


def test_a_flood_of_names_is_counted_together() -> None:
    """Operations known by then keep their names; later ones are `<other>`, by kind."""
    ledger = Ledger()
    for number in range(OPERATIONS_MOST):
        ledger.count(ledger.operation("request", f"GET /{number}"), NOW, error=False)

    assert ledger.operation("request", "GET /new") == Operation("request", OTHER)
    assert ledger.operation("task", "new") == Operation("task", OTHER)
    assert ledger.operation("request", "GET /7") == Operation("request", "GET /7")


def test_windows_over_the_first_units_do_not_count() -> None:
    """They import modules and fill caches. One operation's first unit spoils a window over others as well."""
    ledger = counted(WARM_UP_UNITS, SHOW)
    ledger.add(window(100, SHOW))
    assert told(ledger).sampled_units == 0
    assert told(ledger).judgement.reasons == ("no window has covered it since its first units",)

    ledger.count(SHOW, NOW, error=False)
    ledger.add(window(0, SHOW))
    ledger.count(SAVE, NOW, error=False)
    ledger.add(window(100, SHOW, SAVE))

    assert told(ledger).sampled_units == 1
    assert ledger.books.settled.whole.main.windows == 1
    assert ledger.windows == 3


def test_an_operation_is_judged_by_its_windows() -> None:
    """Clean once there are enough, warming until then, however many units were counted."""
    ledger = counted(LASTING_UNITS, SHOW, SAVE)
    for _ in range(WINDOWS_LEAST):
        ledger.add(window(0, SHOW))
    ledger.add(window(0, SAVE))

    assert told(ledger).judgement.verdict == "clean"
    assert told(ledger, SAVE).judgement.verdict == "warming"


def test_what_seems_to_last_waits_to_be_confirmed() -> None:
    """It is named for whoever can find out; accused when that has been done; and then waits no more."""
    ledger = counted(LASTING_UNITS + 60, SHOW)
    for _ in range(WINDOWS_LEAST * 2):
        ledger.add(window(1, SHOW))
    assert told(ledger).judgement.verdict != "leak"
    assert ledger.unconfirmed == []
    look_again(ledger)

    assert told(ledger).judgement.verdict == "suspect"
    assert ledger.unconfirmed == [(SHOW, "shop.Context")]
    told(ledger)
    assert len(ledger.unconfirmed) == 1, "judged again it is the same one"
    ledger.books.confirm(SHOW, "shop.Context")
    assert told(ledger).judgement.verdict == "leak"
    assert ledger.unconfirmed == []


@pytest.mark.parametrize(
    ("units", "seconds"), [(LASTING_UNITS - 1, LASTING_SECONDS), (LASTING_UNITS, LASTING_SECONDS - 1)]
)
def test_what_is_young_is_not_put_to_the_test(units: int, seconds: float) -> None:
    """A full collection for it would come too early."""
    ledger = counted(units, SHOW, seconds=seconds)
    for _ in range(WINDOWS_LEAST * 2):
        ledger.add(window(1, SHOW))
    look_again(ledger)

    assert told(ledger).judgement.verdict == "warming"
    assert ledger.unconfirmed == []


def test_a_leak_that_ends_is_remembered() -> None:
    """The verdict before is part of the evidence."""
    ledger = counted(LASTING_UNITS + 60, SHOW)
    for _ in range(WINDOWS_LEAST * 2):
        ledger.add(window(1, SHOW))
    look_again(ledger)
    ledger.books.confirm(SHOW, "shop.Context")
    assert told(ledger).judgement.verdict == "leak"
    ledger.books.forget_looks()
    for _ in range(WINDOWS_LEAST * 20):
        ledger.add(window(0, SHOW))

    assert told(ledger).judgement.verdict == "plateau"


def test_searches_count_for_operations_with_enough_units() -> None:
    """For others a container would not have had the time to grow."""
    ledger = counted(LASTING_UNITS, SHOW)
    ledger.count(SAVE, NOW, error=False)
    for _ in range(3):
        ledger.add_search()

    assert [ledger._counts[operation].searched for operation in (SHOW, SAVE)] == [3, 0]


def test_counts_between_verdicts() -> None:
    """Cheap: the latest counts with the verdicts of before, and nothing new for what was never judged."""
    ledger = counted(LASTING_UNITS, SHOW)
    for _ in range(WINDOWS_LEAST):
        ledger.add(window(0, SHOW))
    judged = ledger.judge()
    ledger.count(SHOW, NOW, error=True)
    ledger.count(SAVE, NOW, error=False)
    show, save = ledger.stats(judged)

    assert show == replace(judged[0], units=LASTING_UNITS + 1, errors=1, last_seen=NOW)
    assert (save.judgement.verdict, save.units) == ("warming", 1)


def test_clues_are_certain_rates() -> None:
    """Each is in its place; one that may be chance is none."""
    ledger, doubtful = counted(LASTING_UNITS, SHOW), counted(LASTING_UNITS, SHOW)
    for number in range(60):
        units = 1 + number % 3
        held = {THREADS: units, DESCRIPTORS: 2 * units, TASKS: 3 * units, NATIVE: 4096 * units}
        ledger.add_interval(Interval(((SHOW, units),), held=tuple(held.items())))
        doubtful.add_interval(Interval(((SHOW, units),), held=((THREADS, 30 if number % 15 == 2 else 0),)))
        ledger.add(WindowReading(NOW, ((SHOW, units),), (), (), Survivors(units, 1, 6 * units, 6 * units)))
    show = ledger.clues(SHOW)

    assert (show.threads, show.descriptors, show.tasks) == pytest.approx((1.0, 2.0, 3.0), abs=0.01)
    assert show.native_bytes == pytest.approx(4096, rel=0.01)
    assert show.garbage == pytest.approx(6.0, abs=0.01)
    assert doubtful.clues(SHOW).threads == 0.0


def test_what_an_attribution_rests_on() -> None:
    """Windows over one operation alone say it by themselves; else it is regression over mixed ones."""
    ledger = counted(LASTING_UNITS, SHOW, SAVE)
    for _ in range(20):
        ledger.add(window(1, SHOW, SAVE))
    for _ in range(WINDOWS_LEAST - 1):
        ledger.add(window(1, SHOW))
    mixed = ledger.attribution(SHOW)
    ledger.add(window(1, SHOW))

    assert mixed == f"regression over {20 + WINDOWS_LEAST - 1} windows that covered different mixes of operations"
    assert ledger.attribution(SHOW) == f"{WINDOWS_LEAST} windows covered nothing but this operation"
    assert ledger.attribution(SAVE).startswith("regression over 20 windows")
