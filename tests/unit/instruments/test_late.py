import gc
import weakref
from collections.abc import Iterator
from typing import Any

import pytest

from memguard.instruments.late import (
    EXHIBITED_MOST,
    EXHIBITS_MOST,
    FOLLOWED_A_TYPE,
    FOLLOWED_MOST,
    NAMES_REMEMBERED,
    SECONDS_FOR_ALL,
    SECONDS_MOST,
    SECONDS_UNTIL_LOOK,
    TRANSIENT_AFTER,
    TYPES_A_WINDOW,
    WINDOWS_MOST,
    LateObjects,
)
from memguard.model import Operation
from memguard.readings import LateLook
from tests.unit.instruments.planting import Planted, plant, plant_cycles

SHOW = Operation("request", "GET /show")
PLANTED = f"{Planted.__module__}.Planted"
NOW = 1000.0
LATER = NOW + SECONDS_UNTIL_LOOK


def nowhere(_: object) -> None:
    """No allocation is known."""


def follow(late: LateObjects, born: list[Any], *, now: float = NOW, due: int = 0, line: Any = nowhere) -> None:
    """Follow the survivors of a window over one unit."""
    late.follow(born, now, ((SHOW, 1.0),), {SHOW: due}, patience=0, line=line)


def look(late: LateObjects, now: float = LATER, units: int = 1) -> tuple[LateLook, ...]:
    """Look when so many units of the operation have run."""
    return late.look(now, lambda operation: units if operation == SHOW else 0)


@pytest.fixture
def late() -> LateObjects:
    """Return what follows nothing yet."""
    return LateObjects()


@pytest.fixture
def _collector_off() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.fixture
def _collected_when_asked() -> Iterator[None]:
    """The collector is on, and its turn never comes by itself."""
    thresholds = gc.get_threshold()
    gc.set_threshold(0)
    yield
    gc.set_threshold(*thresholds)


def kinds(count: int) -> list[type]:
    """Return so many classes of different names."""
    return [type(f"Kind{number}", (), {}) for number in range(count)]


def test_what_stays_and_what_goes() -> None:
    """Of each type it is told how many are alive; what has gone is in the counts of the window, but of no type."""
    late = LateObjects()
    stays, goes = plant(3), [type("Goes", (), {})() for _ in range(2)]
    follow(late, [*stays, *goes, {}, []])
    goes.clear()

    assert look(late) == (
        LateLook(units=((SHOW, 1.0),), numbers=((SHOW, 0),), objects=7, followed=5, types=((PLANTED, 3.0),), lines=()),
    )
    assert stays


def test_nothing_is_held() -> None:
    """What is followed goes when the host drops it, at once."""
    late = LateObjects()
    born = plant(3)
    references = [weakref.ref(each) for each in born]
    follow(late, born)
    born.clear()

    assert [reference() for reference in references] == [None] * 3


def test_each_window_is_looked_at_once() -> None:
    """A window that was looked at is followed no more."""
    late = LateObjects()
    kept = plant(1)
    follow(late, kept)

    assert len(look(late)) == 1
    assert look(late) == ()


@pytest.mark.parametrize(
    ("now", "units", "looks"),
    [
        (LATER, 10, 1),
        (LATER - 0.01, 10, 0),
        (LATER, 9, 0),
        (NOW + SECONDS_MOST - 1, 10, 1),
        (NOW + SECONDS_MOST * 2, 10, 1),
        (NOW + SECONDS_MOST - 1, 9, 0),
    ],
    ids=["due", "too early", "too few units", "long ago", "very long ago, but due", "long ago and too few units"],
)
def test_when_a_window_is_looked_at(now: float, units: int, looks: int) -> None:
    """A look is due when some seconds have passed and so many more units of the operation have run."""
    late = LateObjects()
    kept = plant(1)
    follow(late, kept, due=10)

    assert len(look(late, now, units)) == looks
    assert len(look(late, max(now, LATER), 10)) == 1 - looks
    assert kept


def test_a_window_over_a_busy_and_a_rare_operation() -> None:
    """It waits for both, but not for long: then the rare one counts by itself, so that it accuses nobody."""
    late = LateObjects()
    kept = plant(1)
    rare = Operation("request", "GET /rare")
    ran = {SHOW: 10, rare: 3}
    late.follow(kept, NOW, ((SHOW, 2.0), (rare, 1.0)), {SHOW: 10, rare: 10}, patience=0, line=nowhere)
    early = late.look(NOW + SECONDS_FOR_ALL - 0.1, ran.__getitem__)
    (found,) = late.look(NOW + SECONDS_FOR_ALL, ran.__getitem__)
    (show, units), (other, others) = found.units

    assert early == ()
    assert (show, units, others) == (SHOW, 2.0, 1.0)
    assert other not in (SHOW, rare)
    assert rare.name in other.name
    assert found.types == ((PLANTED, 1.0),)


