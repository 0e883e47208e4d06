import random

import pytest

from memguard.evidence import Site, TypeCount
from memguard.model import Operation
from memguard.readings import NATIVE, THREADS, Growth, Interval, LateLook, Survivors, WindowReading
from memguard.residue.books import Books
from memguard.residue.criteria import SURE
from memguard.residue.watched import COHORTS_MOST

SHOW, SAVE, LIST = (Operation("request", name) for name in ("GET /show", "POST /save", "GET /list"))
Mix = dict[Operation, int]
CACHE, ROWS = "shop.cache", "shop.rows"


def mixes(windows: int, seed: int = 3) -> list[Mix]:
    """Return the units of so many intervals, each of some operations in changing numbers."""
    chance = random.Random(seed)
    return [
        {each: chance.randint(1, 9) for each in chance.sample((SHOW, SAVE, LIST), chance.randint(1, 3))}
        for _ in range(windows)
    ]


def grow(books: Books, mix: Mix, **entries: int) -> None:
    """Let containers gain entries while these units ended: `cache=3` is three in `shop.cache`."""
    growths = tuple(Growth(f"shop.{name}", count, 1000) for name, count in entries.items())
    books.add_interval(Interval(tuple(mix.items()), containers=growths))


def window(mix: Mix, objects: int = 0, **more: object) -> WindowReading:
    """Return a settled window over these units that saw so many contexts alive."""
    types = (TypeCount("shop.Context", objects),) if objects else ()
    survivors = Survivors(objects, objects * 50, 0, types=types)
    return WindowReading(0.0, tuple(mix.items()), (), (), survivors, **more)  # type: ignore[arg-type]  # the tests' own names


def looked(mix: Mix, number: int, **alive: float) -> LateLook:
    """Return a look at a window over these units: so many of each type were alive, of ten survivors of five."""
    return LateLook(
        units=tuple((each, float(units)) for each, units in mix.items()),
        numbers=tuple((each, number) for each in mix),
        objects=10,
        followed=5,
        types=tuple(alive.items()),
        lines=(),
    )


def test_a_containers_growth_is_told_apart() -> None:
    """Operations come in changing mixes; only the one whose units it grows with is said to hold entries in it."""
    books = Books()
    for mix in mixes(60):
        grow(books, mix, cache=2 * mix.get(SHOW, 0))
    held = books.watched.held(SHOW)

    assert held is not None
    assert (held.path, held.size, held.bound, held.trend.windows) == (
        CACHE,
        1000,
        None,
        sum(SHOW in mix for mix in mixes(60)),
    )
    assert held.trend.whole.value == pytest.approx(2.0, abs=0.01)
    assert held.trend.whole.z > SURE
    assert books.watched.held(SAVE) is None
    assert books.watched.held(LIST) is None


def test_two_containers_and_two_operations() -> None:
    """Each operation is told the container that is its own."""
    books = Books()
    for mix in mixes(60):
        grow(books, mix, cache=mix.get(SHOW, 0), rows=3 * mix.get(SAVE, 0))

    held = [books.watched.held(operation) for operation in (SHOW, SAVE, LIST)]
    assert [each and each.path for each in held] == [CACHE, ROWS, None]


def test_intervals_before_a_container_was_watched_do_not_count() -> None:
    """It did not stand still then: nobody looked. Its rate is that of the intervals since."""
    books = Books()
    for mix in mixes(100):
        grow(books, mix, cache=mix.get(SHOW, 0))
    for mix in mixes(30, seed=4):
        grow(books, mix, cache=mix.get(SHOW, 0), rows=2 * mix.get(SHOW, 0))
    rows = books.watched.container(SHOW, ROWS)

    assert rows is not None
    assert rows.trend.windows == sum(SHOW in mix for mix in mixes(30, seed=4))
    assert rows.trend.whole.value == pytest.approx(2.0, abs=0.01)
    assert rows.trend.early.value == pytest.approx(2.0, abs=0.01)


def test_of_certain_ones_the_applications_own_comes_first() -> None:
    """One call may add to a list of the application's and to a registry of a library's, which grows even more surely."""
    books, chance = Books(), random.Random(1)
    for mix in mixes(60):
        own = Growth(CACHE, mix.get(SHOW, 0) + chance.randint(0, 1), 60, rank=0)
        registry = Growth("library.registry", mix.get(SHOW, 0), 60, rank=1)
        books.add_interval(Interval(tuple(mix.items()), containers=(registry, own)))
    held, registry_held = books.watched.held(SHOW), books.watched.container(SHOW, "library.registry")

    assert held is not None
    assert registry_held is not None
    assert held.path == CACHE
    assert registry_held.trend.whole.z > held.trend.whole.z > SURE


def test_a_certain_one_of_a_library_comes_before_a_likely_one_of_the_application() -> None:
    """What is not certain accuses nobody."""
    books, chance = Books(), random.Random(3)
    for mix in mixes(40):
        noisy = Growth(CACHE, mix.get(SHOW, 0) + chance.randint(-7, 7), 60, rank=0)
        certain = Growth("library.registry", mix.get(SHOW, 0), 60, rank=1)
        books.add_interval(Interval(tuple(mix.items()), containers=(noisy, certain)))
    held, likely = books.watched.held(SHOW), books.watched.container(SHOW, CACHE)

    assert held is not None
    assert likely is not None
    assert held.path == "library.registry"
    assert 2.5 < likely.trend.whole.z < SURE


