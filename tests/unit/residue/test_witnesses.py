"""Who was there when a container gained something: planted causes under random schedules of overlapping units."""

from collections import Counter
from random import Random

import pytest

from memguard.model import Operation
from memguard.readings import Growth
from memguard.residue.criteria import SURE
from memguard.residue.regression import Rate
from memguard.residue.watched import Watched
from memguard.residue.witnesses import GAINS_LEAST, GAINS_MOST, Company, Witnesses

SHOW, SAVE, LIST, SEARCH = (Operation("request", f"GET /{name}") for name in ("show", "save", "list", "search"))
ALL = (SHOW, SAVE, LIST, SEARCH)
PATH = "shop.cache"


class Service:
    """Units of four operations on some threads; what is noted of it is what the end of each unit shows."""

    def __init__(self, seed: int, threads: int = 4) -> None:
        self.random = Random(seed)
        self.company, self.units = Company(), Counter[Operation]()
        self.witnesses = Witnesses(self.units)
        self.flying: list[Operation] = [self.next() for _ in range(threads)]
        self.left = 0

    def next(self) -> Operation:
        """Return what a thread runs next."""
        return self.random.choice(ALL)

    def run(self, units: int, leaks: dict[Operation, float], *, by_itself: float = 0.0, seen: bool = True) -> None:
        """Run so many units, of which some leave an entry, as something else does beside them, some times a unit."""
        for number in range(units):
            place = self.random.randrange(len(self.flying))
            ended, present = self.flying[place], frozenset(self.flying)
            self.units[ended] += 1
            entries = (self.random.random() < leaks.get(ended, 0.0)) + (self.random.random() < by_itself)
            self.left += entries
            if entries and seen:
                self.witnesses.changed(entries, present)
            elif entries:
                self.witnesses.grown(entries)
            self.company.saw(ended, present, 0.01)
            self.flying[place] = self.next()
            if number % 50 == 0:
                self.witnesses.mark(self.units)
        self.witnesses.mark(self.units)

    @property
    def proven(self) -> Operation | None:
        """Who is proven by now."""
        return self.witnesses.proven(self.company)


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("rate", [1.0, 0.05, 0.01])
def test_the_one_that_leaves_them_is_proven(seed: int, rate: float) -> None:
    """However rare it is: it takes gains, not units. Its rate is right within its error."""
    service = Service(seed)
    while service.witnesses.gains < 80:
        service.run(200, {SAVE: rate})
    trend = service.witnesses.trend(SAVE)

    assert service.proven == SAVE
    assert trend.whole.value == pytest.approx(service.left / service.units[SAVE])
    assert trend.whole.z >= SURE
    assert trend.whole.value == pytest.approx(rate, abs=3 * trend.whole.error)


@pytest.mark.parametrize("seed", range(50))
def test_nobody_is_proven_of_what_goes_on_by_itself(seed: int) -> None:
    """A thread of the application's puts something there now and then, whoever is in flight."""
    service = Service(seed)
    for _ in range(20):
        service.run(40, {}, by_itself=0.5)
        assert service.proven is None


@pytest.mark.parametrize("seed", range(50))
def test_nobody_innocent_is_proven_where_two_leave_something(seed: int) -> None:
    """Each is missing at gains of the other's, which regression tells apart; a third one is not always there, either."""
    service = Service(seed)
    for _ in range(20):
        service.run(40, {SAVE: 0.3, LIST: 0.1})
        assert service.proven in {SAVE, None}


def test_one_that_always_comes_with_others_is_not_taken_for_them() -> None:
    """A page asks for three things at once, of which two leave something: it is beside both each time."""
    company, units = Company(), Counter[Operation]()
    witnesses = Witnesses(units)
    for number in range(600):
        cause = (SAVE, LIST)[number % 2]
        for ended in (cause, SHOW, SEARCH):  # SEARCH runs alone much more often, so that SHOW is seldom in flight
            present = {SHOW, cause} if ended != SEARCH else {SEARCH}
            company.saw(ended, present, 0.01 if ended != SEARCH else 1.0)
            units[ended] += 1
        witnesses.changed(1, {SHOW, cause})
        witnesses.mark(units)
        assert witnesses.proven(company) is None


