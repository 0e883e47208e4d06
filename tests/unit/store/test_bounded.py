"""How much stores keep at most, of what comes by the thousand: the newest stay, in every store."""

from collections.abc import Callable

import pytest

from memguard.model import WorkerId
from memguard.store import Store, pruning, redis
from memguard.store.pruning import PRUNE_EVERY
from tests.unit.telling import NOW, event, told, unit

KEPT = 3
_READ: dict[str, Callable[[Store], list[float]]] = {
    "UNITS_KEPT": lambda store: [ended.at - NOW for _, ended in store.units()],
    "EVENTS_KEPT": lambda store: [happened.at - NOW for _, happened in store.events()],
    "WORKERS_KEPT": lambda store: sorted(state.id.pid for state in store.read().workers),
}


@pytest.mark.parametrize("constant", _READ)
def test_the_newest_stay(constant: str, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever told them, also where one flush brings more than are kept."""
    for module in (pruning, redis):
        monkeypatch.setattr(module, constant, KEPT)
    for number in range(9):
        at = NOW + number
        store.flush(told(WorkerId("here", number, NOW), at=at, units=(unit(at),), events=(event(at),)))
    late = [NOW + PRUNE_EVERY + number for number in range(5)]
    units, events = tuple(map(unit, late)), tuple(map(event, late))
    store.flush(told(WorkerId("here", 9, NOW), at=late[-1], units=units, events=events))
    store.flush(told(WorkerId("here", 10, NOW), at=late[-1] + PRUNE_EVERY))

    newest = [at - NOW for at in late[-KEPT:]]
    assert _READ[constant](store) == ([8, 9, 10] if constant == "WORKERS_KEPT" else newest)