def test_a_container_that_is_bounded() -> None:
    """Its bound and latest size are told, for the verdict to compare."""
    books = Books()
    for number, mix in enumerate(mixes(30)):
        growth = Growth(CACHE, mix.get(SHOW, 0), 100 + number, bound=500)
        books.add_interval(Interval(tuple(mix.items()), containers=(growth,)))
    held = books.watched.held(SHOW)

    assert held is not None
    assert (held.size, held.bound) == (129, 500)


def test_a_container_that_fills_up() -> None:
    """It grows in the earlier half and no more in the later."""
    books = Books()
    for number, mix in enumerate(mixes(128)):
        grow(books, mix, cache=mix.get(SHOW, 0) if number < 60 else 0)
    held = books.watched.container(SHOW, CACHE)

    assert held is not None
    assert held.trend.early.value > 0.7
    assert held.trend.recent.value == pytest.approx(0.0, abs=0.01)


def test_what_is_calm() -> None:
    """Watched long enough and not growing with any operation, lately; growth of one operation is enough to be kept."""
    books = Books()
    for number, mix in enumerate(mixes(64)):
        assert not books.watched.is_calm(ROWS, 64, 2.0), f"after {number} intervals nothing is known yet"
        grow(books, mix, cache=mix.get(LIST, 0), rows=0)

    assert books.watched.is_calm(ROWS, 64, 2.0)
    assert not books.watched.is_calm(CACHE, 64, 2.0)
    assert not books.watched.is_calm("shop.other", 64, 2.0)


def test_calm_is_what_happened_lately() -> None:
    """A cache that filled up while the process warmed up makes room."""
    books = Books()
    for number, mix in enumerate(mixes(160)):
        grow(books, mix, cache=mix.get(SHOW, 0) if number < 40 else 0)

    assert books.watched.is_calm(CACHE, 64, 2.0)


def test_what_is_forgotten_begins_anew() -> None:
    """Nothing is said of it any more; watched again, its history begins with that."""
    books = Books()
    for mix in mixes(60):
        grow(books, mix, cache=5 * mix.get(SHOW, 0), rows=mix.get(SAVE, 0))
    books.watched.forget(CACHE)
    assert books.watched.held(SHOW) is None
    assert books.watched.container(SHOW, CACHE) is None
    assert books.watched.held(SAVE) is not None, "another that is watched since the same moment is not forgotten"

    for mix in mixes(30, seed=5):
        grow(books, mix, cache=mix.get(SHOW, 0), rows=mix.get(SAVE, 0))
    again = books.watched.container(SHOW, CACHE)

    assert again is not None
    assert again.trend.whole.value == pytest.approx(1.0, abs=0.01)


def test_containers_that_come_one_after_the_other() -> None:
    """Histories are bounded: the youngest begins anew with each that comes, and none is left out for ever."""
    books, known = Books(), 0
    for number, mix in enumerate(mixes(20 * (COHORTS_MOST + 2))):
        known = 1 + number // 20
        growths = tuple(Growth(f"shop.box{each}", mix.get(SHOW, 0), 10) for each in range(known))
        books.add_interval(Interval(tuple(mix.items()), containers=growths))
    trends = [books.watched.container(SHOW, f"shop.box{number}") for number in range(known)]

    assert len(books.watched._cohorts) == COHORTS_MOST
    assert [each is not None and each.trend.whole.value == pytest.approx(1.0, abs=0.05) for each in trends] == [
        True
    ] * known


def test_intervals_without_containers_do_not_count_for_them() -> None:
    """What the process holds is read besides, over units of its own."""
    books = Books()
    for mix in mixes(40):
        grow(books, mix, cache=mix.get(SHOW, 0))
        books.add_interval(
            Interval(tuple(mix.items()), held=((THREADS, mix.get(SAVE, 0)), (NATIVE, 4096 * mix.get(LIST, 0))))
        )
    held = books.watched.held(SHOW)
    threads = {operation: dict(books.resources(operation))[THREADS].whole for operation in (SHOW, SAVE)}

    assert held is not None
    assert held.trend.whole.value == pytest.approx(1.0, abs=0.01)
    assert threads[SAVE].value == pytest.approx(1.0, abs=0.01)
    assert threads[SHOW].value == pytest.approx(0.0, abs=0.01)
    assert books.native(LIST).whole.value == pytest.approx(4096.0, rel=0.01)
    assert books.native(SAVE).whole.z < SURE