def test_a_window_whose_operations_are_all_due() -> None:
    """It is looked at at once, under their own names."""
    late = LateObjects()
    kept = plant(1)
    rare = Operation("request", "GET /rare")
    late.follow(kept, NOW, ((SHOW, 2.0), (rare, 1.0)), {SHOW: 10, rare: 10}, patience=0, line=nowhere)

    assert [each.units for each in late.look(LATER, lambda _: 10)] == [((SHOW, 2.0), (rare, 1.0))]
    assert kept


def test_a_window_whose_operation_comes_no_more() -> None:
    """It is given up after a long time, so that it takes no place for ever."""
    late = LateObjects()
    kept = plant(1)
    follow(late, kept, due=10)

    assert look(late, NOW + SECONDS_MOST, 9) == ()
    assert look(late, NOW + SECONDS_MOST, 10) == ()
    assert kept


def test_windows_that_wait_do_not_hold_up_the_others() -> None:
    """All windows whose time has come are looked at, oldest first, whichever stand before them and wait on."""
    late = LateObjects()
    kept = plant(1)
    for number in range(10):
        late.follow(kept, NOW, ((SHOW, float(number)),), {SHOW: 10 if number % 2 else 99}, patience=0, line=nowhere)

    assert [each.units[0][1] for each in look(late, LATER, 10)] == [1, 3, 5, 7, 9]
    assert look(late, LATER, 98) == ()
    assert [each.units[0][1] for each in look(late, LATER, 99)] == [0, 2, 4, 6, 8]


def test_the_queue_is_bounded() -> None:
    """While it is full windows pass unfollowed: none that waits is pushed out, however fast new ones come."""
    late = LateObjects()
    first, others = plant(1), plant(1)
    follow(late, first)
    for _ in range(WINDOWS_MOST + 10):
        follow(late, others)
    first.clear()
    found = look(late)

    assert len(found) == WINDOWS_MOST
    assert [each.types for each in found[:2]] == [(), ((PLANTED, 1.0),)]


def test_a_few_of_many_stand_for_all() -> None:
    """Of a type of which there are many only some are followed; what is alive is an estimate for all of them."""
    late = LateObjects()
    born = plant(FOLLOWED_A_TYPE * 100)
    follow(late, born)
    assert sum(weakref.getweakrefcount(each) for each in born) == FOLLOWED_A_TYPE
    gone = next(each for each in born if weakref.getweakrefcount(each))
    born.remove(gone)
    del gone
    (found,) = look(late)

    assert found.objects == found.followed == FOLLOWED_A_TYPE * 100
    assert dict(found.types)[PLANTED] == pytest.approx((FOLLOWED_A_TYPE - 1) * 100)


def test_those_followed_are_spread_over_the_window() -> None:
    """The first and the last born are followed as well as those between: they may be of different units."""
    late = LateObjects()
    born = plant(FOLLOWED_A_TYPE * 10)
    follow(late, born)
    chosen = [number for number, each in enumerate(born) if weakref.getweakrefcount(each)]

    assert chosen == [number * 10 for number in range(FOLLOWED_A_TYPE)]


def test_classes_of_one_name_are_one_type() -> None:
    """A class made anew by every unit is counted with its namesakes."""
    late = LateObjects()
    born = [type("Row", (), {})() for _ in range(7)]
    follow(late, born)
    (found,) = look(late)

    assert dict(found.types) == {f"{__name__}.Row": pytest.approx(7.0)}
    assert born


def test_what_cannot_be_followed() -> None:
    """Lists, dicts and instances without room for a weak reference are in the window's count alone."""

    class Bare:
        __slots__ = ("value",)

    late = LateObjects()
    born = [Bare(), [], {}, set(), frozenset()]
    follow(late, born)
    (found,) = look(late)

    assert found.objects == 5
    assert found.followed == 2, "sets take weak references"
    assert {name for name, _ in found.types} == {"set", "frozenset"}
    assert born


def test_the_most_frequent_types_are_followed() -> None:
    """There are places for so many types; what has none counts as followed, and is not known to be alive."""
    late = LateObjects()
    born = [kind() for number, kind in enumerate(kinds(TYPES_A_WINDOW + 3)) for _ in range(number + 1)]
    follow(late, born)
    (found,) = look(late)

    assert found.followed == found.objects == len(born)
    assert [name.rpartition("Kind")[2] for name, _ in found.types] == [str(n) for n in range(TYPES_A_WINDOW + 2, 2, -1)]


