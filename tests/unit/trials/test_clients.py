from dataclasses import replace

import pytest

from memguard.evidence import Holder, Link
from memguard.explain.holders import Found
from memguard.readings import Trace
from memguard.trials.clients import is_a_clients, is_their_registry

LIBRARY = "/srv/lib/site-packages/django"
WEAKREF, DISPATCHER, CLIENT = (
    "/usr/lib/python3.11/weakref.py",
    f"{LIBRARY}/dispatch/dispatcher.py",
    f"{LIBRARY}/test/client.py",
)
VIEW, HANDLER = "/srv/shop/views.py", f"{LIBRARY}/core/handlers/base.py"


def trace(*files: str) -> Trace:
    """Return where something was allocated, innermost first."""
    return Trace(tuple((file, 1) for file in files), 1, 100)


@pytest.mark.parametrize(
    ("files", "own"),
    [
        ((DISPATCHER, CLIENT), True),
        ((WEAKREF, WEAKREF, DISPATCHER, CLIENT, VIEW), True),
        ((WEAKREF, DISPATCHER, VIEW, HANDLER, CLIENT), False),
        ((HANDLER, CLIENT), False),
        ((VIEW, HANDLER, CLIENT), False),
        ((WEAKREF,), False),
    ],
)
def test_what_djangos_client_connects_is_its_own(files: tuple[str, ...], own: bool) -> None:
    """A signal that a view connects is the application's, though a client asked for the view."""
    assert is_a_clients([trace(*files)]) is own


def test_all_of_it_must_be_known_to_be_the_clients() -> None:
    """Where one is another's, or nothing is known, it is judged like anything else."""
    assert is_a_clients([trace(DISPATCHER, CLIENT), trace(DISPATCHER, CLIENT)])
    assert not is_a_clients([trace(DISPATCHER, CLIENT), trace(DISPATCHER, VIEW)])
    assert not is_a_clients([])


def test_the_list_of_finalizers_grows_by_theirs_alone() -> None:
    """One that grows by more, or another container, is judged."""
    holder = Holder("weakref.finalize._registry", "class weakref.finalize", "class", (Link("dict", "", 9),), 9, 3.0)
    left = [("weakref.finalize", 3.0), ("method", 3.0)]

    assert is_their_registry(Found(holder, None), left)
    assert not is_their_registry(Found(replace(holder, growth_per_unit=4.0), None), left)
    assert not is_their_registry(Found(replace(holder, path="shop._orders"), None), left)
    assert not is_their_registry(Found(holder, None), [])
