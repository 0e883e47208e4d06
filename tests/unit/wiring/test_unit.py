import weakref
from time import perf_counter

import pytest

from memguard.wiring.unit import Unit
from tests.unit.instruments.planting import Planted


def test_a_unit_begins_when_it_is_made() -> None:
    """Its time runs from then on, whenever it is asked."""
    before = perf_counter()
    unit = Unit("request", "GET /")
    between = unit.seconds()

    assert before <= unit.began <= perf_counter()
    assert 0 <= between <= unit.seconds()
    assert not unit.ended
    assert not unit.overlapped


def test_the_body_that_left() -> None:
    """When the last message of the body left is known once it was said, and stays unknown where nobody says it."""
    unit = Unit("request", "GET /")
    assert unit.body_seconds() is None
    unit.body_sent()
    at = unit.body_seconds()

    assert at is not None
    assert 0 <= at <= unit.seconds()
    assert unit.body_seconds() == at


def test_its_name_can_be_set_later() -> None:
    """The route is known only inside the framework."""
    unit = Unit("request", "<unmatched>")
    unit.name = "GET /users/<id>"

    assert (unit.kind, unit.name) == ("request", "GET /users/<id>")


def test_nothing_else_can_be_put_on_it() -> None:
    """A unit is small, and no adapter hides things on it; it can be referred to weakly."""
    unit = Unit("request", "GET /")
    with pytest.raises(AttributeError):
        unit.request = object()  # type: ignore[attr-defined]  # that is the point

    assert weakref.ref(unit)() is unit


def test_what_expires_with_it() -> None:
    """The framework's objects are referred to weakly, in the order they are named; what takes no reference is ignored."""
    unit = Unit("request", "GET /")
    request, response = Planted(), Planted()
    unit.expires(request, "request")
    unit.expires({}, "scope")
    unit.expires(None, "body")
    unit.expires(response, "response")
    del request

    assert [(label, reference()) for label, reference in unit.expiring] == [("request", None), ("response", response)]


def test_after_its_end_nothing_expires_with_it() -> None:
    """Whoever keeps the unit must not be seen to keep more by it."""
    unit = Unit("request", "GET /")
    unit.ended = True
    unit.expires(Planted(), "request")

    assert unit.expiring == ()