def test_a_type_that_never_stays_makes_room() -> None:
    """Once many of a type were looked at and none was alive, its place goes to a type that may stay."""
    late = LateObjects()
    passing = kinds(TYPES_A_WINDOW)
    for _ in range(TRANSIENT_AFTER):
        follow(late, [kind() for kind in passing])
        assert [each.types for each in look(late)] == [()]
    kept = plant(1)
    follow(late, [*kept, *(kind() for kind in passing for _ in range(2))])
    (found,) = look(late)

    assert found.types == ((PLANTED, 1.0),)
    assert found.followed == found.objects == 1 + 2 * TYPES_A_WINDOW


def test_a_type_that_never_stayed_begins_to_stay() -> None:
    """It is followed on where there is room: one operation's passing objects are another's leak."""
    late = LateObjects()
    for _ in range(TRANSIENT_AFTER):
        follow(late, plant(2))
        look(late)
    kept = plant(2)
    follow(late, kept)

    assert [each.types for each in look(late)] == [((PLANTED, 2.0),)]


def test_a_type_that_stayed_once_keeps_its_place() -> None:
    """Only a type that was never seen to stay gives way."""
    late = LateObjects()
    first = kinds(TYPES_A_WINDOW)
    kept = [kind() for kind in first]
    follow(late, kept)
    look(late)
    for _ in range(TRANSIENT_AFTER):
        follow(late, [kind() for kind in first])
        look(late)
    born = [kind() for kind in first for _ in range(2)]
    follow(late, [*born, *plant(1)])

    assert len(look(late)[0].types) == TYPES_A_WINDOW
    assert kept


def test_names_are_not_remembered_for_ever() -> None:
    """A host that gives each class a name of its own does not make memguard grow."""
    late = LateObjects()
    for number in range(NAMES_REMEMBERED + 200):
        follow(late, [type(f"Row{number}", (), {})()])
        look(late)

    assert 0 < len(late._looked) <= NAMES_REMEMBERED + 1
    assert len(late._alive) <= NAMES_REMEMBERED + 1


def test_what_is_followed_is_bounded() -> None:
    """Windows that leave very much take no more places than so many objects, and give them back."""
    late = LateObjects()
    born = [kind() for kind in kinds(TYPES_A_WINDOW) for _ in range(FOLLOWED_A_TYPE)]
    windows = 0
    while windows == len(late._windows):
        follow(late, born)
        windows += 1
    assert FOLLOWED_MOST <= (windows - 1) * len(born) < FOLLOWED_MOST + len(born)
    assert len(look(late)) == windows - 1
    follow(late, born)

    assert len(look(late)) == 1


def test_lines_of_what_stays() -> None:
    """Where the survivors that stay were allocated is told with how many they stand for."""
    late = LateObjects()
    born, others = plant(FOLLOWED_A_TYPE * 2), [type("Other", (), {})() for _ in range(2)]
    places: dict[int, tuple[str, int] | None] = {id(each): ("views.py", 7) for each in born}
    places |= {id(born[0]): ("views.py", 9), id(others[0]): ("views.py", 7), id(others[1]): None}
    follow(late, [*born, *others], line=lambda each: places[id(each)])
    (found,) = look(late)

    assert dict(found.lines) == {("views.py", 9): 2.0, ("views.py", 7): 2.0 * (FOLLOWED_A_TYPE - 1) + 1.0}


def test_no_host_code_runs() -> None:
    """A class decides nothing: neither its hash nor its metaclass is asked while its instances are followed."""
    ran = list[str]()

    class Meta(type):
        def __getattribute__(cls, name: str) -> object:
            ran.append(name)
            return super().__getattribute__(name)

        def __hash__(cls) -> int:
            ran.append("hash")
            return 1

        def __eq__(cls, other: object) -> bool:
            ran.append("eq")
            return True

    class Hostile(metaclass=Meta):
        pass

    late = LateObjects()
    born = [object.__new__(Hostile)]
    ran.clear()
    follow(late, born)
    seen = tuple(ran)
    (found,) = look(late)

    assert seen == ()
    assert [name.rpartition(".")[2] for name, _ in found.types] == ["Hostile"]
    gc.collect()
    assert born