def test_one_that_is_always_in_flight_proves_nothing() -> None:
    """It would be there in any case."""
    company, units = Company(), Counter({SHOW: 1000, SEARCH: 1000})
    witnesses = Witnesses({})
    for _ in range(GAINS_MOST):
        company.saw(SHOW, {SHOW, SEARCH}, 0.01)
        company.saw(SEARCH, {SEARCH}, 0.01)
        witnesses.changed(1, {SEARCH})
    witnesses.mark(units)
    assert company.share(SEARCH, {SEARCH}) == pytest.approx(1.0)
    assert witnesses.proven(company) is None


def test_too_few_gains_prove_nothing() -> None:
    """Nor do gains at which it is not known who was there."""
    service = Service(1)
    service.run(4000, {SAVE: 1.0}, seen=False)
    assert service.proven is None
    service.run(GAINS_LEAST, {SAVE: 1.0})
    assert service.witnesses.gains < GAINS_LEAST
    assert service.proven is None


def test_what_is_taken_out_again_is_nobodys() -> None:
    """One operation fills a queue, another empties it."""
    service = Service(2)
    for _ in range(20):
        service.run(20, {SAVE: 1.0})
        service.witnesses.changed(-service.left, {LIST})
        service.left = 0
    assert service.proven is None


def test_one_that_stops_has_stopped() -> None:
    """A cache that is full: the later part of the units shows no growth."""
    service = Service(3)
    service.run(400, {SAVE: 1.0})
    service.run(4000, {})
    trend = service.witnesses.trend(SAVE)
    assert trend.early.value > 4 * trend.recent.value


def test_a_name_that_was_wrong_now_and_then_does_not_matter() -> None:
    """A unit may end under another name than it was in flight with."""
    service = Service(4)
    service.run(4000, {SAVE: 0.1})
    service.witnesses.changed(1, {LIST})
    assert service.proven == SAVE


def _told(watched: Watched, service: Service, size: int, entries: int) -> None:
    units = dict.fromkeys(range(len(ALL)), 10.0)  # a mix that never changes tells regression nothing
    watched.add(units, [Growth(PATH, entries, size, None, 0)])


def test_a_container_that_regression_cannot_explain_gets_its_owner() -> None:
    """From then on it grows with that operation, and with no other; what intervals see is added to it."""
    watched, service = Watched(ALL.index), Service(5)
    for number in range(10):
        _told(watched, service, number, 1)
    assert watched.unexplained(service.units) == [PATH]
    watched.company = service.company
    service.witnesses = watched._witnesses[PATH]
    service.run(1000, {SAVE: 0.2})
    assert watched.unexplained(service.units) == [PATH], "it is read on, in case that another one begins"

    held = watched.held(SAVE)
    assert held is not None
    assert held.path == PATH
    assert held.trend.whole.value == pytest.approx(0.2, rel=0.3)
    for other in (SHOW, LIST, SEARCH):
        assert watched.held(other) is None
        rows = watched.container(other, PATH)
        assert rows is not None
        assert rows.trend.whole == Rate(0.0, 0.0)
    assert watched.witnessed(SAVE, PATH) == service.witnesses.gains
    assert watched.witnessed(SHOW, PATH) == 0
    assert watched.grows_with_any(PATH, SURE)
    assert not watched.is_calm(PATH, 5, SURE)
    while not service.witnesses.is_complete:
        service.run(1000, {SAVE: 0.2})
    assert watched.unexplained(service.units) == []
    held = watched.container(SAVE, PATH)
    assert held is not None
    for number in range(10):
        _told(watched, service, 1000 + number, 100)
    watched.unexplained(service.units)
    later = watched.container(SAVE, PATH)
    assert later is not None
    assert later.trend.whole.value > held.trend.whole.value

    watched.forget(PATH)
    assert watched.held(SAVE) is None
    assert not watched.grows_with_any(PATH, SURE)