def test_windows_alone_and_mixed() -> None:
    """Rates come from all windows; windows over one operation are counted besides, without edges and later units."""
    books = Books()
    for number, mix in enumerate(mixes(60)):
        books.add(window(mix, 3 * mix.get(SHOW, 0), blocks=0))
        books.add(window({SHOW: 1 + number % 2}, 3 * (1 + number % 2)))
    books.add(WindowReading(0.0, ((SHOW, 1),), ((SHOW, 1),), (), None))
    books.add(WindowReading(0.0, ((SHOW, 1),), (), ((SHOW, 1),), None))
    alone = sum(set(mix) == {SHOW} for mix in mixes(60))
    early, recent = books.residue_rates(SHOW)

    assert books.alone_windows(SHOW) == 60 + alone
    assert books.alone(SHOW).whole.objects.value == pytest.approx(3.0, abs=0.01)
    assert early.value == pytest.approx(3.0, abs=0.05)
    assert recent.value == pytest.approx(3.0, abs=0.05)
    assert books.residue_rates(SAVE)[1].value == pytest.approx(0.0, abs=0.05)
    assert (books.covers(SAVE), books.covers(Operation("task", "never"))) == (True, False)


def test_bytes_are_traced_ones_where_there_are_any() -> None:
    """The shallow size of survivors does not know what text and numbers they hold."""
    shallow, traced = Books(), Books()
    for number in range(40):
        units = 1 + number % 3
        shallow.add(window({SHOW: units}, units, blocks=4 * units))
        traced.add(window({SHOW: units}, units, blocks=4 * units, traced=900 * units))

    assert shallow.bytes_and_blocks(SHOW) == pytest.approx((50.0, 4.0), rel=1e-3)
    assert traced.bytes_and_blocks(SHOW) == pytest.approx((900.0, 4.0), rel=1e-3)


def test_what_lasts() -> None:
    """Shares of what was followed and what stayed; the type that most certainly lasts; and the rate of that."""
    books = Books()
    for number in range(60):
        books.add_look(looked({SHOW: 2}, 200 + 2 * number, **{"shop.Context": 2.0, "shop.Rare": number % 7 == 0}))
    lasting = books.lasting(SHOW)

    assert (lasting.windows, lasting.type, lasting.is_sure) == (60, "shop.Context", True)
    assert lasting.followed == pytest.approx(0.5)
    assert lasting.stays == pytest.approx(2.15 / 5, abs=0.01)
    assert lasting.trend.whole.value == pytest.approx(1.0, abs=0.01)
    assert books.lasting(SAVE).windows == 0


def test_a_look_that_is_too_early_for_one_operation_is_no_test_of_it() -> None:
    """It explains what is alive, but only those that are due are put to the sequential test."""
    books = Books()
    for number in range(60):
        look = looked({SHOW: 1, SAVE: 1}, 200 + number, **{"shop.Context": 1.0})
        books.add_look(LateLook(look.units, ((SHOW, 200 + number),), look.objects, look.followed, look.types, ()))

    assert books._tests[SHOW].is_sure("shop.Context")
    assert SAVE not in books._tests


def test_what_is_confirmed_is_of_one_operation_and_type() -> None:
    """That one is held says nothing of another."""
    books = Books()
    for number in range(60):
        books.add_look(looked({(SHOW, SAVE)[number % 2]: 1}, 200 + number, **{"shop.Context": 1.0}))
    assert not books.lasting(SHOW).is_held
    books.confirm(SHOW, "shop.Context")

    assert books.lasting(SHOW).is_held
    assert not books.lasting(SAVE).is_held


def test_looks_are_forgotten() -> None:
    """Evidence and rates both begin anew; what windows and containers say stays."""
    books = Books()
    for number in range(60):
        books.add_look(looked({SHOW: 1}, 200 + number, **{"shop.Context": 1.0}))
        books.add(window({SHOW: 1}, 1))
        grow(books, {SHOW: 1 + number % 3}, cache=1 + number % 3)
    books.forget_looks()
    lasting = books.lasting(SHOW)
    books.add_look(looked({SHOW: 1}, 200, **{"shop.Context": 1.0}))
    assert not books._tests[SHOW].is_sure("shop.Context")

    assert (lasting.windows, lasting.type, lasting.is_sure, lasting.trend.windows) == (0, "", False, 0)
    assert books.residue_rates(SHOW)[0].value == pytest.approx(1.0, abs=0.01)
    assert books.watched.held(SHOW) is not None


def test_residue_is_what_was_seen_to_last() -> None:
    """Types and sites of windows stand in until something was looked at again."""
    books = Books()
    site = Site("shop/views.py", 7, "", "", 2, 100)
    for _ in range(40):
        books.add(window({SHOW: 1}, 2, sites=(site,)))
    early = books.residue(SHOW, sampled=40)
    for number in range(40):
        look = looked({SHOW: 1}, 200 + number, **{"shop.Row": 1.0})
        books.add_look(LateLook(look.units, look.numbers, 2, 2, look.types, ((("shop/models.py", 9), 1.0),)))
    late = books.residue(SHOW, sampled=40)

    assert early.types == (TypeCount("shop.Context", 80),)
    assert early.sites == (Site("shop/views.py", 7, "", "", 80, 80 * 50),)
    assert late.types == (TypeCount("shop.Row", 40),)
    assert [(each.file, each.line, each.objects) for each in late.sites] == [("shop/models.py", 9, 40)]