def test_exhibits(late: LateObjects) -> None:
    """Some of what was alive when looked at again, of one operation and type; what goes later is shown no more."""
    kept, others = plant(3), [type("Other", (), {})() for _ in range(2)]
    for each in kept:
        follow(late, [each, *others])
    assert late.exhibits(SHOW, PLANTED) == []
    look(late)
    assert late.exhibits(SHOW, PLANTED) == kept
    assert late.exhibits(Operation("request", "GET /other"), PLANTED) == []
    del kept[0]

    assert late.exhibits(SHOW, PLANTED) == kept
    assert len(late.exhibits(SHOW, f"{__name__}.Other")) == 3


def test_the_latest_exhibits_are_shown(late: LateObjects) -> None:
    """Few are kept in view of each operation and type, and of so many of these."""
    kept = plant(EXHIBITS_MOST + 3)
    for each in kept:
        follow(late, [each])
    look(late)
    assert late.exhibits(SHOW, PLANTED) == kept[3:]

    several = [kind() for kind in kinds(EXHIBITED_MOST + 5)]
    for each in several:
        follow(late, [each])
        look(late)
    shown = [late.exhibits(SHOW, f"{__name__}.Kind{number}") for number in range(len(several))]

    assert sum(map(bool, shown)) == EXHIBITED_MOST - 1


def test_an_operation_that_is_not_due_has_no_exhibits(late: LateObjects) -> None:
    """What is alive may still be replaced by the time its turn comes."""
    kept, rare = plant(1), Operation("request", "GET /rare")
    late.follow(kept, NOW, ((SHOW, 2.0), (rare, 1.0)), {SHOW: 10, rare: 10}, patience=0, line=nowhere)
    late.look(NOW + SECONDS_FOR_ALL, {SHOW: 10, rare: 3}.__getitem__)

    assert late.exhibits(SHOW, PLANTED) == kept
    assert late.exhibits(rare, PLANTED) == []


def test_exhibits_are_not_held(late: LateObjects) -> None:
    """They are shown for one call."""
    kept = plant(1)
    reference = weakref.ref(kept[0])
    follow(late, kept)
    look(late)
    shown = late.exhibits(SHOW, PLANTED)
    shown.clear()
    kept.clear()

    assert reference() is None


@pytest.mark.usefixtures("_collected_when_asked")
def test_everything_is_given_up(late: LateObjects) -> None:
    """Windows that wait, exhibits, and places in the queue; what is followed from then on is looked at as ever."""
    kept = [kind() for kind in kinds(TYPES_A_WINDOW) for _ in range(FOLLOWED_A_TYPE)]
    follow(late, kept)
    look(late)
    while len(late._windows) * len(kept) < FOLLOWED_MOST:
        follow(late, kept)
    late.forget()
    assert look(late) == ()
    assert late.exhibits(SHOW, f"{__name__}.Kind0") == []
    follow(late, kept)
    gc.collect()

    assert len(look(late)) == 1


@pytest.mark.usefixtures("_collected_when_asked")
def test_garbage_that_waits_for_a_full_collection(late: LateObjects) -> None:
    """Once it was taken for what is held, windows are looked at only after a full collection, and show none of it."""
    before = late.awaits_collections
    late.forget()
    assert (before, late.awaits_collections) == (False, True)
    kept, cycles = plant(1), plant_cycles(1)
    follow(late, [*kept, *cycles])
    cycles.clear()
    assert look(late, LATER) == ()
    gc.collect(1)
    assert look(late, NOW + SECONDS_FOR_ALL) == ()
    gc.collect()

    assert [each.types for each in look(late, LATER)] == [((PLANTED, 1.0),)]


@pytest.mark.usefixtures("_collected_when_asked")
def test_a_window_after_a_full_collection_waits_for_the_next(late: LateObjects) -> None:
    """The one before it has freed nothing of it."""
    late.forget()
    kept = plant(2)
    follow(late, kept[:1])
    gc.collect()
    follow(late, kept[1:])

    assert len(look(late)) == 1
    assert look(late) == ()


@pytest.mark.usefixtures("_collector_off")
def test_without_a_collector_nothing_is_waited_for(late: LateObjects) -> None:
    """The host has switched it off, so no full collection will come."""
    late.forget()
    kept = plant(1)
    follow(late, kept)

    assert len(look(late)) == 1


@pytest.mark.usefixtures("_collected_when_asked")
def test_a_full_collection_that_never_comes(late: LateObjects) -> None:
    """After a long time a window that is due is looked at all the same."""
    late.forget()
    kept = plant(1)
    follow(late, kept)

    assert look(late, NOW + SECONDS_MOST - 1) == ()
    assert len(look(late, NOW + SECONDS_MOST)) == 1
